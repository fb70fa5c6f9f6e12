// OneHot: a new axis, along which one place is `on` and all others are `off`.
#pragma once
#include "coverslip/ops/shapes/extents.hpp"
#include "coverslip/ops/shapes/generate.hpp"
#include "coverslip/ops/shapes/indices.hpp"

namespace coverslip::inline v0::ops {

// A number of any type as an integer, fractions cut off; what is none, or is beyond i64, becomes the least.
inline Dim truncated(const std::byte* place, DType dtype) {
  return visit(dtype, [&]<class T>(T x) {
    std::memcpy(&x, place, sizeof(T));
    const auto number = wide(x);
    if constexpr (std::is_floating_point_v<decltype(number)>) {
      constexpr float kBeyond = 9223372036854775808.f;
      return number > -kBeyond && number < kBeyond ? static_cast<Dim>(number) : std::numeric_limits<Dim>::min();
    } else {
      return static_cast<Dim>(number);
    }
  });
}

inline std::size_t one_hot_axis(const Node& node, std::size_t indices_rank) {
  return axis_in(node, node.attr<Dim>("axis", -1), indices_rank + 1);
}

inline Types one_hot_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 3, 3);
  for (const std::size_t i : {0u, 1u})
    if (in[i].dtype == DType::boolean || in[i].dtype == DType::bf16)
      throw Error(Errc::Unsupported, node.label(), "input ", i, " is ", in[i].dtype, ", numbers wanted");
  if (in[1].shape.elements() != 1 || in[2].shape != Shape{2})
    throw Error(Errc::BadShape, node.label(), "depth is ", to_string(in[1]), ", values are ", to_string(in[2]),
                "; one number, and two values wanted");
  if (constants[1] == nullptr)
    throw Error(Errc::Unsupported, node.label(), "depth depends on data; it must be known when planning");
  const Dim depth = truncated(constants[1]->data(), in[1].dtype);
  if (depth < 1) throw Error(Errc::BadShape, node.label(), "depth is ", depth, ", at least 1 wanted");
  const std::size_t axis = one_hot_axis(node, in[0].shape.rank());
  Shape shape;
  for (std::size_t a = 0; a < in[0].shape.rank(); ++a) {
    if (a == axis) shape.push_back(depth);
    shape.push_back(in[0].shape[a]);
  }
  if (axis == in[0].shape.rank()) shape.push_back(depth);
  return {bounded(node, {in[2].dtype, shape})};
}

template <class P>
P without_axis(const P& all, std::size_t axis) {
  P rest;
  for (std::size_t a = 0; a < all.rank(); ++a)
    if (a != axis) rest.push_back(all[a]);
  return rest;
}

inline std::vector<Box> one_hot_needed(const Node& node, const Types& in, const Box& output) {
  return {without_axis(output, one_hot_axis(node, in[0].shape.rank())), Box(in[1].shape), Box(in[2].shape)};
}

// Places that do not lie in [-depth, depth) are nowhere.
inline void one_hot(const Node& node, Inputs in, Outputs out) {
  const std::size_t axis = one_hot_axis(node, in[0].shape().rank()), size = size_of(out[0].dtype());
  const Dim depth = out[0].shape()[axis];
  for_each(out[0].held(), [&](const Index& at) {
    const Dim place = truncated(in[0].at(without_axis(at, axis)), in[0].dtype());
    std::memcpy(out[0].at(at), in[2].at({place == at[axis] || place == at[axis] - depth ? 1 : 0}), size);
  });
}

inline void one_hot_box(std::size_t axis, Dim depth, Inputs in, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  const std::size_t size = size_of(y.dtype());
  fill_box(in[2].at({0}), y, box);
  const std::byte* on = in[2].at({1});
  Box heads = box;
  heads[axis].end = heads[axis].begin + 1;
  for_each(heads, [&](const Index& head) {
    Index at = head;
    const Dim place = truncated(in[0].at(without_axis(at, axis)), in[0].dtype());
    if (place < -depth || place >= depth) return;
    at[axis] = place < 0 ? place + depth : place;
    if (at[axis] >= box[axis].begin && at[axis] < box[axis].end) std::memcpy(y.at(at), on, size);
  });
}

inline std::vector<Step> plan_one_hot(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = one_hot_type(node, in, constants)[0];
  const std::size_t axis = one_hot_axis(node, in[0].shape.rank());
  Step step{.kernel = "one_hot",
            .inputs = std::vector<Form>(3),
            .outputs = {Layout::Planar},
            .cuts = any_axis(type.shape.rank()),
            .nanoseconds = moving_nanoseconds(in[0].bytes(), false) + pass_nanoseconds(type.bytes()),
            .run = [axis, depth = type.shape[axis]](Inputs x, Outputs y, const Box& box, std::byte*) {
              one_hot_box(axis, depth, x, y[0], box);
            }};
  return {std::move(step)};
}

inline std::vector<Case> one_hot_cases() {
  const auto along = [](Dim axis) { return Attributes{{"axis", axis}}; };
  const auto depth = [](auto n) { return given(Tensor({}, {n})); };
  const Operand floats = data(Shape{2}), longs = data(TensorType{DType::i64, {2}});
  const Operand list = given(Tensor({2, 2}, {1.f, 9.f, -10.f, 11.f}));
  return {{"OneHot", {}, {given(Tensor({3}, {std::int64_t{0}, std::int64_t{7}, std::int64_t{8}})), depth(12), floats}},
          {"OneHot", along(1), {list, depth(10.f), longs}},
          {"OneHot", along(-2), {list, given(Tensor({1}, {std::int64_t{10}})), floats}},
          {"OneHot",
           along(0),
           {data(TensorType{DType::i8, {3, 5}}), depth(std::uint8_t{40}), data(TensorType{DType::u8, {2}})}},
          {"OneHot", {}, {data(TensorType{DType::i32, {}}), depth(3), data(TensorType{DType::f16, {2}})}},
          {"OneHot", along(1), {data(TensorType{DType::f16, {2, 0}}), depth(3), data(TensorType{DType::boolean, {2}})}},
          {"OneHot", along(1), {data(TensorType{DType::i64, {1, 128, 128}}), depth(20), floats}, true}};
}

inline constexpr OpDef kOneHot[] = {
    {.name = "OneHot",
     .infer = one_hot_type,
     .needed = one_hot_needed,
     .reference = one_hot,
     .plan = plan_one_hot,
     .tolerance = exact,
     .cases = one_hot_cases,
     .of_contents = 0b10},
};

}  // namespace coverslip::inline v0::ops
