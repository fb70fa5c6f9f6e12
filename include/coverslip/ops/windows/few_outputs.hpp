// Pointwise convolution to a few planar channels from channels-last: the last layers of networks.
#pragma once
#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/windows/computed_weights.hpp"
#include "coverslip/ops/windows/window.hpp"

namespace coverslip::inline v0::ops {

// `steps`: other candidates of the node.
inline void add_few_outputs(std::vector<Step>& steps, const Node& node, const Types& in, const Shape& y,
                            std::span<const Window> windows, const PlanContext& context) {
  const KernelTable& kernels = context.kernels;
  constexpr Dim kMostOutputs = 6;
  const Shape &x = in[0].shape, &w = in[1].shape;
  const auto is_point = [](const Window& window) {
    return window.taps == 1 && window.stride == 1 && window.before == 0 && window.after == 0;
  };
  if (w[1] != x[1] || w[0] > kMostOutputs || node.has(3) || !std::ranges::all_of(windows, is_point)) return;
  Step step = steps.front();
  step.kernel = "conv_few_outputs";
  const Dim floats = w.elements();
  step.inputs[1] = weights_form(
      "row-major", floats, [floats](const float* weights, float* packed) { std::copy_n(weights, floats, packed); });
  if (in.size() > 2) step.inputs[2] = {};
  step.outputs = {Layout::Planar};
  step.cuts = {{0}};
  for (std::size_t axis = 2; axis < y.rank(); ++axis) step.cuts.push_back({axis});
  std::swap(step.cuts[0], step.cuts[1]);
  step.scratch_bytes = 0;
  const auto lanes = static_cast<double>(kernels.f32_lanes);
  const double vectors = std::ceil(static_cast<double>(x[1]) / lanes) + 3;  // of an element of an output
  const double sums = 2.2 * static_cast<double>(y.elements()) * vectors * lanes / multiply_adds_per_nanosecond(kernels);
  const auto nanoseconds = [&](std::size_t bytes_in) {
    return std::max(sums, pass_nanoseconds(bytes_in + TensorType{DType::f32, y}.bytes()) * 1.5);
  };
  step.nanoseconds = nanoseconds(in[0].bytes());
  step.run = run_with_packed(
      [run = kernels.few_outputs_f32.run, epilogue = epilogue_of(node)](Inputs from, Outputs to, const float* weights,
                                                                        const float* bias, const Box& box, std::byte*) {
        const std::size_t last = box.rank() - 1;
        Box heads = box;  // of rows
        heads[1] = {0, 1};
        heads[last].end = heads[last].begin + 1;
        for_each(heads, [&](const Index& at) {
          run({.x = from[0].at(at),
               .x_bf16 = from[0].dtype() == DType::bf16,
               .x_stride = static_cast<std::size_t>(from[0].strides()[last]),
               .channels = static_cast<std::size_t>(from[0].shape()[1]),
               .weights = weights,
               .bias = bias,
               .y = to[0].as<float>(at),
               .y_stride = static_cast<std::size_t>(to[0].strides()[1]),
               .outputs = static_cast<std::size_t>(box[1].extent()),
               .elements = static_cast<std::size_t>(box[last].extent()),
               .epilogue = epilogue});
        });
      });
  steps.push_back(std::move(step));
  if (!context.bf16) return;
  steps.push_back(with_narrow(steps.back(), true, false));
  steps.back().nanoseconds = nanoseconds(in[0].bytes() / 2);
}

}  // namespace coverslip::inline v0::ops
