// Softmax along one axis.
#pragma once
#include <cmath>

#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

inline std::size_t softmax_axis(const Node& node, const Shape& x) {
  return axis_in(node, node.attr<Dim>("axis", -1), x.rank());
}

inline Types softmax_type(const Node& node, const Types& in, Constants constants) {
  want_dtype(node, in, DType::f32);
  const Types types = same_type(node, in, constants);
  softmax_axis(node, in[0].shape);
  return types;
}

inline std::vector<Box> softmax_needed(const Node& node, const Types& in, const Box& output) {
  const std::size_t axis = softmax_axis(node, in[0].shape);
  Box box = output;
  box[axis] = {0, in[0].shape[axis]};
  return {box};
}

inline void softmax(const Node& node, Inputs in, Outputs out) {
  const std::size_t axis = softmax_axis(node, in[0].shape());
  Box heads = out[0].held();
  heads[axis].end = std::min<Dim>(heads[axis].end, 1);
  for_each(heads, [&](const Index& head) {
    Box line = out[0].held();
    for (std::size_t a = 0; a < line.rank(); ++a)
      if (a != axis) line[a] = {head[a], head[a] + 1};
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for_each(line, [&](const Index& at) { most = std::max(most, double{*in[0].as<float>(at)}); });
    for_each(line, [&](const Index& at) { sum += std::exp(double{*in[0].as<float>(at)} - most); });
    for_each(line, [&](const Index& at) {
      *out[0].as<float>(at) = static_cast<float>(std::exp(double{*in[0].as<float>(at)} - most) / sum);
    });
  });
}

// Along the elements that lie side by side, or across them, many columns at once.
inline void run_softmax(const SoftmaxKernels& kernels, std::size_t axis, std::size_t side_by_side, const View& x,
                        View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  const auto n = static_cast<std::size_t>(box[axis].extent());
  const auto columns = static_cast<std::size_t>(box[side_by_side].extent());
  Box heads = box;
  heads[axis].end = heads[axis].begin + 1;
  heads[side_by_side].end = heads[side_by_side].begin + 1;
  for_each(heads, [&](const Index& at) {
    const float* from = x.as<float>(at);
    float* to = y.as<float>(at);
    if (axis == side_by_side)
      kernels.along(from, to, n);
    else
      kernels.across(from, x.strides()[axis], to, y.strides()[axis], n, columns);
  });
}

inline std::vector<Step> plan_softmax(const Node& node, const Types& in, Constants, const PlanContext& context) {
  const std::size_t rank = in[0].shape.rank(), axis = softmax_axis(node, in[0].shape);
  std::vector<Cut> cuts = any_axis(rank);
  std::erase_if(cuts, [axis](const Cut& cut) { return cut.axis == axis; });
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts) {
    const std::size_t side_by_side = layout == Layout::ChannelsLast && rank > 2 ? 1 : rank - 1;
    constexpr double kRow = 30;  // nanoseconds that each row costs, however short it is
    const Dim n = std::max<Dim>(in[0].shape[axis], 1);
    const double rows = axis == side_by_side ? static_cast<double>(in[0].shape.elements() / n) : 0;
    candidates.push_back({.kernel = axis == side_by_side ? "softmax_along" : "softmax_across",
                          .inputs = {{layout}},
                          .outputs = {layout},
                          .cuts = cuts,
                          .nanoseconds = 4 * pass_nanoseconds(2 * in[0].bytes()) + kRow * rows,
                          .in_place = in[0].shape[axis] == 0 ? std::nullopt : std::optional<std::size_t>(0),
                          .run = [kernels = context.kernels.softmax, axis, side_by_side](Inputs x, Outputs y,
                                                                                         const Box& box, std::byte*) {
                            run_softmax(kernels, axis, side_by_side, x[0], y[0], box);
                          }});
  }
  return candidates;
}

// The difference from the most, at most 104 where the result is not 0, is rounded before its exponential, which is good
// to two units; then the sum of n, the quotient, and the reference.
inline double softmax_tolerance(const Node& node, const Types& in) {
  return (104 + 8 + static_cast<double>(in[0].shape[softmax_axis(node, in[0].shape)])) * 0x1p-24;
}

inline std::vector<Case> softmax_cases() {
  const auto axis = [](Dim a) { return Attributes{{"axis", a}}; };
  return {{"Softmax", axis(1), {data({2, 19, 3, 5})}},   {"Softmax", axis(-1), {data({2, 3, 5, 37})}},
          {"Softmax", axis(2), {data({1, 18, 5, 3})}},   {"Softmax", {}, {data({3, 24})}},
          {"Softmax", axis(0), {data({5, 17})}},         {"Softmax", {}, {data({1})}},
          {"Softmax", axis(1), {data({1, 3, 2, 3, 4})}}, {"Softmax", axis(1), {data({1, 4, 256, 256})}, true}};
}

inline constexpr OpDef kSoftmax[] = {
    {.name = "Softmax",
     .infer = softmax_type,
     .needed = softmax_needed,
     .reference = softmax,
     .plan = plan_softmax,
     .tolerance = softmax_tolerance,
     .cases = softmax_cases},
};

}  // namespace coverslip::inline v0::ops
