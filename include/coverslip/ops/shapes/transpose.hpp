// Transpose: other axes in another order. Where a layout already has that order, as N,H,W,C has it, no byte moves.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

using Permutation = PerAxis<std::size_t>;

// Axis a of the output is axis permutation[a] of the input.
inline Permutation permutation_of(const Node& node, std::size_t rank) {
  std::vector<Dim> reversed(rank);
  for (std::size_t axis = 0; axis < rank; ++axis) reversed[axis] = static_cast<Dim>(rank - 1 - axis);
  const auto axes = axes_in(node, node.attr("perm", reversed), rank);
  if (axes.size() != rank)
    throw Error(Errc::BadModel, node.label(), "perm has ", axes.size(), " axes, the input ", rank);
  return Permutation(std::span<const std::size_t>(axes));
}

template <class P>
P permuted(const Permutation& permutation, const P& input) {
  P output = input;
  for (std::size_t axis = 0; axis < input.rank(); ++axis) output[axis] = input[permutation[axis]];
  return output;
}

template <class P>
P permuted_back(const Permutation& permutation, const P& output) {
  P input = output;
  for (std::size_t axis = 0; axis < output.rank(); ++axis) input[permutation[axis]] = output[axis];
  return input;
}

inline Types transpose_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  return {{in[0].dtype, permuted(permutation_of(node, in[0].shape.rank()), in[0].shape)}};
}

inline std::vector<Box> transpose_needed(const Node& node, const Types& in, const Box& output) {
  return {permuted_back(permutation_of(node, in[0].shape.rank()), output)};
}

inline void transpose(const Node& node, Inputs in, Outputs out) {
  const Permutation permutation = permutation_of(node, in[0].shape().rank());
  for_each(out[0].held(), [&](const Index& at) {
    std::memcpy(out[0].at(at), in[0].at(permuted_back(permutation, at)), size_of(out[0].dtype()));
  });
}

inline void transpose_box(const Permutation& permutation, const View& x, View& y, const Box& box,
                          const TransposeKernels& kernels) {
  if (box.shape().elements() == 0) return;
  const std::byte* from = x.at(permuted_back(permutation, box.origin()));
  move_elements(y.dtype(), from, permuted(permutation, x.strides()), y.at(box.origin()), y.strides(), box.shape(),
                kernels);
}

inline bool transpose_scatters(const Permutation& permutation, const TensorType& from, Layout a, Layout b,
                               const TransposeKernels& kernels) {
  const Shape to = permuted(permutation, from.shape);
  return Mover(size_of(from.dtype), permuted(permutation, strides_of(a, from.shape)), strides_of(b, to), to, kernels)
      .scatters();
}

// True if elements lie in the same order before and after: strides agree along each axis of more than one.
inline bool keeps_bytes(const Permutation& permutation, const Shape& from, Layout a, Layout b) {
  const Index x = permuted(permutation, strides_of(a, from)), y = strides_of(b, permuted(permutation, from));
  for (std::size_t axis = 0; axis < x.rank(); ++axis)
    if (from[permutation[axis]] != 1 && x[axis] != y[axis]) return false;
  return true;
}

inline std::vector<Step> plan_transpose(const Node& node, const Types& in, Constants, const PlanContext& context) {
  const Permutation permutation = permutation_of(node, in[0].shape.rank());
  const TransposeKernels& kernels = context.kernels.transpose;
  const double pass = pass_nanoseconds(2 * in[0].bytes());
  std::vector<Step> candidates;
  for (const Layout a : kLayouts)
    for (const Layout b : kLayouts) {
      const bool same = keeps_bytes(permutation, in[0].shape, a, b);
      const bool scatters = !same && transpose_scatters(permutation, in[0], a, b, kernels);
      candidates.push_back({.kernel = same ? "copy" : "transpose",
                            .inputs = {{a}},
                            .outputs = {b},
                            .cuts = any_axis(in[0].shape.rank()),
                            .nanoseconds = scatters ? kScatterSlowdown * pass : pass,
                            .same_bytes = same,
                            .run = [permutation, kernels](Inputs x, Outputs y, const Box& box, std::byte*) {
                              transpose_box(permutation, x[0], y[0], box, kernels);
                            }});
    }
  return candidates;
}

inline std::vector<Case> transpose_cases() {
  const auto perm = [](std::vector<Dim> axes) { return Attributes{{"perm", std::move(axes)}}; };
  return {{"Transpose", perm({0, 3, 1, 2}), {data({2, 5, 7, 3})}},
          {"Transpose", perm({0, 2, 3, 1}), {data({2, 19, 5, 7})}},
          {"Transpose", perm({0, 1, 3, 2}), {data({2, 3, 18, 17})}},
          {"Transpose", perm({2, 0, 1}), {data({2, 5, 9})}},
          {"Transpose", perm({0, 2, 3, 4, 1}), {data({1, 3, 2, 4, 5})}},
          {"Transpose", {}, {data({17, 33})}},
          {"Transpose", {}, {data(Shape{})}},
          {"Transpose", perm({0, 2, 1}), {data(TensorType{DType::u8, {2, 1, 5}})}},
          {"Transpose", perm({1, 0}), {data(TensorType{DType::i64, {3, 20}})}},
          {"Transpose", perm({0, 3, 1, 2}), {data({1, 224, 224, 3})}, true}};
}

inline constexpr OpDef kTranspose[] = {
    {.name = "Transpose",
     .infer = transpose_type,
     .needed = transpose_needed,
     .reference = transpose,
     .plan = plan_transpose,
     .tolerance = exact,
     .cases = transpose_cases,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
