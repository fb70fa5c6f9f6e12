// Expand and Tile: the input again and again, along axes of one element or along all.
#pragma once
#include "coverslip/ops/shapes/extents.hpp"
#include "coverslip/ops/shapes/pad.hpp"

namespace coverslip::inline v0::ops {

// ONNX's broadcasting of the input and the shape that is asked for: where one says 1, the other counts.
inline Types expand_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  const auto list = known_integers(node, in, constants, 1, "shape");
  const Shape wanted{std::span<const Dim>(list)};
  const Shape& x = in[0].shape;
  Shape y(std::max(x.rank(), wanted.rank()), 1);
  for (std::size_t axis = 0; axis < wanted.rank(); ++axis) y[y.rank() - wanted.rank() + axis] = wanted[axis];
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    Dim& d = y[y.rank() - x.rank() + axis];
    if (x[axis] != 1 && d != 1 && d != x[axis])
      throw Error(Errc::BadShape, node.label(), "input ", x, " cannot be broadcast to ", wanted);
    if (d == 1) d = x[axis];
  }
  return {bounded(node, {in[0].dtype, y})};
}

// The input's part of an output's box.
inline Box expand_source(const Shape& x, const Box& output) {
  Box box(x);
  for (std::size_t axis = 0; axis < x.rank(); ++axis)
    if (x[axis] != 1) box[axis] = output[output.rank() - x.rank() + axis];
  return box;
}

inline std::vector<Box> expand_needed(const Node&, const Types& in, const Box& output) {
  return {expand_source(in[0].shape, output), Box(in[1].shape)};
}

inline void expand(const Node&, Inputs in, Outputs out) {
  const Shape& x = in[0].shape();
  for_each(out[0].held(), [&](const Index& at) {
    Index from(x.rank(), 0);
    for (std::size_t axis = 0; axis < x.rank(); ++axis)
      if (x[axis] != 1) from[axis] = at[at.rank() - x.rank() + axis];
    std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
  });
}

inline void expand_box(const Shape& shape, const View& x, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  move_elements(y.dtype(), x.at(expand_source(shape, box).origin()), broadcast_strides(x, shape, box.rank()),
                y.at(box.origin()), y.strides(), box.shape());
}

inline std::vector<Step> plan_expand(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = expand_type(node, in, constants)[0];
  std::vector<Step> candidates =
      in_each_layout(2, 1,
                     {.kernel = "expand",
                      .cuts = any_axis(type.shape.rank()),
                      .nanoseconds = pass_nanoseconds(in[0].bytes() + type.bytes()),
                      .same_bytes = type.bytes() == in[0].bytes(),
                      .run = [shape = in[0].shape](Inputs x, Outputs y, const Box& box, std::byte*) {
                        expand_box(shape, x[0], y[0], box);
                      }});
  if (type.shape.rank() != in[0].shape.rank()) candidates.resize(1);  // other axes: only row-major order is the same
  return candidates;
}

// Repeats of each axis; `list` is input 1.
inline Types tile_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  const auto repeats = known_integers(node, in, constants, 1, "repeats");
  if (repeats.size() != in[0].shape.rank())
    throw Error(Errc::BadShape, node.label(), "repeats are ", repeats.size(), " numbers, one for each axis of ",
                in[0].shape, " wanted");
  TensorType type = in[0];
  for (std::size_t axis = 0; axis < repeats.size(); ++axis) {
    if (repeats[axis] < 0)
      throw Error(Errc::BadShape, node.label(), "axis ", axis, " is repeated ", repeats[axis], " times");
    type.shape[axis] = bounded_product(type.shape[axis], repeats[axis]);
  }
  return {bounded(node, type)};
}

inline Range tile_source(Dim extent, const Range& output) {
  if (output.extent() == 0) return {0, 0};
  const Dim first = output.begin % extent, last = first + output.extent();
  return last <= extent ? Range{first, last} : Range{0, extent};
}

inline std::vector<Box> tile_needed(const Node&, const Types& in, const Box& output) {
  Box x = output;
  for (std::size_t axis = 0; axis < x.rank(); ++axis) x[axis] = tile_source(in[0].shape[axis], output[axis]);
  return {x, Box(in[1].shape)};
}

inline void tile(const Node&, Inputs in, Outputs out) {
  for_each(out[0].held(), [&](const Index& at) {
    Index from = at;
    for (std::size_t axis = 0; axis < at.rank(); ++axis) from[axis] %= in[0].shape()[axis];
    std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
  });
}

