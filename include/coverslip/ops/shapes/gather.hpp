// Gather: slices of the input along an axis, in the order of a list of indices.
#pragma once
#include "coverslip/ops/shapes/extents.hpp"
#include "coverslip/ops/shapes/indices.hpp"

namespace coverslip::inline v0::ops {

inline std::size_t gather_axis(const Node& node, std::size_t rank) {
  return axis_in(node, node.attr<Dim>("axis", 0), rank);
}

inline Types gather_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  want_indices(node, in, 1);
  const Shape &x = in[0].shape, &indices = in[1].shape;
  const std::size_t axis = gather_axis(node, x.rank());
  want_elements(node, indices, axis, x[axis]);
  check_indices(node, constants[1], axis, x[axis]);
  Shape y;
  for (std::size_t a = 0; a < x.rank(); ++a) {
    if (a != axis)
      y.push_back(x[a]);
    else
      for (const Dim d : indices) y.push_back(d);
  }
  return {bounded(node, {in[0].dtype, y})};
}

// The output's axes are those of x before `axis`, of the indices, and of x behind it.
inline std::vector<Box> gather_needed(const Node& node, const Types& in, const Box& output) {
  Box x(in[0].shape), indices(in[1].shape);
  const std::size_t axis = gather_axis(node, x.rank()), rank = indices.rank();
  for (std::size_t a = 0; a < x.rank(); ++a)
    if (a != axis) x[a] = output[a < axis ? a : a + rank - 1];
  for (std::size_t a = 0; a < rank; ++a) indices[a] = output[axis + a];
  return {x, indices};
}

inline void gather(const Node& node, Inputs in, Outputs out) {
  const std::size_t axis = gather_axis(node, in[0].shape().rank()), rank = in[1].shape().rank();
  for_each(out[0].held(), [&](const Index& at) {
    Index from(in[0].shape().rank(), 0), index(rank, 0);
    for (std::size_t a = 0; a < from.rank(); ++a) from[a] = a < axis ? at[a] : a > axis ? at[a + rank - 1] : 0;
    for (std::size_t a = 0; a < rank; ++a) index[a] = at[axis + a];
    from[axis] = place_of(index_at(in[1].at(index), in[1].dtype()), in[0].shape()[axis]);
    std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
  });
}

// One mover for all slices; they are visited in the order of the output.
inline void gather_box(std::size_t axis, const View& x, const View& indices, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  const std::size_t rank = indices.shape().rank(), behind = x.shape().rank() - axis - 1;
  const auto size = static_cast<Dim>(size_of(y.dtype()));
  Shape slice(behind, 1);
  Index x_strides(behind, 0), y_strides(behind, 0), from(x.shape().rank(), 0), index(rank, 0);
  Box heads = box;
  for (std::size_t a = 0; a < behind; ++a) {
    Range& range = heads[axis + rank + a];
    slice[a] = range.extent();
    x_strides[a] = x.strides()[axis + 1 + a];
    y_strides[a] = y.strides()[axis + rank + a];
    from[axis + 1 + a] = range.begin;
    range.end = range.begin + 1;
  }
  const Mover move(static_cast<std::size_t>(size), x_strides, y_strides, slice);
  Dim n = 1, index_step = 0, y_step = 0;  // along the last axis of the indices
  if (rank > 0) {
    Range& range = heads[axis + rank - 1];
    n = range.extent();
    index_step = indices.strides()[rank - 1] * static_cast<Dim>(size_of(indices.dtype()));
    y_step = y.strides()[axis + rank - 1] * size;
    range.end = range.begin + 1;
  }
  const Dim extent = x.shape()[axis], x_step = x.strides()[axis] * size;
  for_each(heads, [&](const Index& at) {
    for (std::size_t a = 0; a < axis; ++a) from[a] = at[a];
    for (std::size_t a = 0; a < rank; ++a) index[a] = at[axis + a];
    const std::byte *x_at = x.at(from), *index_place = indices.at(index);
    std::byte* y_at = y.at(at);
    for (Dim i = 0; i < n; ++i)
      move(x_at + x_step * place_of(index_at(index_place + i * index_step, indices.dtype()), extent),
           y_at + i * y_step);
  });
}

inline std::vector<Step> plan_gather(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = gather_type(node, in, constants)[0];
  const std::size_t axis = gather_axis(node, in[0].shape.rank());
  Step step{
      .kernel = "gather",
      .inputs = std::vector<Form>(2),
      .outputs = {Layout::Planar},
      .cuts = any_axis(type.shape.rank()),
      .nanoseconds = moving_nanoseconds(2 * type.bytes(), axis + 1 < in[0].shape.rank()),
      .run = [axis](Inputs x, Outputs y, const Box& box, std::byte*) { gather_box(axis, x[0], x[1], y[0], box); }};
  return {std::move(step)};
}

inline std::vector<Case> gather_cases() {
  const auto along = [](Dim axis) { return Attributes{{"axis", axis}}; };
  const auto list = [](const Shape& shape, std::initializer_list<std::int64_t> n) { return given(Tensor(shape, n)); };
  const Tensor narrow({3}, {std::int32_t{-1}, std::int32_t{4}, std::int32_t{2}});
  // Numbers of any kind are mostly beyond the axis.
  const Operand wild = data(TensorType{DType::i64, {2, 5}});
  return {{"Gather", along(1), {data({2, 3, 4}), list({2, 2}, {0, -1, 1, 0})}},
          {"Gather", {}, {data(TensorType{DType::i64, {4}}), list({}, {2})}},
          {"Gather", along(-1), {data({3, 5}), given(narrow)}},
          {"Gather", {}, {data(TensorType{DType::u8, {5, 2, 3, 2}}), given(narrow)}},
          {"Gather", along(2), {data(TensorType{DType::f16, {2, 3, 5, 2}}), given(narrow)}},
          {"Gather", along(1), {data(TensorType{DType::boolean, {3, 5}}), list({1, 1}, {-5})}},
          {"Gather", {}, {data({7, 3}), wild}},
          {"Gather", along(-1), {data({3, 2, 7}), data(TensorType{DType::i32, {3}})}},
          {"Gather", {}, {data({4, 3}), data(TensorType{DType::i64, {0}})}},
          {"Gather", along(1), {data({0, 3}), list({2}, {1, 1})}},
          {"Gather", {}, {data({1000, 512}), data(TensorType{DType::i64, {256}})}, true},
          {"Gather", along(-1), {data({512, 1024}), data(TensorType{DType::i64, {1024}})}, true}};
}

inline constexpr OpDef kGather[] = {
    {.name = "Gather",
     .infer = gather_type,
     .needed = gather_needed,
     .reference = gather,
     .plan = plan_gather,
     .tolerance = exact,
     .cases = gather_cases,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
