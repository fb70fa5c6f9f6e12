// GatherElements: each element of the output says for itself from where along an axis it comes.
#pragma once
#include "coverslip/ops/shapes/gather.hpp"

namespace coverslip::inline v0::ops {

// Along other axes than `axis` there are no more indices than elements.
inline void want_elementwise_indices(const Node& node, const Shape& x, const Shape& indices, std::size_t axis) {
  bool fits = x.rank() == indices.rank();
  for (std::size_t a = 0; fits && a < x.rank(); ++a) fits = a == axis || indices[a] <= x[a];
  if (!fits)
    throw Error(Errc::BadShape, node.label(), "indices are ", indices, ", the input is ", x,
                "; the same rank, and no more along all axes but ", axis, " wanted");
  want_elements(node, indices, axis, x[axis]);
}

inline Types gather_elements_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  want_indices(node, in, 1);
  const std::size_t axis = gather_axis(node, in[0].shape.rank());
  want_elementwise_indices(node, in[0].shape, in[1].shape, axis);
  check_indices(node, constants[1], axis, in[0].shape[axis]);
  return {{in[0].dtype, in[1].shape}};
}

inline std::vector<Box> gather_elements_needed(const Node& node, const Types& in, const Box& output) {
  const std::size_t axis = gather_axis(node, in[0].shape.rank());
  Box x = output;
  x[axis] = {0, in[0].shape[axis]};
  return {x, output};
}

inline void gather_by_elements(const Node& node, Inputs in, Outputs out) {
  const std::size_t axis = gather_axis(node, in[0].shape().rank());
  for_each(out[0].held(), [&](const Index& at) {
    Index from = at;
    from[axis] = place_of(index_at(in[1].at(at), in[1].dtype()), in[0].shape()[axis]);
    std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
  });
}

// Views: indices, x without its axis, y.
template <std::size_t kBytes>
void gather_plane(const Nest<3>& nest, const std::byte* index, DType wide, const std::byte* x, Dim x_step, Dim extent,
                  std::byte* y) {
  constexpr Dim kSize = kBytes;
  const auto index_size = static_cast<Dim>(size_of(wide));
  const auto& [n, along] = nest.inner();
  const auto& [rows, across] = nest.outer();
  for (Dim row = 0; row < rows; ++row)
    for (Dim i = 0; i < n; ++i) {
      const Dim place = place_of(index_at(index + index_size * (row * across[0] + i * along[0]), wide), extent);
      std::memcpy(y + kSize * (row * across[2] + i * along[2]),
                  x + kSize * (row * across[1] + i * along[1] + place * x_step), kBytes);
    }
}

inline void gather_elements_box(std::size_t axis, const View& x, const View& indices, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  Index x_strides = x.strides(), from = box.origin();
  x_strides[axis] = from[axis] = 0;
  const Nest<3> nest(box.shape(), {indices.strides(), x_strides, y.strides()});
  const Dim extent = x.shape()[axis], x_step = x.strides()[axis];
  const auto size = static_cast<Dim>(size_of(y.dtype())), index_size = static_cast<Dim>(size_of(indices.dtype()));
  const std::byte *index0 = indices.at(box.origin()), *x0 = x.at(from);
  std::byte* y0 = y.at(box.origin());
  nest.for_each_plane([&](const auto& at) {
    const auto plane = [&](auto gather) {
      gather(nest, index0 + index_size * at[0], indices.dtype(), x0 + size * at[1], x_step, extent, y0 + size * at[2]);
    };
    switch (size) {
      case 1: return plane(gather_plane<1>);
      case 2: return plane(gather_plane<2>);
      case 4: return plane(gather_plane<4>);
      default: return plane(gather_plane<8>);
    }
  });
}

inline std::vector<Step> plan_gather_elements(const Node& node, const Types& in, Constants, const PlanContext&) {
  const std::size_t axis = gather_axis(node, in[0].shape.rank());
  return in_each_layout(
      2, 1,
      {.kernel = "gather_elements",
       .cuts = any_axis(in[1].shape.rank()),
       .nanoseconds = moving_nanoseconds(in[1].bytes() + 2 * TensorType{in[0].dtype, in[1].shape}.bytes(), false),
       .run = [axis](Inputs x, Outputs y, const Box& box, std::byte*) {
         gather_elements_box(axis, x[0], x[1], y[0], box);
       }});
}

inline std::vector<Case> gather_elements_cases() {
  const auto along = [](Dim axis) { return Attributes{{"axis", axis}}; };
  const Operand list = given(Tensor({2, 3}, {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{-4},
                                             std::int64_t{3}, std::int64_t{2}}));
  const auto of = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  return {{"GatherElements", {}, {data({4, 3}), list}},
          {"GatherElements", along(1), {of(DType::u8, {2, 4}), list}},
          {"GatherElements", along(-1), {of(DType::f16, {2, 3, 9}), of(DType::i32, {2, 3, 4})}},
          {"GatherElements", along(1), {of(DType::i64, {2, 17, 4, 5}), of(DType::i64, {1, 19, 3, 5})}},
          {"GatherElements", {}, {data({3}), of(DType::i64, {0})}},
          {"GatherElements", along(0), {data({0, 3}), of(DType::i32, {0, 2})}},
          {"GatherElements", along(2), {data({8, 64, 1024}), of(DType::i64, {8, 64, 1024})}, true}};
}

inline constexpr OpDef kGatherElements[] = {
    {.name = "GatherElements",
     .infer = gather_elements_type,
     .needed = gather_elements_needed,
     .reference = gather_by_elements,
     .plan = plan_gather_elements,
     .tolerance = exact,
     .cases = gather_elements_cases,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
