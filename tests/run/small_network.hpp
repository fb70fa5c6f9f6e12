// A small network with all that a run can be made of: packed weights, a reorder, scratch, several steps and outputs.
#pragma once
#include "coverslip/coverslip.hpp"
#include "support.hpp"

namespace coverslip::test {

inline const TensorType kSmallPicture{DType::f32, {1, 3, 24, 20}};

inline Graph small_network(const Shape& input = kSmallPicture.shape) {
  const auto weights = [](const Shape& shape) { return ramp({DType::f32, shape}); };
  Graph g;
  ValueId v = g.input({DType::f32, input});
  v = g.append("Conv", "wide", {v, g.constant(weights({20, 3, 3, 3})), g.constant(weights({20}))},
               {{"pads", std::vector<Dim>{1, 1, 1, 1}}});
  v = g.append("LeakyRelu", "bend", {v}, {{"alpha", 0.1f}});
  const ValueId skip = v;
  v = g.append("Conv", "deep", {v, g.constant(weights({20, 1, 3, 3}))},
               {{"group", Dim{20}}, {"pads", std::vector<Dim>{1, 1, 1, 1}}});
  v = g.append("Concat", "join", {v, skip}, {{"axis", Dim{1}}});
  v = g.append("MaxPool", "pool", {v}, {{"kernel_shape", std::vector<Dim>{2, 2}}, {"strides", std::vector<Dim>{2, 2}}});
  const ValueId map = v;
  v = g.append("GlobalAveragePool", "mean", {v});
  v = g.append("Flatten", "row", {v});
  v = g.append("Gemm", "classes", {v, g.constant(weights({40, 7}))});
  v = g.append("Softmax", "shares", {v}, {{"axis", Dim{1}}});
  g.outputs = {v, map};
  return g;
}

inline bool same_bits(std::span<const Tensor> a, std::span<const Tensor> b) {
  return std::ranges::equal(a, b, [](const Tensor& x, const Tensor& y) { return coverslip::same_bits(x, y); });
}

}  // namespace coverslip::test
