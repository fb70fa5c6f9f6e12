// AffineGrid: the places that an affine map gives the elements of a picture, as GridSample reads them.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/in_f32.hpp"

namespace coverslip::inline v0::ops {

inline Types affine_grid_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  want_types(node, in, 0, kFloats);
  const auto size = known_integers(node, in, constants, 1, "size");
  const Shape& theta = in[0].shape;
  if (theta.rank() != 3 || theta[2] != theta[1] + 1 || size.size() != static_cast<std::size_t>(theta[1]) + 2 ||
      size[0] != theta[0])
    throw Error(Errc::BadShape, node.label(), "theta is ", theta, " and size has ", size.size(),
                " numbers, N x d x (d + 1) and N, C and d more wanted");
  Shape y{theta[0]};
  for (std::size_t i = 2; i < size.size(); ++i) y.push_back(size[i]);
  y.push_back(theta[1]);
  y.elements();
  return {{in[0].dtype, y}};
}

// The middle of element i, where the whole axis, or its outermost middles, are -1 to 1.
inline double normalized_place(Dim i, Dim extent, bool align_corners) {
  const double at = 2 * static_cast<double>(i), n = static_cast<double>(extent);
  if (align_corners) return extent > 1 ? at / (n - 1) - 1 : 0;
  return (at + 1) / n - 1;
}

inline void affine_grid(const Node& node, Inputs in, Outputs out) {
  const bool align = node.attr<Dim>("align_corners", 0) != 0;
  const Shape& y = out[0].shape();
  const std::size_t axes = y.rank() - 2;
  for_each(out[0].held(), [&](const Index& at) {
    const Dim row = at[axes + 1];
    double sum = *in[0].as<float>({at[0], row, static_cast<Dim>(axes)});
    for (std::size_t i = 0; i < axes; ++i)  // x is the last axis
      sum += *in[0].as<float>({at[0], row, static_cast<Dim>(i)}) * normalized_place(at[axes - i], y[axes - i], align);
    *out[0].as<float>(at) = static_cast<float>(sum);
  });
}

inline std::vector<Case> affine_grid_cases() {
  const auto size = [](std::initializer_list<std::int64_t> numbers) {
    return given(Tensor({static_cast<Dim>(numbers.size())}, numbers));
  };
  std::vector<Case> cases;
  for (const Dim align : {0, 1}) {
    cases.push_back({"AffineGrid", {{"align_corners", align}}, {data({2, 2, 3}), size({2, 3, 4, 5})}});
    cases.push_back({"AffineGrid", {{"align_corners", align}}, {data({1, 3, 4}), size({1, 1, 2, 3, 1})}});
    cases.push_back({"AffineGrid", {{"align_corners", align}}, {data({1, 1, 2}), size({1, 1, 7})}});
  }
  cases.push_back({"AffineGrid", {}, {data(TensorType{DType::f16, {1, 2, 3}}), size({1, 1, 2, 2})}});
  return cases;
}

inline constexpr OpDef kAffineGrid[] = {
    {.name = "AffineGrid",
     .infer = affine_grid_type,
     .needed = whole_inputs,
     .reference = in_f32<affine_grid>,
     .tolerance = exact,
     .cases = affine_grid_cases,
     .of_contents = 1u << 1},
};

}  // namespace coverslip::inline v0::ops
