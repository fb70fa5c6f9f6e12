// Slice: every step-th element between two places, along some axes. With steps of one it may be a window on its input.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

// Output o along an axis is input first + o * step.
struct Stretch {
  Dim first = 0, step = 1, count = 0;
  Range needed(const Range& output) const {
    if (output.extent() == 0) return {first, first};
    const Dim a = first + output.begin * step, b = first + (output.end - 1) * step;
    return {std::min(a, b), std::max(a, b) + 1};
  }
};

// ONNX's rules: negative places count from the end, and all are bounded by the input.
inline Stretch stretch_of(Dim start, Dim end, Dim step, Dim extent) {
  const auto bounded = [extent](Dim place, Dim least, Dim most) {
    return std::clamp(place < 0 ? place + extent : place, least, most);
  };
  if (extent == 0) return {};
  if (step > 0) {
    const Dim first = bounded(start, 0, extent), last = bounded(end, 0, extent);
    const Dim count = last > first ? (last - first - 1) / step + 1 : 0;
    return {std::min(first, extent - 1), count > 1 ? step : 1, count};
  }
  step = std::max(step, -std::numeric_limits<Dim>::max());
  const Dim first = bounded(start, 0, extent - 1), last = bounded(end, -1, extent - 1);
  const Dim count = first > last ? (first - last - 1) / -step + 1 : 0;
  return {first, count > 1 ? step : 1, count};
}

// `list(i)` is input i as integers, empty where it is absent.
template <class F>
std::vector<Stretch> slice_stretches(const Node& node, const Shape& x, const F& list) {
  std::vector<Stretch> stretches;
  for (const Dim d : x) stretches.push_back({0, 1, d});
  const std::vector<Dim> starts = list(1), ends = list(2), named = list(3), steps = list(4);
  std::vector<Dim> in_order(starts.size());
  for (std::size_t i = 0; i < in_order.size(); ++i) in_order[i] = static_cast<Dim>(i);
  const auto axes = axes_in(node, node.has(3) ? named : in_order, x.rank());
  if (ends.size() != starts.size() || axes.size() != starts.size() || (node.has(4) && steps.size() != starts.size()))
    throw Error(Errc::BadShape, node.label(), "starts, ends, axes and steps have ", starts.size(), ", ", ends.size(),
                ", ", axes.size(), " and ", steps.size(), " numbers, the same number wanted");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Dim step = node.has(4) ? steps[i] : 1;
    if (step == 0) throw Error(Errc::BadModel, node.label(), "a step is 0");
    stretches[axes[i]] = stretch_of(starts[i], ends[i], step, x[axes[i]]);
  }
  return stretches;
}

inline std::vector<Stretch> slice_stretches(const Node& node, const Types& in, Constants constants) {
  constexpr std::string_view kNames[] = {"data", "starts", "ends", "axes", "steps"};
  return slice_stretches(node, in[0].shape, [&](std::size_t i) {
    return node.has(i) ? known_integers(node, in, constants, i, kNames[i]) : std::vector<Dim>();
  });
}

inline Types slice_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 3, 5);
  TensorType type = in[0];
  const auto stretches = slice_stretches(node, in, constants);
  for (std::size_t axis = 0; axis < stretches.size(); ++axis) type.shape[axis] = stretches[axis].count;
  return {type};
}

inline Box stretched(const std::vector<Stretch>& stretches, const Box& output) {
  Box box(output);
  for (std::size_t axis = 0; axis < box.rank(); ++axis) box[axis] = stretches[axis].needed(output[axis]);
  return box;
}

inline void move_stretches(const std::vector<Stretch>& stretches, const View& x, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  Index from = box.origin(), strides = x.strides();
  for (std::size_t axis = 0; axis < box.rank(); ++axis) {
    from[axis] = stretches[axis].first + box[axis].begin * stretches[axis].step;
    strides[axis] *= stretches[axis].step;
  }
  move_elements(y.dtype(), x.at(from), strides, y.at(box.origin()), y.strides(), box.shape());
}

inline void slice(const Node& node, Inputs in, Outputs out) {
  const auto stretches = slice_stretches(
      node, in[0].shape(), [&](std::size_t i) { return node.has(i) ? integers_of(in[i]) : std::vector<Dim>(); });
  for_each(out[0].held(), [&](const Index& at) {
    Index from = at;
    for (std::size_t axis = 0; axis < from.rank(); ++axis)
      from[axis] = stretches[axis].first + at[axis] * stretches[axis].step;
    std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
  });
}

inline std::vector<Step> plan_slice(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = slice_type(node, in, constants)[0];
  const auto stretches = slice_stretches(node, in, constants);
  Step step{.kernel = "slice",
            .cuts = any_axis(type.shape.rank()),
            .nanoseconds = pass_nanoseconds(2 * type.bytes()),
            .needed =
                [stretches, in](const Box& output) {
                  auto boxes = whole_inputs({}, in, output);
                  boxes[0] = stretched(stretches, output);
                  return boxes;
                },
            .run = [stretches](Inputs x, Outputs y, const Box& box,
                               std::byte*) { move_stretches(stretches, x[0], y[0], box); }};
  if (std::all_of(stretches.begin(), stretches.end(), [](const Stretch& s) { return s.step == 1; })) {
    step.window = Index(stretches.size(), 0);
    for (std::size_t axis = 0; axis < stretches.size(); ++axis) (*step.window)[axis] = stretches[axis].first;
  }
  return in_each_layout(in.size(), 1, std::move(step));
}

inline std::vector<Case> slice_cases() {
  const auto list = [](std::initializer_list<std::int64_t> numbers) {
    return given(Tensor({static_cast<Dim>(numbers.size())}, numbers));
  };
  constexpr Dim kEnd = std::numeric_limits<Dim>::max();
  const Operand x = data({2, 19, 6, 7});
  return {{"Slice", {}, {x, list({1, 2}), list({-1, 6}), list({2, 3})}},
          {"Slice", {}, {x, list({0, 3, 0, -3}), list({1, 18, 4, kEnd})}},
          {"Slice", {}, {x, list({1}), list({kEnd}), list({-1}), list({2})}},
          {"Slice", {}, {x, list({-1, 5}), list({-kEnd, 0}), list({1, 2}), list({-1, -2})}},
          {"Slice", {}, {x, list({4}), list({2}), list({3})}},
          {"Slice", {}, {data(TensorType{DType::i64, {5}}), list({-2}), list({kEnd})}},
          {"Slice", {}, {data(TensorType{DType::u8, {2, 3, 4}}), list({1}), list({3}), list({1}), absent()}},
          {"Slice", {}, {data(TensorType{DType::f16, {3, 9}}), list({8}), list({0}), list({1}), list({-3})}}};
}

inline constexpr OpDef kSlice[] = {
    {.name = "Slice",
     .infer = slice_type,
     .needed = whole_inputs,
     .reference = slice,
     .plan = plan_slice,
     .tolerance = exact,
     .cases = slice_cases,
     .of_contents = 0b11110,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
