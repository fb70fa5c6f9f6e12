// coverslip._engine: what runtime.py needs of the engine, as a Python module.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <future>
#include <mutex>

#include "arrays.hpp"

namespace coverslip::python {
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 20ms;  // how long Ctrl-C may wait to be seen

template <class Enum, class Names>
Enum named(const char* what, std::string_view name, const Names& names) {
  std::string all;
  std::uint8_t i = 0;
  for (const std::string_view known : names) {
    if (known == name) return Enum{i};
    all += (i++ == 0 ? "" : ", ") + std::string(known);
  }
  throw Error(Errc::BadInput, what, "wants one of ", all, ", got '", name, "'");
}

Options options_of(int threads, std::optional<std::string_view> target, std::optional<std::string_view> precision,
                   std::size_t max_memory, bool winograd) {
  Options options{.threads = threads, .max_memory = max_memory, .winograd = winograd};
  if (target) options.target = named<Target>("target", *target, kTargetNames);
  if (precision) options.precision = named<Precision>("precision", *precision, kPrecisionNames);
  return options;
}

// One model and its session. Calls from several threads take turns, without the GIL.
class Engine {
 public:
  Engine(const std::string& path, const Options& options)
      : options_(options), model_(Model::load(path)), session_(model_, options) {}

  const Model& model() const { return model_; }
  const Options& options() const { return options_; }
  int threads() const { return session_.threads(); }
  Target target() const { return session_.target(); }

  nb::list run(const std::vector<Array>& arrays) {
    const std::vector<Tensor> inputs = inputs_of(arrays);
    nb::list results;
    for (Tensor& output : in_turn([&] { return run_interruptibly(inputs); }))
      results.append(array_of(std::move(output)));
    return results;
  }
  std::vector<StepInfo> profile(const std::vector<Array>& arrays) {
    const std::vector<Tensor> inputs = inputs_of(arrays);
    return in_turn([&] { return session_.profile(inputs); });
  }
  std::vector<StepInfo> steps(const std::vector<Shape>& shapes) {
    return in_turn([&] { return session_.steps(shapes); });
  }
  MemoryUse memory(const std::vector<Shape>& shapes) {
    return in_turn([&] { return session_.memory(shapes); });
  }
  std::string describe(const std::vector<Shape>& shapes) {
    return in_turn([&] { return session_.describe(shapes); });
  }
  Verification verify() {
    return in_turn([&] { return model_.verify(options_); });
  }
  void save_packed(const std::string& path, const std::vector<Shape>& shapes) {
    in_turn([&] {
      session_.memory(shapes);  // plans, and so packs
      model_.save_packed(path);
      return true;
    });
  }

 private:
  std::vector<Tensor> inputs_of(const std::vector<Array>& arrays) const {
    const std::vector<Port>& ports = model_.inputs();
    if (arrays.size() != ports.size())
      throw Error(Errc::BadInput, "inputs", "the model wants ", ports.size(), " arrays, got ", arrays.size());
    std::vector<Tensor> tensors;
    for (std::size_t i = 0; i < arrays.size(); ++i) tensors.push_back(tensor_of(arrays[i], ports[i]));
    return tensors;
  }

  // Calls f without the GIL when no other thread is in such a call. Raises what a signal handler of Python raises.
  template <class F>
  std::invoke_result_t<F> in_turn(const F& f) {
    std::invoke_result_t<F> result;
    {
      const nb::gil_scoped_release release;
      std::unique_lock turn(turn_, std::defer_lock);
      bool mine = turn.try_lock();
      while (!mine && !signalled()) mine = turn.try_lock_for(kPatience);
      if (mine) result = f();
    }
    if (PyErr_Occurred() != nullptr) throw nb::python_error();
    return result;
  }

  // True if a handler raised: the exception is then this thread's.
  static bool signalled() {
    const nb::gil_scoped_acquire acquire;
    return PyErr_CheckSignals() != 0;
  }

  // A run that takes long goes to another thread, so that this one can look for Ctrl-C.
  std::vector<Tensor> run_interruptibly(std::span<const Tensor> inputs) {
    if (predicted_ms(inputs) < kLongMs) return session_.run(inputs);
    std::atomic<bool> stop = false;
    auto running = std::async(std::launch::async, [&] { return session_.run(inputs, {.stop = &stop}); });
    while (running.wait_for(kPatience) != std::future_status::ready)
      if (!stop && signalled()) stop = true;
    try {
      return running.get();
    } catch (const Error&) {
      if (stop) return {};  // what the handler raised is told
      throw;
    }
  }

  double predicted_ms(std::span<const Tensor> inputs) {
    std::vector<Shape> shapes;
    for (const Tensor& input : inputs) shapes.push_back(input.shape());
    if (!predicted_ms_ || shapes != predicted_for_) {
      double ms = 0;
      for (const StepInfo& step : session_.steps(shapes)) ms += step.predicted_ms;
      predicted_ms_ = ms;
      predicted_for_ = std::move(shapes);
    }
    return *predicted_ms_;
  }

