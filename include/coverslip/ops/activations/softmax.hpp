// Softmax, LogSoftmax and Hardmax along one axis.
#pragma once
#include <cmath>

#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/convert.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/nest.hpp"
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

inline std::size_t softmax_axis(const Node& node, const Shape& x) {
  return axis_in(node, node.attr<Dim>("axis", -1), x.rank());
}

inline AxisFunction axis_function(const Node& node) {
  return node.op == "Softmax"      ? AxisFunction::Softmax
         : node.op == "LogSoftmax" ? AxisFunction::LogSoftmax
                                   : AxisFunction::Hardmax;
}

inline Types softmax_type(const Node& node, const Types& in, Constants constants) {
  const Types types = same_type(node, in, constants);
  want_types(node, in, 0, kFloats);
  softmax_axis(node, in[0].shape);
  return types;
}

inline std::vector<Box> softmax_needed(const Node& node, const Types& in, const Box& output) {
  const std::size_t axis = softmax_axis(node, in[0].shape);
  Box box = output;
  box[axis] = {0, in[0].shape[axis]};
  return {box};
}

// Of the numbers of one line, in place.
inline void softmax_line(AxisFunction f, std::vector<double>& line) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const double x : line) most = x > most ? x : most;
  for (const double x : line) sum += std::exp(x - most);
  std::size_t first = 0;
  while (first < line.size() && !(line[first] >= most)) ++first;
  if (first == line.size()) first = 0;
  for (std::size_t i = 0; i < line.size(); ++i) switch (f) {
      case AxisFunction::Softmax: line[i] = std::exp(line[i] - most) / sum; break;
      case AxisFunction::LogSoftmax: line[i] = line[i] - most - std::log(sum); break;
      case AxisFunction::Hardmax: line[i] = i == first ? 1 : 0; break;
    }
}

// y = then(f(x)) of each number.
template <class F>
void softmax_then(const Node& node, Inputs in, Outputs out, const F& then) {
  const std::size_t axis = softmax_axis(node, in[0].shape());
  Box heads = out[0].held();
  heads[axis].end = std::min<Dim>(heads[axis].end, 1);
  std::vector<double> numbers;
  visit(out[0].dtype(), [&]<class T>(T) {
    for_each(heads, [&](const Index& head) {
      Box line = out[0].held();
      for (std::size_t a = 0; a < line.rank(); ++a)
        if (a != axis) line[a] = {head[a], head[a] + 1};
      numbers.clear();
      for_each(line, [&](const Index& at) { numbers.push_back(double{convert<float>(*in[0].as<T>(at))}); });
      softmax_line(axis_function(node), numbers);
      for_each(line, [&](const Index& at) {
        *out[0].as<T>(at) = convert<T>(static_cast<float>(then(numbers[static_cast<std::size_t>(at[axis])])));
      });
    });
  });
}

inline void softmax(const Node& node, Inputs in, Outputs out) {
  softmax_then(node, in, out, [](double y) { return y; });
}

// Of the logarithm: it is of a sum that is at least 1 and is rounded, so that errors are not small where it is 0.
inline void softmax_magnitudes(const Node& node, Inputs in, Outputs out) {
  softmax_then(node, in, out, [](double y) { return std::max(std::abs(y), 1.0); });
}

// Along the elements that lie side by side, or across them, many columns at once.
inline void run_softmax(const SoftmaxKernels& kernels, AxisFunction f, std::size_t axis, bool along, const View& x,
                        View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  const auto n = static_cast<std::size_t>(box[axis].extent());
  const Dim x_step = x.strides()[axis], y_step = y.strides()[axis];
  Shape heads = box.shape();
  heads[axis] = 1;
  Nest<2> nest(heads, {x.strides(), y.strides()});
  if (!along) nest.want_unit_strides();
  const float* from = x.as<float>(box.origin());
  float* to = y.as<float>(box.origin());
  const Dim columns = nest.inner().extent, rows = nest.outer().extent;
  const auto &by = nest.inner().strides, &over = nest.outer().strides;
  nest.for_each_plane([&](const auto& at) {
    for (Dim row = 0; row < rows; ++row) {
      const float* line = from + at[0] + row * over[0];
      float* made = to + at[1] + row * over[1];
      if (!along)
        kernels.across(f, line, x_step, made, y_step, n, static_cast<std::size_t>(columns));
      else
        for (Dim i = 0; i < columns; ++i) kernels.along(f, line + i * by[0], made + i * by[1], n);
    }
  });
}

