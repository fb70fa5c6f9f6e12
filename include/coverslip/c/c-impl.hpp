// The C API on top of the C++ API: nothing here knows more than coverslip.hpp says.
#pragma once
#include <algorithm>
#include <mutex>
#include <new>

#include "coverslip/c/coverslip.h"
#include "coverslip/coverslip.hpp"

struct coverslip_model {
  coverslip::Model model;
};

struct coverslip_session {
  coverslip::Session session;
  std::mutex mutex;
  std::vector<coverslip::Tensor> outputs;  // of the last run
  std::string text;                        // of the last description
};

struct coverslip_control {
  std::atomic<bool> stop = false;
  std::atomic<double> progress = 0.0;
};

namespace coverslip {
inline namespace v0 {
namespace c {

static_assert(COVERSLIP_BAD_MODEL == static_cast<int>(Errc::BadModel) + 1);
static_assert(COVERSLIP_CANCELLED == static_cast<int>(Errc::Cancelled) + 1);
static_assert(COVERSLIP_F32 == static_cast<int>(DType::f32) && COVERSLIP_BOOL == static_cast<int>(DType::boolean));
static_assert(COVERSLIP_MOST_AXES == kMaxRank && COVERSLIP_FREE == kFree);

// Cuts the text where it is too long, never inside of a UTF-8 character.
template <std::size_t kSize>
void copy_text(char (&to)[kSize], std::string_view text) {
  std::size_t n = std::min(text.size(), kSize - 1);
  while (n < text.size() && n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0u) == 0x80u) --n;
  std::copy_n(text.data(), n, to);
  to[n] = '\0';
}

inline coverslip_code fill(coverslip_error* error, coverslip_code code, std::string_view where, std::string_view what) {
  if (error != nullptr) {
    error->code = code;
    copy_text(error->where, where);
    copy_text(error->message, what);
  }
  return code;
}

// Calls f; whatever it throws becomes a code and a filled error.
template <class F>
coverslip_code guarded(coverslip_error* error, const F& f) noexcept {
  try {
    f();
    return COVERSLIP_OK;
  } catch (const Error& e) {
    return fill(error, static_cast<coverslip_code>(e.code()) + 1, e.where(), e.message());
  } catch (const std::bad_alloc&) {
    return fill(error, COVERSLIP_OUT_OF_MEMORY, "memory", "the system does not give what is needed");
  } catch (const std::exception& e) {
    return fill(error, COVERSLIP_INTERNAL, "coverslip", e.what());
  } catch (...) {
    return fill(error, COVERSLIP_INTERNAL, "coverslip", "an unknown exception");
  }
}

template <class T>
T& given(T* pointer, const char* what) {
  if (pointer == nullptr) throw Error(Errc::BadInput, what, "is NULL");
  return *pointer;
}

template <class Names>
std::size_t named(const char* what, std::string_view name, const Names& names) {
  std::string all;
  for (std::size_t i = 0; i < std::size(names); ++i) {
    if (names[i] == name) return i;
    all += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  throw Error(Errc::BadInput, what, "wants one of ", all, ", got '", name, "'");
}

// Takes of the struct what the program that gives it knew.
inline Options options_of(const coverslip_options* from) {
  constexpr std::size_t kMost = 4096;
  if (from == nullptr) return {};
  if (from->size < sizeof from->size || from->size > kMost)
    throw Error(Errc::BadInput, "options", "size is ", from->size, ", wants ", sizeof *from,
                "; begin with COVERSLIP_OPTIONS");
  const auto* bytes = reinterpret_cast<const unsigned char*>(from);
  if (std::any_of(bytes + std::min(from->size, sizeof *from), bytes + from->size,
                  [](unsigned char b) { return b != 0; }))
    throw Error(Errc::Unsupported, "options", "has fields that this version does not know: a newer library is needed");
  coverslip_options known COVERSLIP_OPTIONS;
  std::memcpy(&known, from, std::min(from->size, sizeof known));
  Options options{.threads = known.threads,
                  .max_memory = static_cast<std::size_t>(known.max_memory),
                  .winograd = known.no_winograd == 0};
  if (known.target != nullptr)
    options.target = Target{static_cast<std::uint8_t>(named("target", known.target, kTargetNames))};
  if (known.precision != nullptr)
    options.precision = Precision{static_cast<std::uint8_t>(named("precision", known.precision, kPrecisionNames))};
  return options;
}

inline Shape shape_of(const coverslip_tensor& t, const std::string& where) {
  if (t.rank > kMaxRank) throw Error(Errc::BadShape, where, "at most ", kMaxRank, " axes are supported, got ", t.rank);
  Shape shape(std::span<const Dim>(t.dims, t.rank));
  std::int64_t elements = 1;
  for (const Dim dim : shape) {
    constexpr Dim kMost = Dim{1} << 56;
    if (dim < 0 || (dim > 0 && elements > kMost / dim))
      throw Error(Errc::BadShape, where, "dims of ", shape, " cannot be those of an array");
    elements *= dim;
  }
  return shape;
}

// Looks at the caller's memory.
inline Tensor tensor_of(const coverslip_tensor& t, const std::string& where) {
  static std::byte nothing{};
  if (t.dtype < COVERSLIP_F32 || t.dtype > COVERSLIP_BOOL)
    throw Error(Errc::BadInput, where, "there is no dtype ", t.dtype);
  const TensorType type{static_cast<DType>(t.dtype), shape_of(t, where)};
  auto* data = static_cast<std::byte*>(t.data);
  if (t.bytes < type.bytes() || (data == nullptr && type.bytes() > 0))
    throw Error(Errc::BadInput, where, type, " needs ", type.bytes(), " bytes, got ", data == nullptr ? 0 : t.bytes);
  if (reinterpret_cast<std::uintptr_t>(data) % size_of(type.dtype) != 0)
    throw Error(Errc::BadInput, where, "data begins at no multiple of ", size_of(type.dtype), ", an element's size");
  return Tensor(type, Bytes(Bytes(), data != nullptr ? data : &nothing));
}

inline void describe_type(const TensorType& type, coverslip_tensor& t) {
  t.dtype = static_cast<coverslip_dtype>(type.dtype);
  t.rank = static_cast<std::uint32_t>(type.shape.rank());
  std::copy(type.shape.begin(), type.shape.end(), t.dims);
  t.bytes = std::ranges::count(type.shape, kFree) > 0 ? 0 : type.bytes();
}

// Into the caller's memory where he gave enough; returns whether he did. Without any it says what is needed.
inline bool deliver(const Tensor& from, coverslip_tensor& to) {
  const std::size_t room = to.bytes;
  describe_type(from.type(), to);
  if (to.data == nullptr) return true;
  if (room < to.bytes) return false;
  if (to.bytes > 0) std::memcpy(to.data, from.data(), to.bytes);
  return true;
}

inline std::string place(const char* what, const std::vector<Port>& ports, std::size_t i) {
  return i < ports.size() ? std::string(what) + " '" + ports[i].name + "'" : what;
}

inline std::vector<Shape> shapes_of(const coverslip_tensor* inputs, std::size_t count) {
  std::vector<Shape> shapes;
  if (count > 0) given(inputs, "inputs");
  for (std::size_t i = 0; i < count; ++i) shapes.push_back(shape_of(inputs[i], "inputs"));
  return shapes;
}

inline std::unique_lock<std::mutex> hold(coverslip_session& session) {
  std::unique_lock lock(session.mutex, std::try_to_lock);
  if (!lock)
    throw Error(Errc::Busy, "session", "another thread uses it; give each thread a copy, they share plan and weights");
  return lock;
}

inline void run(coverslip_session& s, std::span<const coverslip_tensor> inputs, std::span<coverslip_tensor> outputs,
                coverslip_control* control) {
  const Model& model = s.session.model();
  if (outputs.size() > model.outputs().size())
    throw Error(Errc::BadInput, "outputs", "the model has ", model.outputs().size(), ", got ", outputs.size());
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    tensors.push_back(tensor_of(inputs[i], place("input", model.inputs(), i)));
  RunControl watched;
  if (control != nullptr) watched = {&control->stop, &control->progress};
  s.outputs.clear();
  s.outputs = s.session.run(tensors, watched);
  std::string lacking;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::size_t room = outputs[i].bytes;
    if (outputs[i].data == nullptr) {
      describe_type(s.outputs[i].type(), outputs[i]);
      outputs[i].data = s.outputs[i].data();
    } else if (!deliver(s.outputs[i], outputs[i]) && lacking.empty()) {
      lacking = place("output", model.outputs(), i) + ": " + std::to_string(outputs[i].bytes) + " bytes, got " +
                std::to_string(room);
    }
  }
  if (!lacking.empty()) throw Error(Errc::BadInput, "outputs", "wants for ", lacking);
}

inline const char* port(const std::vector<Port>& ports, std::size_t index, coverslip_tensor* tensor) {
  if (index >= ports.size()) return nullptr;
  if (tensor != nullptr) {
    describe_type({ports[index].dtype, ports[index].shape}, *tensor);
    tensor->data = nullptr;
  }
  return ports[index].name.c_str();
}

}  // namespace c
}  // namespace v0
}  // namespace coverslip

