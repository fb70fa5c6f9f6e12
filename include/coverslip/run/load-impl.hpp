// Model from a file, and the check that a file brings along.
#pragma once
#include "coverslip/io/file.hpp"
#include "coverslip/io/golden.hpp"
#include "coverslip/io/pack_writer.hpp"
#include "coverslip/io/reader.hpp"
#include "coverslip/run/model-impl.hpp"

namespace coverslip {
inline namespace v0 {

Model Model::load(const std::string& path) {
  return or_out_of_memory([&] {
    const FileBytes file = open_file(path);
    try {
      auto state = std::make_shared<State>(read_graph(file.data, file.size),
                                           [file](const Tensor& constant) { give_back(file, constant); });
      state->file = file.data;
      state->file_size = file.size;
      state->id = model_id(file.bytes());
      return Model(std::move(state));
    } catch (const Error& error) {
      throw Error(error.code(), path + ", " + error.where(), error.message());
    }
  });
}

Model Model::load(Bytes file, std::size_t size) {
  return or_out_of_memory([&] {
    auto state = std::make_shared<State>(read_graph(file, size));
    state->id = model_id({file.get(), size});
    state->file = std::move(file);
    state->file_size = size;
    return Model(std::move(state));
  });
}

Model Model::load(std::span<const std::byte> file) {
  Bytes copy = allocate(file.size());
  std::copy(file.begin(), file.end(), copy.get());
  return load(std::move(copy), file.size());
}

void Model::save_packed(const std::string& path) const {
  or_out_of_memory([&] {
    if (!state_->file) throw Error(Errc::BadInput, "save_packed", "the model was made in code, not read from a file");
    std::map<const Tensor*, ValueId> constants;
    for (ValueId v = 0; v < state_->graph.values.size(); ++v)
      if (const auto& constant = state_->graph.values[v].constant) constants[constant.get()] = v;
    std::vector<PackedConstant> packed;
    state_->packs.for_each([&](const Tensor& constant, const std::string& packing, const Tensor& made) {
      if (const std::size_t bytes = made.type().bytes(); bytes > 0 && made.dtype() != DType::boolean)
        packed.push_back({constants.at(&constant), packing, kPackingVersion, made.dtype(), made.memory(), bytes});
    });
    if (packed.empty())
      throw Error(Errc::BadInput, "save_packed",
                  "nothing is packed yet; plan a Session first, for the shapes it will have");
    std::ranges::sort(packed, {},
                      [](const PackedConstant& p) { return std::pair(p.constant, std::string_view(p.packing)); });
    write_packed(path, {state_->file.get(), state_->file_size}, packed);
  });
}

// An element of any type as a number.
inline double element_of(const Tensor& tensor, std::size_t index) {
  return visit(tensor.dtype(), [&](auto type) -> double {
    using T = decltype(type);
    const T value = tensor.values<T>()[index];
    if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
      return double{to_float(value)};
    else
      return static_cast<double>(value);
  });
}

// Of the largest number: as much as the converter allows a network whose values are bf16, some of their last places.
inline constexpr double kBf16Allowed = 16 * 0x1p-8;

Verification Model::verify(const Options& options) const {
  return or_out_of_memory([&] {
    const auto& golden = state_->graph.golden;
    if (!golden) throw Error(Errc::BadInput, "verify", "the file has no golden case; convert it without --no-verify");
    if (state_->file) check_weights({state_->file.get(), state_->file_size});
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < state_->inputs.size(); ++i)
      inputs.push_back(golden_input(*golden, i, {state_->inputs[i].dtype, golden->input_shapes.at(i)}));
    Session session(*this, options);
    const std::vector<Tensor> outputs = session.run(inputs);
    Verification result{.samples = golden->samples.size(), .precision = session.precision(), .note = session.note()};
    double largest = 0;
    for (const GoldenCase::Sample& sample : golden->samples) {
      largest = std::max(largest, std::abs(double{sample.value}));
      const Tensor& output = outputs.at(sample.output);
      if (sample.index >= static_cast<std::uint64_t>(output.shape().elements()))
        throw Error(Errc::BadModel, "verify", "a golden sample lies outside of output ", sample.output);
      const double got = element_of(output, sample.index);
      const double off = std::abs(got - double{sample.value});
      result.largest_difference = std::isnan(off) ? off : std::max(result.largest_difference, off);
      if (std::isnan(off)) break;
    }
    result.tolerance = double{golden->tolerance} * std::max(largest, 1.0);
    if (session.precision() == Precision::Bfloat16)
      result.tolerance = std::max(result.tolerance, kBf16Allowed * largest);
    result.passed = result.largest_difference <= result.tolerance;
    return result;
  });
}

}  // namespace v0
}  // namespace coverslip