  static constexpr double kLongMs = 50;
  Options options_;
  Model model_;
  Session session_;
  std::timed_mutex turn_;
  std::vector<Shape> predicted_for_;
  std::optional<double> predicted_ms_;
};

// Shapes come and go as tuples; a free dimension is None.
std::vector<Shape> shapes_of(const std::vector<std::vector<Dim>>& lists) {
  std::vector<Shape> shapes;
  for (const std::vector<Dim>& list : lists) shapes.emplace_back(std::span<const Dim>(list));
  return shapes;
}

nb::tuple tuple_of(const Shape& shape) {
  nb::list dims;
  for (const Dim d : shape) d == kFree ? dims.append(nb::none()) : dims.append(d);
  return nb::tuple(dims);
}

nb::list ports_of(const std::vector<Port>& ports) {
  nb::list list;
  for (const Port& port : ports)
    list.append(nb::make_tuple(port.name, to_string(numpy_dtype(port.dtype)), tuple_of(port.shape)));
  return list;
}

nb::list steps_of(const std::vector<StepInfo>& steps) {
  nb::list list;
  for (const StepInfo& s : steps)
    list.append(nb::make_tuple(s.node, s.kernel, to_string(s.layout), to_string(s.output.dtype),
                               tuple_of(s.output.shape), s.multiply_adds, s.predicted_ms, s.ms));
  return list;
}

// Pixels of rows, columns and perhaps channels.
nb::object preprocessed(const Model& model,
                        const nb::ndarray<const std::uint8_t, nb::c_contig, nb::device::cpu>& pixels) {
  if (pixels.ndim() < 2 || pixels.ndim() > 3)
    throw Error(Errc::BadInput, "picture", "wants rows, columns and perhaps channels, got ", pixels.ndim(), " axes");
  const auto extent = [&](std::size_t axis) {
    if (pixels.shape(axis) > 1u << 20) throw Error(Errc::BadInput, "picture", "is larger than ", 1 << 20, " on a side");
    return static_cast<int>(pixels.shape(axis));
  };
  const Image image(std::vector<std::uint8_t>(pixels.data(), pixels.data() + pixels.size()), extent(1), extent(0),
                    pixels.ndim() == 3 ? extent(2) : 1);
  return array_of(model.preprocess()(image));
}

// coverslip.errors.Error(Errc[code], where, message)
void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    const nb::module_ errors = nb::module_::import_("coverslip.errors");
    const auto text = [](const std::string& bytes) {  // a file may hold anything
      return nb::steal(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "backslashreplace"));
    };
    const nb::object code = errors.attr("Errc")[nb::cast(to_string(error.code()))];
    const nb::object made = errors.attr("Error")(code, text(error.where()), text(error.message()));
    PyErr_SetObject(errors.attr("Error").ptr(), made.ptr());
  }
}

}  // namespace

NB_MODULE(_engine, module) {
  module.doc() = "The engine behind coverslip.load; use that.";
  nb::register_exception_translator(translate);

  nb::class_<Engine>(module, "Engine")
      .def(
          "__init__",
          [](Engine* self, const std::string& path, int threads, std::optional<std::string_view> target,
             std::optional<std::string_view> precision, std::size_t max_memory, bool winograd) {
            const nb::gil_scoped_release release;
            new (self) Engine(path, options_of(threads, target, precision, max_memory, winograd));
          },
          nb::arg("path"), nb::arg("threads"), nb::arg("target").none(), nb::arg("precision").none(),
          nb::arg("max_memory"), nb::arg("winograd"))
      .def("run", &Engine::run)
      .def("profile", [](Engine& self, const std::vector<Array>& arrays) { return steps_of(self.profile(arrays)); })
      .def("steps", [](Engine& self,
                       const std::vector<std::vector<Dim>>& shapes) { return steps_of(self.steps(shapes_of(shapes))); })
      .def("memory",
           [](Engine& self, const std::vector<std::vector<Dim>>& shapes) {
             const MemoryUse use = self.memory(shapes_of(shapes));
             return nb::make_tuple(use.weights, use.packed, use.values, use.scratch, use.io);
           })
      .def("describe",
           [](Engine& self, const std::vector<std::vector<Dim>>& shapes) { return self.describe(shapes_of(shapes)); })
      .def("verify",
           [](Engine& self) {
             const Verification v = self.verify();
             return nb::make_tuple(v.passed, v.samples, v.largest_difference, v.tolerance);
           })
      .def("save_packed",
           [](Engine& self, const std::string& path, const std::vector<std::vector<Dim>>& shapes) {
             self.save_packed(path, shapes_of(shapes));
           })
      .def("preprocess",
           [](const Engine& self, const nb::ndarray<const std::uint8_t, nb::c_contig, nb::device::cpu>& pixels) {
             return preprocessed(self.model(), pixels);
           })
      .def("inputs", [](const Engine& self) { return ports_of(self.model().inputs()); })
      .def("outputs", [](const Engine& self) { return ports_of(self.model().outputs()); })
      .def("labels", [](const Engine& self) { return self.model().labels(); })
      .def("id", [](const Engine& self) { return self.model().id(); })
      .def("meta", [](const Engine& self, std::string_view key) { return self.model().meta(key); })
      .def("threads", &Engine::threads)
      .def("target", [](const Engine& self) { return to_string(self.target()); });

  module.def("cpu", [] {
    const Cpu cpu = coverslip::cpu();
    nb::list targets;
    for (const Target target : cpu.targets) targets.append(to_string(target));
    return nb::make_tuple(targets, cpu.cores, cpu.allowed, cpu.quota, cpu.threads);
  });
  module.def("operators", operators);
}

}  // namespace coverslip::python
