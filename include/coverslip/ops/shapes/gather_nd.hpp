// GatherND: slices of the input at places that lists of indices name.
#pragma once
#include "coverslip/ops/shapes/index_tuples.hpp"

namespace coverslip::inline v0::ops {

inline Tuples gather_tuples(const Node& node, const Types& in) {
  return tuples_of(node, in, node.attr<Dim>("batch_dims", 0));
}

inline Types gather_nd_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  const Tuples tuples = gather_tuples(node, in);
  check_tuples(node, tuples, constants[1]);
  return {bounded(node, {in[0].dtype, tuple_slices(tuples, in[1].shape)})};
}

inline std::vector<Box> gather_nd_needed(const Node& node, const Types& in, const Box& output) {
  const Tuples tuples = gather_tuples(node, in);
  Box x(in[0].shape), indices(in[1].shape);
  for (std::size_t axis = 0; axis < tuples.first; ++axis) x[axis] = output[axis];
  for (std::size_t axis = 0; axis < tuples.rank; ++axis) indices[axis] = output[axis];
  for (std::size_t axis = tuples.end(); axis < x.rank(); ++axis) x[axis] = output[tuples.rank + axis - tuples.end()];
  return {x, indices};
}

inline void gather_nd(const Node& node, Inputs in, Outputs out) {
  const Tuples tuples = gather_tuples(node, types_of(in));
  for_each(out[0].held(), [&](const Index& at) {
    Index from = tuple_place(tuples, in[1], at);
    for (std::size_t axis = tuples.end(); axis < from.rank(); ++axis)
      from[axis] = at[tuples.rank + axis - tuples.end()];
    std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
  });
}

inline void gather_nd_box(const Tuples& tuples, const View& x, const View& indices, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  const std::size_t slice = tuples.whole.rank() - tuples.end();
  const Mover move(size_of(y.dtype()), last_axes(x.strides(), slice), last_axes(y.strides(), slice),
                   last_axes(box.shape(), slice));
  Box heads = box;
  for (std::size_t axis = tuples.rank; axis < heads.rank(); ++axis) heads[axis].end = heads[axis].begin + 1;
  for_each(heads, [&](const Index& at) {
    Index from = tuple_place(tuples, indices, at);
    for (std::size_t axis = tuples.end(); axis < from.rank(); ++axis)
      from[axis] = at[tuples.rank + axis - tuples.end()];
    move(x.at(from), y.at(at));
  });
}

inline std::vector<Step> plan_gather_nd(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = gather_nd_type(node, in, constants)[0];
  const Tuples tuples = gather_tuples(node, in);
  Step step{.kernel = "gather_nd",
            .inputs = std::vector<Form>(2),
            .outputs = {Layout::Planar},
            .cuts = any_axis(type.shape.rank()),
            .nanoseconds = moving_nanoseconds(in[1].bytes() + 2 * type.bytes(), tuples.end() < in[0].shape.rank()),
            .run = [tuples](Inputs x, Outputs y, const Box& box, std::byte*) {
              gather_nd_box(tuples, x[0], x[1], y[0], box);
            }};
  return {std::move(step)};
}

inline std::vector<Case> gather_nd_cases() {
  const auto of = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  const auto list = [](const Shape& shape, std::initializer_list<std::int64_t> n) { return given(Tensor(shape, n)); };
  const Attributes batch{{"batch_dims", Dim{1}}};
  return {{"GatherND", {}, {data({2, 3}), list({3, 2}, {0, -1, 1, 0, -2, 2})}},
          {"GatherND", {}, {of(DType::u8, {4, 3, 5}), list({2, 1}, {-1, 0})}},
          {"GatherND", {}, {of(DType::i64, {4, 3, 5}), list({2, 1, 2}, {0, 1, 1, 0})}},
          {"GatherND", batch, {of(DType::f16, {2, 3, 4, 5}), list({2, 2, 1}, {1, 0, -1, 2})}},
          {"GatherND", batch, {data({3, 4, 5}), of(DType::i32, {3, 2, 2})}},
          {"GatherND", {}, {data({5, 4, 3}), of(DType::i64, {7, 2, 2})}},
          {"GatherND", {}, {data({5, 4}), of(DType::i64, {0, 1})}},
          {"GatherND", {}, {data({5, 0}), of(DType::i64, {3, 1})}},
          {"GatherND", {}, {data({5}), list({1}, {3})}},
          {"GatherND", {}, {data({512, 512, 8}), of(DType::i64, {20000, 2})}, true}};
}

inline constexpr OpDef kGatherNd[] = {
    {.name = "GatherND",
     .infer = gather_nd_type,
     .needed = gather_nd_needed,
     .reference = gather_nd,
     .plan = plan_gather_nd,
     .tolerance = exact,
     .cases = gather_nd_cases,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
