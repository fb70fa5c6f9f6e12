// Convolution over any number of spatial axes: X [N,C,...], W [K,C/groups,...], optionally B [K] and a residual give Y
// [N,K,...].
#pragma once
#include <numeric>

#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/windows/bf16_conv.hpp"
#include "coverslip/ops/windows/computed_weights.hpp"
#include "coverslip/ops/windows/conv_cases.hpp"
#include "coverslip/ops/windows/few_outputs.hpp"
#include "coverslip/ops/windows/in_f32.hpp"
#include "coverslip/ops/windows/indirect.hpp"
#include "coverslip/ops/windows/narrow_depthwise.hpp"
#include "coverslip/ops/windows/planar_conv.hpp"
#include "coverslip/ops/windows/window.hpp"
#include "coverslip/ops/windows/winograd_steps.hpp"

namespace coverslip::inline v0::ops {

inline Dim groups_of(const Node& node) {
  const Dim groups = node.attr<Dim>("group", 1);
  if (groups < 1) throw Error(Errc::BadModel, node.label(), "attribute 'group' is ", groups, ", wants 1 or more");
  return groups;
}

inline std::vector<Window> conv_windows(const Node& node, const Types& in) {
  const Shape &x = in[0].shape, &w = in[1].shape;
  std::vector<Window> windows;
  for (std::size_t axis = 2; axis < x.rank(); ++axis)
    windows.push_back(window_of(node, axis - 2, x.rank() - 2, w[axis], x[axis]));
  return windows;
}

// What Conv and ConvTranspose have in common; `outputs`: channels.
inline void check_conv_inputs(const Node& node, const Types& in, Dim outputs) {
  const Shape &x = in[0].shape, &w = in[1].shape;
  if (x.rank() < 3 || w.rank() != x.rank())
    throw Error(Errc::BadShape, node.label(), "input ", x, " and weights ", w, ": wants the same rank, at least 3");
  const auto kernel = node.attr("kernel_shape", std::vector<Dim>(w.begin() + 2, w.end()));
  if (!std::equal(kernel.begin(), kernel.end(), w.begin() + 2, w.end()))
    throw Error(Errc::BadModel, node.label(), "attribute 'kernel_shape' is not that of weights ", w);
  if (node.has(2) && in[2].shape != Shape{outputs})
    throw Error(Errc::BadShape, node.label(), "bias is ", in[2].shape, ", wants ", outputs);
}

// Of no samples there is no output; but each sample has some.
inline void want_outputs(const Node& node, const Types& in, const Shape& y) {
  if (std::any_of(y.begin() + 1, y.end(), [](Dim d) { return d < 1; }))
    throw Error(Errc::BadShape, node.label(), "nothing is left of input ", in[0].shape, " by weights ", in[1].shape);
  y.elements();
}

inline Types conv_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 4);
  want_same_float(node, in);
  const Shape &x = in[0].shape, &w = in[1].shape;
  check_conv_inputs(node, in, w.rank() > 0 ? w[0] : 0);
  const Dim groups = groups_of(node);
  if (x[1] % groups != 0 || x[1] / groups != w[1] || w[0] % groups != 0)
    throw Error(Errc::BadShape, node.label(), "input ", x, " in ", groups, " groups does not fit weights ", w);
  Shape y{x[0], w[0]};
  for (const Window& window : conv_windows(node, in)) y.push_back(window.outputs(x[y.rank()]));
  want_outputs(node, in, y);
  if (node.has(3) && in[3].shape != y)
    throw Error(Errc::BadShape, node.label(), "residual is ", in[3].shape, ", wants ", y);
  epilogue_of(node);
  return {{in[0].dtype, y}};
}

// The input channels that a range of output channels depends on.
inline Range channels_needed(const Range& outputs, Dim groups, Dim all_inputs, Dim all_outputs) {
  const Dim inputs_each = all_inputs / groups, outputs_each = all_outputs / groups;
  return {outputs.begin / outputs_each * inputs_each, ((outputs.end - 1) / outputs_each + 1) * inputs_each};
}