extern "C" {

uint32_t coverslip_abi_version(void) { return COVERSLIP_ABI_VERSION; }
const char* coverslip_version(void) { return COVERSLIP_VERSION; }

const char* coverslip_code_name(coverslip_code code) {
  if (code == COVERSLIP_OK) return "Ok";
  if (code == COVERSLIP_INTERNAL) return "Internal";
  if (code < COVERSLIP_BAD_MODEL || code > COVERSLIP_CANCELLED) return "unknown";
  return to_string(static_cast<coverslip::Errc>(code - 1)).data();
}

size_t coverslip_dtype_size(coverslip_dtype dtype) {
  return dtype < COVERSLIP_F32 || dtype > COVERSLIP_BOOL ? 0 : size_of(static_cast<coverslip::DType>(dtype));
}

coverslip_code coverslip_model_load(const char* path, coverslip_model** model, coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using coverslip::c::given;
    coverslip_model*& to = given(model, "model");
    to = new coverslip_model{coverslip::Model::load(&given(path, "path"))};
  });
}

coverslip_code coverslip_model_load_memory(const void* data, size_t size, void (*release)(void*), void* context,
                                           coverslip_model** model, coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using namespace coverslip;
    auto* bytes = static_cast<std::byte*>(const_cast<void*>(data));
    Bytes owner;
    if (release != nullptr) owner = Bytes(bytes, [release, context](std::byte*) { release(context); });
    c::given(bytes, "data");
    coverslip_model*& to = c::given(model, "model");
    to = new coverslip_model{release != nullptr ? Model::load(std::move(owner), size)
                                                : Model::load(std::span<const std::byte>(bytes, size))};
  });
}

