// LpNormalization: lines along an axis, each divided by its sum of magnitudes or by the root of its sum of squares.
#pragma once
#include <cmath>

#include "coverslip/ops/norms/numbers.hpp"
#include "coverslip/ops/reductions/reduction.hpp"

namespace coverslip::inline v0::ops {

inline Reduction lp_reduction(const Node& node, const Shape& x) {
  return reduction_of(node, x, {node.attr<Dim>("axis", -1)});
}

inline Types lp_norm_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  want_all_float(node, in);
  if (const Dim p = node.attr<Dim>("p", 2); p != 1 && p != 2)
    throw Error(Errc::Unsupported, node.label(), "p is ", p, "; ONNX has 1 and 2");
  lp_reduction(node, in[0].shape);
  return {in[0]};
}

// Zeros stay zeros.
inline void lp_norm(const Node& node, Inputs in, Outputs out) {
  const bool squares = node.attr<Dim>("p", 2) == 2;
  for_each_reduced(lp_reduction(node, in[0].shape()), [&](const Index&, const Box& part) {
    double sum = 0;
    for_each(part, [&](const Index& at) {
      const double x = get_number(in[0], at);
      sum += squares ? x * x : std::abs(x);
    });
    const double norm = squares ? std::sqrt(sum) : sum;
    for_each(part, [&](const Index& at) { put_number(out[0], at, norm == 0 ? 0 : get_number(in[0], at) / norm); });
  });
}

// The norm of zeros is raised to the least number that is not zero.
inline std::optional<Graph> expand_lp_norm(const Node& node, const Types& in, Constants constants) {
  if (auto graph = widened(node, in, lp_norm_type(node, in, constants))) return graph;
  Graph graph = graph_for(node, in);
  const bool squares = node.attr<Dim>("p", 2) == 2;
  const ValueId norm = graph.append("coverslip.BlockReduce", "norm", {graph.inputs[0]},
                                    {{"coverslip.reduce", std::string(squares ? "ReduceL2" : "ReduceL1")},
                                     {"axes", std::vector<Dim>{node.attr<Dim>("axis", -1)}},
                                     {"coverslip.least", std::numeric_limits<float>::denorm_min()}});
  graph.outputs = {graph.append("Div", "divided", {graph.inputs[0], norm})};
  return graph;
}

// Roundings: of the norm, of the quotient, and of the reference.
inline double lp_norm_tolerance(const Node&, const Types&) { return 4 * 0x1p-24; }

inline std::vector<Case> lp_norm_cases() {
  const auto with = [](TensorType x, Dim p, Dim axis) {
    return Case{"LpNormalization", {{"p", p}, {"axis", axis}}, {data(std::move(x))}};
  };
  const auto floats = [](const Shape& shape) { return TensorType{DType::f32, shape}; };
  Operand zeros = given(Tensor(TensorType{DType::f32, {2, 3}}));
  zeros.kind = Operand::Kind::Data;
  return {with(floats({2, 3, 5, 7}), 2, 1), with(floats({2, 19, 3, 5}), 1, 1),    with(floats({3, 130}), 2, -1),
          with(floats({5, 4}), 1, 0),       with(floats({2, 0, 3}), 2, 1),        with(floats({9}), 2, 0),
          with({DType::f16, {2, 9}}, 2, 1), with({DType::bf16, {2, 9, 3}}, 1, 1), {"LpNormalization", {}, {zeros}}};
}

inline constexpr OpDef kLpNorm[] = {
    {.name = "LpNormalization",
     .infer = lp_norm_type,
     .needed = whole_inputs,
     .reference = lp_norm,
     .tolerance = lp_norm_tolerance,
     .cases = lp_norm_cases,
     .expand = expand_lp_norm},
};

}  // namespace coverslip::inline v0::ops