// A function that reads the node's attributes once.
inline auto conv_needed(const Node& node, const Types& in) {
  return [windows = conv_windows(node, in), groups = groups_of(node), x = in[0].shape, w = in[1].shape,
          inputs = in.size(), bias = node.has(2), residual = node.has(3)](const Box& y) {
    std::vector<Box> boxes(inputs);
    boxes[0] = {y[0], channels_needed(y[1], groups, x[1], w[0])};
    for (std::size_t i = 0; i < windows.size(); ++i) boxes[0].push_back(windows[i].needed(y[i + 2], x[i + 2]));
    boxes[1] = Box(w);
    boxes[1][0] = y[1];
    if (bias) boxes[2] = {y[1]};
    if (residual) boxes[3] = y;
    return boxes;
  };
}

inline std::vector<Box> conv_needed_once(const Node& node, const Types& in, const Box& y) {
  return conv_needed(node, in)(y);
}

inline void conv(const Node& node, Inputs in, Outputs out) {
  const View &x = in[0], &w = in[1];
  const auto windows = conv_windows(node, {{DType::f32, x.shape()}, {DType::f32, w.shape()}});
  const Epilogue epilogue = epilogue_of(node);
  const Dim group_outputs = w.shape()[0] / groups_of(node);
  Box taps(w.shape());
  for_each(out[0].held(), [&](const Index& y) {
    double sum = node.has(2) ? *in[2].as<float>({y[1]}) : 0.0;
    if (node.has(3)) sum += *in[3].as<float>(y);
    taps[0] = {y[1], y[1] + 1};
    for_each(taps, [&](const Index& t) {
      Index at{y[0], y[1] / group_outputs * w.shape()[1] + t[1]};
      for (std::size_t i = 0; i < windows.size(); ++i) at.push_back(windows[i].place(y[i + 2], t[i + 2]));
      if (x.held().contains(at)) sum += double{*x.as<float>(at)} * double{*w.as<float>(t)};
    });
    *out[0].as<float>(y) = static_cast<float>(activate(epilogue, sum));
  });
}

// The terms of the sum that is one output element.
inline double conv_terms(const Types& in) {
  const Shape& w = in[1].shape;
  return static_cast<double>(w.elements() / w[0]);
}

// One rounding for each term, the bias, the residual and the reference; eight for an activation with an exponential.
inline double conv_tolerance(const Node& node, const Types& in) {
  return (conv_terms(in) + 3 + (epilogue_of(node).activation != Activation::None ? 8 : 0)) * 0x1p-24;
}

inline Panels::Source conv_source(const Panels& panels, Dim taps) {
  Panels::Source source{.group = panels.columns * panels.rows,
                        .column = panels.rows,
                        .inner = taps,
                        .inner_rows = panels.rows / std::max<Dim>(taps, 1),
                        .outer = std::vector<Dim>(static_cast<std::size_t>(taps))};
  std::iota(source.outer.begin(), source.outer.end(), Dim{0});
  return source;
}

inline IndirectConv conv_indirect(const Node& node, const Types& in, const KernelTable& kernels) {
  const Shape &x = in[0].shape, &w = in[1].shape;
  const Dim groups = groups_of(node);
  IndirectConv conv{
      .channels = x[1], .depthwise = groups > 1 && groups == x[1] && groups == w[0], .epilogue = epilogue_of(node)};
  for (const Window& window : conv_windows(node, in)) {
    AxisTaps& axis = conv.axes.emplace_back();
    axis.stride = window.stride;
    axis.inputs = x[conv.axes.size() + 1];
    for (Dim tap = 0; tap < window.taps; ++tap) axis.at.push_back(window.place(0, tap));
  }
  if (conv.depthwise) {
    conv.depthwise_kernel = kernels.depthwise_f32;
    conv.panels = {1, w[0], conv.taps(), static_cast<Dim>(kernels.depthwise_f32.lanes)};
  } else {
    conv.kernel = kernels.gemm_f32.run;
    conv.tile_rows = kernels.gemm_f32.rows;
    conv.panels = {groups, w[0] / groups, conv.taps() * w[1], static_cast<Dim>(kernels.gemm_f32.columns)};
  }
  return conv;
}

