// Convolutions that do on their way in what another step would do before them. Planning makes them, where an input is
// rounded into an image anyhow. Their inputs are Conv's four, of which the last two may be absent, and others.
#pragma once
#include "coverslip/ops/windows/conv.hpp"

namespace coverslip::inline v0::ops {

// Conv's candidates that have an image, with what is `added` to the node's inputs and to their time. `in`: Conv's.
inline std::vector<Step> plan_absorbing(const Node& node, const Types& in, Constants constants,
                                        const PlanContext& context, const std::vector<Form>& added,
                                        double nanoseconds) {
  if (!context.bf16 || context.kernels.gemm_bf16.tiles == nullptr) return {};
  std::vector<Step> steps;
  for (Step& step : plan_conv(node, in, constants.first(4), {context.kernels, false, true})) {
    if (!step.bf16) continue;
    step.inputs.resize(4);
    step.inputs.insert(step.inputs.end(), added.begin(), added.end());
    step.nanoseconds += nanoseconds;
    step.needed = {};  // that of Conv
    steps.push_back(std::move(step));
  }
  return steps;
}

// Of max(0, x * scale + shift), by channel: a batch norm and a Relu. Inputs 4 and 5 are scale and shift.
inline Types conv_part(const Types& in) { return {in.begin(), in.begin() + 4}; }

inline Types scaled_conv_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 0, 6);
  want_dtype(node, in, DType::f32);
  return conv_type(node, conv_part(in), constants);
}

inline std::vector<Box> scaled_conv_needed(const Node& node, const Types& in, const Box& y) {
  std::vector<Box> boxes = conv_needed_once(node, conv_part(in), y);
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

inline std::vector<Step> plan_scaled_conv(const Node& node, const Types& in, Constants constants,
                                          const PlanContext& context) {
  constexpr double kScaled = 20;  // numbers a nanosecond, beside their rounding
  const double nanoseconds = static_cast<double>(in[0].shape.elements()) / kScaled;
  auto steps = plan_absorbing(node, conv_part(in), constants, context, {{}, {}}, nanoseconds);
  for (Step& step : steps) {
    step.kernel += "_scaled";
    *step.tolerance += 2 * 0x1p-24;
  }
  return steps;
}

// Of several inputs one behind the other along the channels: 0, and from 4 on. Made apart, each has lines of its own,
// and may come from a chain.
inline Types joined_part(const Types& in) {
  Types part = conv_part(in);
  for (std::size_t i = 4; i < in.size(); ++i) part[0].shape[1] += in[i].shape[1];
  return part;
}

inline Types joined_conv_type(const Node& node, const Types& in, Constants constants) {
  want_dtype(node, in, DType::f32);
  return conv_type(node, joined_part(in), constants);
}

inline std::vector<Box> joined_conv_needed(const Node& node, const Types& in, const Box& y) {
  std::vector<Box> boxes = conv_needed_once(node, joined_part(in), y);
  boxes.resize(in.size(), boxes[0]);
  boxes[0][1].end = in[0].shape[1];
  for (std::size_t i = 4; i < in.size(); ++i) boxes[i][1].end = in[i].shape[1];
  return boxes;
}

inline void joined_conv(const Node& node, Inputs in, Outputs out) {
  Shape shape = in[0].shape();
  for (const View& more : in.subspan(4)) shape[1] += more.shape()[1];
  Tensor joined({DType::f32, shape});
  Dim first = 0;
  const auto add = [&](const View& x) {
    for_each(x.held(), [&](const Index& at) {
      Index to = at;
      to[1] += first;
      *joined.view().as<float>(to) = *x.as<float>(at);
    });
    first += x.shape()[1];
  };
  add(in[0]);
  for (const View& more : in.subspan(4)) add(more);
  const View inputs[] = {joined.view(), in[1], in[2], in[3]};
  conv(node, inputs, out);
}

inline double joined_conv_tolerance(const Node& node, const Types& in) { return conv_tolerance(node, joined_part(in)); }

inline std::vector<Step> plan_joined_conv(const Node& node, const Types& in, Constants constants,
                                          const PlanContext& context) {
  if (groups_of(node) > 1) return {};
  const std::vector<Form> more(in.size() - 4, {Layout::ChannelsLast});
  auto steps = plan_absorbing(node, joined_part(in), constants, context, more, 0);
  for (Step& step : steps) {
    step.kernel += "_joined";
    for (std::size_t i = 4; i < in.size(); ++i) step.inputs[i].narrow = step.inputs[0].narrow;
  }
  return steps;
}

inline std::vector<Case> absorbing_conv_cases(const char* op, const std::function<void(Case&)>& add) {
  const auto with = [&](const Shape& x, const Shape& w, Attributes attributes, bool bias, bool residual = false) {
    Case c{op, std::move(attributes), {data(x), weights(w)}};
    c.operands.push_back(bias ? weights({w[0]}) : absent());
    c.operands.push_back(residual ? data({x[0], w[0], x[2], x[3]}) : absent());
    add(c);
    return c;
  };
  using Dims = std::vector<Dim>;
  const Attributes same{{"pads", Dims{1, 1, 1, 1}}};
  std::vector<Case> cases{
      with({2, 64, 3, 17}, {33, 64, 1, 1}, {{"activation", std::string("Relu")}}, true),
      with({1, 31, 4, 5}, {16, 31, 3, 3}, same, true, true),
      with({1, 33, 5, 16}, {20, 33, 1, 1}, {}, false, true),
      with({1, 49, 4, 7}, {17, 49, 3, 3}, {{"pads", Dims{2, 0, 1, 1}}, {"strides", Dims{2, 2}}}, false),
      with({1, 512, 28, 28}, {256, 512, 1, 1}, {}, true),    // densenet121
      with({1, 64, 256, 256}, {32, 64, 3, 3}, same, true)};  // unet2d
  for (std::size_t i = cases.size() - 2; i < cases.size(); ++i) cases[i].bench = true;
  return cases;
}

inline std::vector<Case> scaled_conv_cases() {
  const auto add = [](Case& c) { c.operands.insert(c.operands.end(), 2, weights({c.operands[0].type.shape[1]})); };
  std::vector<Case> cases = absorbing_conv_cases("coverslip.ScaledConv", add);
  Case grouped{"coverslip.ScaledConv", {{"group", Dim{2}}}, {data({1, 36, 4, 4}), weights({72, 18, 1, 1})}};
  grouped.operands.insert(grouped.operands.end(), 2, absent());
  add(grouped);
  cases.push_back(std::move(grouped));
  return cases;
}

inline std::vector<Case> joined_conv_cases() {
  return absorbing_conv_cases("coverslip.JoinedConv", [](Case& c) {
    Shape& x = c.operands[0].type.shape;
    Shape more = x, last = x;
    last[1] = 1;
    x[1] /= 2;
    more[1] -= x[1] + 1;
    c.operands.push_back(data(more));
    c.operands.push_back(data(last));
  });
}

inline constexpr OpDef kAbsorbingConv[] = {
    {.name = "coverslip.ScaledConv",
     .infer = scaled_conv_type,
     .needed = scaled_conv_needed,
     .reference = scaled_conv,
     .plan = plan_scaled_conv,
     .tolerance = scaled_conv_tolerance,
     .cases = scaled_conv_cases},
    {.name = "coverslip.JoinedConv",
     .infer = joined_conv_type,
     .needed = joined_conv_needed,
     .reference = joined_conv,
     .plan = plan_joined_conv,
     .tolerance = joined_conv_tolerance,
     .cases = joined_conv_cases},
};

}  // namespace coverslip::inline v0::ops
