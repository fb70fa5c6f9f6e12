// Convolution with products in bf16, on the rows that the one in f32 finds.
#pragma once
#include "coverslip/ops/bf16.hpp"
#include "coverslip/ops/windows/computed_weights.hpp"
#include "coverslip/ops/windows/indirect.hpp"

namespace coverslip::inline v0::ops {

// `conv` in f32, but for panels of as many columns as the bf16 kernel reads.
inline IndirectConv in_bf16(IndirectConv conv, const GemmBf16Kernels& kernels) {
  conv.kernel = kernels.run;
  conv.tile_rows = kernels.rows;
  conv.kernel_scratch_bytes = kernels.scratch_bytes(static_cast<std::size_t>(conv.terms()));
  conv.panels = paired(conv.panels);
  return conv;
}

// `steps`: other candidates of the node, the first of them `wide`; `fill` makes its packed weights.
inline void add_bf16_conv(std::vector<Step>& steps, const Node& node, IndirectConv wide, const Shape& y,
                          const std::function<FillWeights(const Panels&)>& fill, const PlanContext& context) {
  if (!context.bf16 || wide.depthwise || wide.terms() == 0) return;
  const GemmBf16Kernels& kernels = context.kernels.gemm_bf16;
  wide.panels.width = static_cast<Dim>(kernels.columns);
  const IndirectConv conv = in_bf16(wide, kernels);
  Step step = steps.front();
  step.kernel += "_bf16";
  step.inputs[1] = bf16_form(
      {wide.panels}, weights_form("conv, " + to_string(wide.panels), wide.panels.floats(), fill(wide.panels)), kernels);
  if (node.has(2)) step.inputs[2] = bias_form(wide.panels);
  for (Cut& cut : step.cuts)
    if (cut.axis == 1) cut.multiple = wide.panels.groups > 1 ? wide.panels.columns : wide.panels.width;
  step.scratch_bytes = conv.scratch_bytes();
  const auto pixels = static_cast<double>(y.elements() / std::max<Dim>(y[1], 1));
  step.nanoseconds = bf16_nanoseconds(pixels, wide.panels, context.kernels) +
                     pixels * static_cast<double>(conv.pieces() + 2) * kNanosecondsPerPointer;
  step.tolerance = bf16_tolerance(conv.terms(), conv.epilogue);
  step.run = run_with_packed(
      [conv](Inputs from, Outputs to, const float* weights, const float* bias, const Box& box, std::byte* scratch) {
        conv.run(from[0], weights, bias, residual_of(from), to[0], box, scratch);
      });
  steps.push_back(std::move(step));
}

}  // namespace coverslip::inline v0::ops
