// MaxUnpool: puts each number where MaxPool's Indices say it came from, among zeros.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/in_f32.hpp"
#include "coverslip/ops/windows/window.hpp"

namespace coverslip::inline v0::ops {

// The shape that the indices count in. A bigger `output_shape` has it in its first corner.
inline Shape unpooled_shape(const Node& node, const Shape& x) {
  if (x.rank() < 3) throw Error(Errc::BadShape, node.label(), "input is ", x, ", N x C x ... wanted");
  const std::size_t axes = x.rank() - 2;
  const auto kernel = list_attr(node, "kernel_shape", axes, 0, 1, kMostOfWindow);
  const auto strides = list_attr(node, "strides", axes, 1, 1, kMostOfWindow);
  const auto pads = list_attr(node, "pads", 2 * axes, 0, 0, kMostOfWindow);
  Shape y = x;
  for (std::size_t i = 0; i < axes; ++i) {
    if (x[i + 2] > Dim{1} << 40) throw Error(Errc::BadShape, node.label(), "input ", x, " is too large");
    y[i + 2] = std::max<Dim>((x[i + 2] - 1) * strides[i] - pads[i] - pads[i + axes] + kernel[i], 0);
  }
  return y;
}

inline Types max_unpool_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 3);
  want_types(node, in, 0, kFloats);
  if (in[1].dtype != DType::i64 || in[1].shape != in[0].shape)
    throw Error(Errc::BadShape, node.label(), "indices are ", to_string(in[1]), ", i64 ", in[0].shape, " wanted");
  Shape y = unpooled_shape(node, in[0].shape);
  if (node.has(2)) {
    const auto given = known_integers(node, in, constants, 2, "output_shape");
    bool fits = given.size() == y.rank();
    for (std::size_t axis = 0; fits && axis < y.rank(); ++axis) fits = given[axis] >= y[axis];
    if (!fits) throw Error(Errc::BadShape, node.label(), "output_shape has less room than ", y);
    y = Shape(std::span<const Dim>(given));
  }
  y.elements();
  return {{in[0].dtype, y}};
}

// An index that lies outside counts for nothing.
inline void max_unpool(const Node& node, Inputs in, Outputs out) {
  const Shape inner = unpooled_shape(node, in[0].shape());
  const std::size_t size = size_of(out[0].dtype());
  for_each(out[0].held(), [&](const Index& at) { std::memset(out[0].at(at), 0, size); });
  for_each(in[0].held(), [&](const Index& x) {
    Dim place = *in[1].as<std::int64_t>(x);
    if (place < 0 || place >= inner.elements()) return;
    Index y = x;
    for (std::size_t axis = inner.rank(); axis-- > 0; place /= inner[axis]) y[axis] = place % inner[axis];
    std::memcpy(out[0].at(y), in[0].at(x), size);
  });
}

inline std::vector<Case> max_unpool_cases() {
  using List = std::vector<Dim>;
  const Attributes twice{{"kernel_shape", List{2, 2}}, {"strides", List{2, 2}}};
  const Operand indices = given(Tensor({1, 1, 2, 2}, std::initializer_list<std::int64_t>{5, 7, 13, 15}));
  const TensorType half{DType::f16, {1, 1, 2, 2}};
  return {{"MaxUnpool", twice, {data({1, 1, 2, 2}), indices}},
          {"MaxUnpool", twice, {data(half), indices}},
          {"MaxUnpool",
           twice,
           {data({1, 1, 2, 2}), indices, given(Tensor({4}, std::initializer_list<std::int64_t>{1, 1, 5, 5}))}},
          {"MaxUnpool",
           {{"kernel_shape", List{3}}, {"strides", List{2}}, {"pads", List{1, 0}}},
           {data({2, 1, 2}), given(Tensor({2, 1, 2}, std::initializer_list<std::int64_t>{0, 3, -1, 7}))}}};
}

inline constexpr OpDef kMaxUnpool[] = {
    {.name = "MaxUnpool",
     .infer = max_unpool_type,
     .needed = whole_inputs,
     .reference = max_unpool,
     .tolerance = exact,
     .cases = max_unpool_cases,
     .of_contents = 1u << 2},
};

}  // namespace coverslip::inline v0::ops