inline std::vector<Step> plan_softmax(const Node& node, const Types& in, Constants, const PlanContext& context) {
  if (in[0].dtype != DType::f32) return {};
  const std::size_t rank = in[0].shape.rank(), axis = softmax_axis(node, in[0].shape);
  std::vector<Cut> cuts = any_axis(rank);
  std::erase_if(cuts, [axis](const Cut& cut) { return cut.axis == axis; });
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts) {
    const bool along = axis == (layout == Layout::ChannelsLast && rank > 2 ? 1 : rank - 1);
    constexpr double kRow = 30;  // nanoseconds that each row costs, however short it is
    const Dim n = std::max<Dim>(in[0].shape[axis], 1);
    const double rows = along ? static_cast<double>(in[0].shape.elements() / n) : 0;
    const auto run = [kernels = context.kernels.softmax, f = axis_function(node), axis, along](
                         Inputs x, Outputs y, const Box& box, std::byte*) {
      run_softmax(kernels, f, axis, along, x[0], y[0], box);
    };
    candidates.push_back({.kernel = along ? "softmax_along" : "softmax_across",
                          .inputs = {{layout}},
                          .outputs = {layout},
                          .cuts = cuts,
                          .nanoseconds = 4 * pass_nanoseconds(2 * in[0].bytes()) + kRow * rows,
                          .in_place = in[0].shape[axis] == 0 ? std::nullopt : std::optional<std::size_t>(0),
                          .run = run});
  }
  return candidates;
}

// The difference from the most, at most 104 where the result is not 0, is rounded before its exponential, which is good
// to two units; then the sum of n, the quotient, and the reference.
inline double softmax_tolerance(const Node& node, const Types& in) {
  return (104 + 8 + static_cast<double>(in[0].shape[softmax_axis(node, in[0].shape)])) * 0x1p-24;
}

// A power times the error of its exponent is below 1/2; then the sum of n, its logarithm, two differences.
inline double log_softmax_tolerance(const Node& node, const Types& in) {
  return (16 + static_cast<double>(in[0].shape[softmax_axis(node, in[0].shape)])) * 0x1p-24;
}

inline std::vector<Case> softmax_cases(const std::string& op) {
  const auto axis = [](Dim a) { return Attributes{{"axis", a}}; };
  std::vector<Case> cases{{op, axis(1), {data({2, 19, 3, 5})}},
                          {op, axis(-1), {data({2, 3, 5, 37})}},
                          {op, axis(2), {data({1, 18, 5, 3})}},
                          {op, {}, {data({3, 24})}},
                          {op, axis(0), {data({5, 17})}},
                          {op, {}, {data({1})}},
                          {op, axis(1), {data({1, 3, 2, 3, 4})}},
                          {op, axis(0), {data({3, 0})}},
                          {op, axis(1), {data({1, 4, 256, 256})}, true}};
  for (const DType dtype : {DType::f16, DType::bf16})
    cases.push_back({op, axis(1), {data(TensorType{dtype, {2, 19, 3}})}});
  return cases;
}
inline std::vector<Case> plain_softmax_cases() { return softmax_cases("Softmax"); }
inline std::vector<Case> log_softmax_cases() { return softmax_cases("LogSoftmax"); }
inline std::vector<Case> hardmax_cases() { return softmax_cases("Hardmax"); }

inline constexpr OpDef softmax_op(std::string_view name, double (*tolerance)(const Node&, const Types&),
                                  std::vector<Case> (*cases)(), void (*magnitudes)(const Node&, Inputs, Outputs)) {
  return {.name = name,
          .infer = softmax_type,
          .needed = softmax_needed,
          .reference = softmax,
          .plan = plan_softmax,
          .tolerance = tolerance,
          .magnitudes = magnitudes,
          .cases = cases,
          .expand = planned_in_f32<softmax_type>};
}
inline constexpr OpDef kSoftmax[] = {
    softmax_op("Softmax", softmax_tolerance, plain_softmax_cases, nullptr),
    softmax_op("LogSoftmax", log_softmax_tolerance, log_softmax_cases, softmax_magnitudes),
    softmax_op("Hardmax", exact, hardmax_cases, nullptr),
};

}  // namespace coverslip::inline v0::ops
