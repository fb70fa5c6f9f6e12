// Convolution of max(0, x * scale + shift), of each channel: what a batch norm and a Relu before it come to. Its inputs
// are Conv's four, of which the last two may be absent, and scale and shift, which are constants.
#pragma once
#include "coverslip/ops/windows/conv.hpp"

namespace coverslip::inline v0::ops {

inline Types conv_part(const Types& in) { return {in.begin(), in.begin() + 4}; }

inline Types scaled_conv_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 0, 6);
  want_dtype(node, in, DType::f32);
  return conv_type(node, conv_part(in), constants);
}

inline std::vector<Box> scaled_conv_needed(const Node& node, const Types& in, const Box& y) {
  std::vector<Box> boxes = conv_needed(node, conv_part(in), y);
  boxes.insert(boxes.end(), 2, Box{boxes[0][1]});
  return boxes;
}

inline void scaled_conv(const Node& node, Inputs in, Outputs out) {
  Tensor scaled({DType::f32, in[0].shape()});
  for_each(in[0].held(), [&](const Index& at) {
    const double x = *in[0].as<float>(at), scale = *in[4].as<float>({at[1]}), shift = *in[5].as<float>({at[1]});
    *scaled.view().as<float>(at) = static_cast<float>(activate({Activation::Relu}, x * scale + shift));
  });
  const View inputs[] = {scaled.view(), in[1], in[2], in[3]};
  conv(node, inputs, out);
}

// Conv's, and two roundings of each term before its own.
inline double scaled_conv_tolerance(const Node& node, const Types& in) {
  return conv_tolerance(node, conv_part(in)) + 2 * 0x1p-24;
}

// Only where an input is rounded into an image anyhow.
inline std::vector<Step> plan_scaled_conv(const Node& node, const Types& in, Constants constants,
                                          const PlanContext& context) {
  constexpr double kScaled = 20;  // numbers a nanosecond, beside their rounding
  if (!context.bf16 || context.kernels.gemm_bf16.tiles == nullptr) return {};
  std::vector<Step> steps;
  for (Step& step : plan_conv(node, conv_part(in), constants.first(4), {context.kernels, false, true})) {
    if (!step.kernel.ends_with("_bf16")) continue;
    step.kernel += "_scaled";
    step.inputs.resize(6);
    step.nanoseconds += static_cast<double>(in[0].shape.elements()) / kScaled;
    *step.tolerance += 2 * 0x1p-24;
    steps.push_back(std::move(step));
  }
  return steps;
}

inline std::vector<Case> scaled_conv_cases() {
  const auto with = [](const Shape& x, const Shape& w, Attributes attributes, bool bias, bool residual = false) {
    Case c{"coverslip.ScaledConv", std::move(attributes), {data(x), weights(w)}};
    c.operands.push_back(bias ? weights({w[0]}) : absent());
    c.operands.push_back(residual ? data({x[0], w[0], x[2], x[3]}) : absent());
    c.operands.insert(c.operands.end(), 2, weights({x[1]}));
    return c;
  };
  using Dims = std::vector<Dim>;
  const Attributes same{{"pads", Dims{1, 1, 1, 1}}};
  std::vector<Case> cases{
      with({2, 64, 3, 17}, {33, 64, 1, 1}, {{"activation", std::string("Relu")}}, true),
      with({1, 31, 4, 5}, {16, 31, 3, 3}, same, true, true),
      with({1, 33, 5, 16}, {20, 33, 1, 1}, {}, false, true),
      with({1, 49, 4, 7}, {17, 49, 3, 3}, {{"pads", Dims{2, 0, 1, 1}}, {"strides", Dims{2, 2}}}, false),
      with({1, 36, 4, 4}, {72, 18, 1, 1}, {{"group", Dim{2}}}, true),
      with({1, 256, 56, 56}, {128, 256, 1, 1}, {}, true),  // densenet121
      with({1, 512, 28, 28}, {256, 512, 1, 1}, {}, true)};
  for (std::size_t i = cases.size() - 2; i < cases.size(); ++i) cases[i].bench = true;
  return cases;
}

inline constexpr OpDef kScaledConv[] = {
    {.name = "coverslip.ScaledConv",
     .infer = scaled_conv_type,
     .needed = scaled_conv_needed,
     .reference = scaled_conv,
     .plan = plan_scaled_conv,
     .tolerance = scaled_conv_tolerance,
     .cases = scaled_conv_cases},
};

}  // namespace coverslip::inline v0::ops