// The input once along each axis, then, axis by axis, what is there again behind itself: twice as much each time.
inline void tile_box(const std::vector<PadAxis>& axes, const View& x, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  Box made = box;
  for (std::size_t axis = 0; axis < axes.size(); ++axis)
    made[axis].end = std::min(box[axis].end, box[axis].begin + axes[axis].extent);
  pad_pieces(axes, 0, x, nullptr, y, made, made.origin(), x.strides());
  const auto size = static_cast<Dim>(size_of(y.dtype()));
  std::byte* first = y.at(box.origin());
  for (std::size_t axis = axes.size(); axis-- > 0;)
    while (made[axis].end < box[axis].end) {
      Shape more = made.shape();
      std::byte* next = first + more[axis] * y.strides()[axis] * size;
      more[axis] = std::min(more[axis], box[axis].end - made[axis].end);
      move_elements(y.dtype(), first, y.strides(), next, y.strides(), more);
      made[axis].end += more[axis];
    }
}

inline std::vector<Step> plan_tile(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = tile_type(node, in, constants)[0];
  std::vector<PadAxis> axes;
  for (const Dim extent : in[0].shape) axes.push_back({PadMode::Wrap, extent});
  return in_each_layout(
      2, 1,
      {.kernel = "tile",
       .cuts = any_axis(type.shape.rank()),
       .nanoseconds = pass_nanoseconds(in[0].bytes() + type.bytes()),
       .same_bytes = type == in[0],
       .run = [axes](Inputs x, Outputs y, const Box& box, std::byte*) { tile_box(axes, x[0], y[0], box); }});
}

inline std::vector<Case> expand_cases() {
  const auto of = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  const auto list = [](std::initializer_list<std::int64_t> n) {
    return given(Tensor({static_cast<Dim>(n.size())}, n));
  };
  return {{"Expand", {}, {data({3, 1}), list({2, 1, 6})}},
          {"Expand", {}, {data({3, 1}), list({3, 4})}},
          {"Expand", {}, {of(DType::u8, {2, 1, 3, 1}), list({1, 5, 1, 19})}},
          {"Expand", {}, {of(DType::f16, {1, 17, 1, 1}), list({2, 17, 3, 4})}},
          {"Expand", {}, {of(DType::i64, {}), list({2, 3})}},
          {"Expand", {}, {data({2, 3}), list({})}},
          {"Expand", {}, {data({2, 3}), list({1, 1, 3})}},
          {"Expand", {}, {data({1, 3}), list({0, 3})}},
          {"Expand", {}, {of(DType::boolean, {}), list({})}},
          {"Expand", {}, {data({1, 64, 1, 1}), list({1, 64, 112, 112})}, true},
          {"Expand", {}, {data({1, 1, 256, 1}), list({8, 64, 256, 64})}, true}};
}
inline std::vector<Case> tile_cases() {
  const auto of = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  const auto list = [](std::initializer_list<std::int64_t> n) {
    return given(Tensor({static_cast<Dim>(n.size())}, n));
  };
  return {{"Tile", {}, {data({2, 3, 4}), list({2, 1, 3})}},
          {"Tile", {}, {of(DType::u8, {1, 3, 2, 5}), list({3, 2, 2, 4})}},
          {"Tile", {}, {of(DType::f16, {2, 17, 1, 1}), list({1, 1, 7, 3})}},
          {"Tile", {}, {of(DType::i64, {3}), list({11})}},
          {"Tile", {}, {data({2, 3}), list({1, 1})}},
          {"Tile", {}, {data({2, 3}), list({0, 2})}},
          {"Tile", {}, {data({0, 3}), list({4, 2})}},
          {"Tile", {}, {of(DType::boolean, {}), list({})}},
          {"Tile", {}, {data({1, 1, 64, 64}), list({1, 32, 4, 4})}, true}};
}

inline constexpr OpDef kExpand[] = {
    {.name = "Expand",
     .infer = expand_type,
     .needed = expand_needed,
     .reference = expand,
     .plan = plan_expand,
     .tolerance = exact,
     .cases = expand_cases,
     .of_contents = 0b10,
     .any_type = 0b1},
    {.name = "Tile",
     .infer = tile_type,
     .needed = tile_needed,
     .reference = tile,
     .plan = plan_tile,
     .tolerance = exact,
     .cases = tile_cases,
     .of_contents = 0b10,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