inline std::vector<Step> plan_conv(const Node& node, const Types& in, Constants constants, const PlanContext& context) {
  if (in[0].dtype != DType::f32) return {};
  const IndirectConv conv = conv_indirect(node, in, context.kernels);
  const Shape y = conv_type(node, in, constants)[0].shape;
  const double multiply_adds = static_cast<double>(y.elements()) * conv_terms(in);
  const double padding = static_cast<double>(conv.panels.padded()) / static_cast<double>(conv.panels.columns);
  const std::size_t bytes = in[0].bytes() + in[1].bytes() + TensorType{DType::f32, y}.bytes();
  const TransposeKernels& transpose = context.kernels.transpose;
  const FillWeights fill = [panels = conv.panels, source = conv_source(conv.panels, conv.taps()), transpose](
                               const float* weights, float* packed) {
    panels.fill(weights, packed, source, transpose);
  };
  const RunPacked run = [conv](Inputs from, Outputs to, const float* weights, const float* bias, const Box& box,
                               std::byte* scratch) {
    conv.run(from[0], weights, bias, residual_of(from), to[0], box, scratch);
  };
  // Of finding rows; a depthwise kernel's own time has it.
  const double pointers =
      conv.depthwise ? 0 : static_cast<double>(y.elements() / std::max<Dim>(y[1], 1) * (conv.pieces() + 2));
  Step step{
      .kernel = conv.depthwise     ? "conv_depthwise"
                : conv.taps() == 1 ? "conv_pointwise"
                                   : "conv_indirect",
      .inputs = {{Layout::ChannelsLast}, weights_form("conv, " + to_string(conv.panels), conv.panels.floats(), fill)},
      .outputs = {Layout::ChannelsLast},
      .cuts =
          conv_cuts(in, y, in[1].shape.elements(), conv.panels.groups > 1 ? conv.panels.columns : conv.panels.width),
      .scratch_bytes = conv.scratch_bytes(),
      .nanoseconds = kPassShare * pass_nanoseconds(bytes) + pointers * kNanosecondsPerPointer +
                     multiply_adds * padding / multiply_adds_per_nanosecond(context.kernels),
      .multiply_adds = multiply_adds,
      .run = run_with_packed(run)};
  if (in.size() > 2) step.inputs.push_back(node.has(2) ? bias_form(conv.panels) : Form{});
  if (in.size() > 3) step.inputs.push_back({Layout::ChannelsLast});
  if (node.has(3)) step.in_place = 3;
  if (constants[1] != nullptr && (!node.has(2) || constants[2] != nullptr)) {
    std::vector<Step> steps{step};
    const auto windows = conv_windows(node, in);
    add_bf16_conv(
        steps, node, conv, y, [taps = conv.taps()](const Panels& panels) { return conv_source(panels, taps); },
        context);
    if (conv.depthwise) add_narrow_depthwise(steps, in, conv, y, fill, conv_tolerance(node, in), context);
    add_planar_convs(steps, node, in, y, windows, context);
    add_few_outputs(steps, node, in, y, windows, context);
    if (context.winograd) add_winograd(steps, node, in, y, windows, context.kernels);
    for (Step& each : steps) each.needed = conv_needed(node, in);
    return steps;
  }
  return {
      with_computed_weights(std::move(step), node, in, conv.panels, conv.panels.floats(), fill, run, conv_needed_once)};
}

inline constexpr OpDef kConv[] = {
    {.name = "Conv",
     .infer = conv_type,
     .needed = conv_needed_once,
     .reference = in_f32<conv>,
     .plan = plan_conv,
     .tolerance = conv_tolerance,
     .cases = conv_cases,
     .expand = planned_in_f32<conv_type>},
};

}  // namespace coverslip::inline v0::ops