void coverslip_model_free(coverslip_model* model) { delete model; }

size_t coverslip_model_inputs(const coverslip_model* model) { return model->model.inputs().size(); }
size_t coverslip_model_outputs(const coverslip_model* model) { return model->model.outputs().size(); }
const char* coverslip_model_input(const coverslip_model* model, size_t index, coverslip_tensor* tensor) {
  return coverslip::c::port(model->model.inputs(), index, tensor);
}
const char* coverslip_model_output(const coverslip_model* model, size_t index, coverslip_tensor* tensor) {
  return coverslip::c::port(model->model.outputs(), index, tensor);
}

size_t coverslip_model_labels(const coverslip_model* model) { return model->model.labels().size(); }
const char* coverslip_model_label(const coverslip_model* model, size_t index) {
  const std::vector<std::string>& labels = model->model.labels();
  return index < labels.size() ? labels[index].c_str() : nullptr;
}
const char* coverslip_model_meta(const coverslip_model* model, const char* key) {
  return key == nullptr ? nullptr : model->model.meta(key).data();
}

coverslip_code coverslip_model_preprocess(const coverslip_model* model, const uint8_t* pixels, int32_t width,
                                          int32_t height, int32_t channels, coverslip_tensor* tensor,
                                          coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using namespace coverslip;
    using c::given;
    if (width < 1 || height < 1 || (channels != 1 && channels != 3))
      throw Error(Errc::BadInput, "picture", "wants a size and 1 or 3 channels, got ", width, "x", height, "x",
                  channels);
    const auto size =
        static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels);
    const Image image(std::vector<std::uint8_t>(&given(pixels, "pixels"), pixels + size), width, height, channels);
    const Tensor made = given(model, "model").model.preprocess()(image);
    const std::size_t room = given(tensor, "tensor").bytes;
    if (!c::deliver(made, *tensor))
      throw Error(Errc::BadInput, "tensor", "wants ", tensor->bytes, " bytes for ", made.type(), ", got ", room);
  });
}

