// Depthwise convolution of narrow values, as candidates beside the one of wide values.
#pragma once
#include "coverslip/ops/windows/bf16_conv.hpp"

namespace coverslip::inline v0::ops {

// Of two panels that are whole, the even columns of both make the first one and the odd ones the second.
inline FillWeights split_by_pairs(const FillWeights& fill, const Panels& panels) {
  return [fill, panels](const float* weights, float* packed) {
    fill(weights, packed);
    const Dim width = panels.width;
    std::vector<float> both(static_cast<std::size_t>(2 * width));
    for (Dim first = 0; first + 2 * width <= panels.columns; first += 2 * width)
      for (Dim row = 0; row < panels.rows; ++row) {
        float* even = packed + (first * panels.rows + row * width);
        float* odd = even + panels.rows * width;
        std::copy_n(odd, width, std::copy_n(even, width, both.begin()));
        for (std::size_t i = 0; i < both.size(); i += 2) {
          *even++ = both[i];
          *odd++ = both[i + 1];
        }
      }
  };
}

// `steps`: candidates of the node, the first of them `conv` in f32, whose packed weights `fill` makes.
inline void add_narrow_depthwise(std::vector<Step>& steps, const Types& in, const IndirectConv& conv, const Shape& y,
                                 const FillWeights& fill, double tolerance, const PlanContext& context) {
  if (!context.bf16 || !conv.depthwise_kernel.narrow) return;
  const Panels& panels = conv.panels;
  const Step wide = steps.front();
  for (const auto& [from, to] : kNarrowWays) {
    Step& step = steps.emplace_back(with_narrow(wide, from, to));
    if (is_rough(conv.epilogue.activation)) step.tolerance = tolerance + kRoughUnit;
    const Dim halved = (from ? in[0].shape.elements() : 0) + (to ? y.elements() : 0);
    step.nanoseconds -= kPassShare * sizeof(BFloat16) / kBytesPerNanosecond * static_cast<double>(halved);
    if (!from) continue;
    step.inputs[1] =
        weights_form("conv, " + to_string(panels) + ", by pairs", panels.floats(), split_by_pairs(fill, panels));
    for (Cut& cut : step.cuts)
      if (cut.axis == 1) cut.multiple = 2 * panels.width;
  }
}

}  // namespace coverslip::inline v0::ops