coverslip_code coverslip_session_new(const coverslip_model* model, const coverslip_options* options,
                                     coverslip_session** session, coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using namespace coverslip;
    coverslip_session*& to = c::given(session, "session");
    to = new coverslip_session{Session(c::given(model, "model").model, c::options_of(options)), {}, {}, {}};
  });
}

coverslip_code coverslip_session_copy(const coverslip_session* other, coverslip_session** session,
                                      coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using coverslip::c::given;
    coverslip_session*& to = given(session, "session");
    to = new coverslip_session{given(other, "other").session, {}, {}, {}};
  });
}

void coverslip_session_free(coverslip_session* session) { delete session; }

int32_t coverslip_session_threads(const coverslip_session* session) { return session->session.threads(); }
const char* coverslip_session_target(const coverslip_session* session) {
  return to_string(session->session.target()).data();
}

coverslip_control* coverslip_control_new(void) { return new (std::nothrow) coverslip_control; }
void coverslip_control_free(coverslip_control* control) { delete control; }
void coverslip_control_stop(coverslip_control* control) { control->stop = true; }
void coverslip_control_reset(coverslip_control* control) {
  control->stop = false;
  control->progress = 0;
}
double coverslip_control_progress(const coverslip_control* control) { return control->progress; }

coverslip_code coverslip_session_run(coverslip_session* session, const coverslip_tensor* inputs, size_t input_count,
                                     coverslip_tensor* outputs, size_t output_count, coverslip_control* control,
                                     coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using coverslip::c::given;
    const auto lock = coverslip::c::hold(given(session, "session"));
    if (input_count > 0) given(inputs, "inputs");
    if (output_count > 0) given(outputs, "outputs");
    coverslip::c::run(*session, {inputs, input_count}, {outputs, output_count}, control);
  });
}

coverslip_code coverslip_session_describe(coverslip_session* session, const coverslip_tensor* inputs,
                                          size_t input_count, const char** text, coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using coverslip::c::given;
    const auto lock = coverslip::c::hold(given(session, "session"));
    given(text, "text");
    session->text = session->session.describe(coverslip::c::shapes_of(inputs, input_count));
    *text = session->text.c_str();
  });
}

coverslip_code coverslip_session_memory(coverslip_session* session, const coverslip_tensor* inputs, size_t input_count,
                                        coverslip_memory* memory, coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using coverslip::c::given;
    const auto lock = coverslip::c::hold(given(session, "session"));
    const coverslip::MemoryUse use = session->session.memory(coverslip::c::shapes_of(inputs, input_count));
    const std::size_t size = given(memory, "memory").size;
    const coverslip_memory all{size, use.peak(), use.weights, use.packed, use.values, use.scratch, use.io};
    if (size < sizeof size)
      throw coverslip::Error(coverslip::Errc::BadInput, "memory", "set size to sizeof(coverslip_memory)");
    std::memcpy(memory, &all, std::min(size, sizeof all));
  });
}

coverslip_code coverslip_model_verify(const coverslip_model* model, const coverslip_options* options, int32_t* passed,
                                      coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using coverslip::c::given;
    given(passed, "passed") = given(model, "model").model.verify(coverslip::c::options_of(options)).passed ? 1 : 0;
  });
}

coverslip_code coverslip_model_save_packed(const coverslip_model* model, const char* path, coverslip_error* error) {
  return coverslip::c::guarded(error, [&] {
    using coverslip::c::given;
    given(model, "model").model.save_packed(&given(path, "path"));
  });
}

}  // extern "C"
