// The element types of MatMul, Gemm and Einsum, and how their references compute with them.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

template <class T>
inline constexpr bool kIsArithmetic =
    std::is_same_v<T, float> || std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16> ||
    std::is_same_v<T, std::int32_t> || std::is_same_v<T, std::int64_t>;

// Floats in double; integers wrap around.
template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;

template <class T>
using Signed = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;

template <class T>
Wide<T> widen(T x) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
    return to_float(x);
  else
    return static_cast<Wide<T>>(x);
}

template <class T>
T narrow(Wide<T> x) {
  if constexpr (std::is_same_v<T, Float16>)
    return to_float16(static_cast<float>(x));
  else if constexpr (std::is_same_v<T, BFloat16>)
    return to_bfloat16(static_cast<float>(x));
  else
    return static_cast<T>(x);
}

// Calls f(T{}) with the C++ type of one of them.
template <class F>
void visit_arithmetic(DType dtype, const F& f) {
  visit(dtype, [&]<class T>(T) {
    if constexpr (kIsArithmetic<T>) f(T{});
  });
}

// All inputs have the same type, and it is one of them.
inline void want_arithmetic(const Node& node, const Types& in) {
  const DType dtype = in.at(0).dtype;
  bool has = false;
  visit_arithmetic(dtype, [&](auto) { has = true; });
  if (!has) throw Error(Errc::Unsupported, node.label(), "inputs of ", dtype, ": f32, f16, bf16, i32 or i64 wanted");
  want_dtype(node, in, dtype);
}

inline bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// The same node computing in f32, its 16-bit floats widened before and rounded once afterwards. `made`: its outputs.
// None where no input is a 16-bit float.
inline std::optional<Graph> widened(const Node& node, const Types& in, const Types& made) {
  constexpr Dim kNumbers[] = {1, 10, 16};  // ONNX's, of f32, f16, bf16
  const auto cast = [&](Graph& graph, ValueId from, const char* name, DType to) {
    return graph.append("Cast", name, {from}, {{"to", kNumbers[static_cast<std::size_t>(to)]}});
  };
  Graph graph;
  Node inner{.op = node.op, .name = "f32"};
  inner.attributes = node.attributes;
  bool any = false;
  for (std::size_t i = 0; i < in.size(); ++i) {
    ValueId v = graph.input(in[i]);
    if (!node.has(i)) {
      v = kNoValue;
    } else if (is_half(in[i].dtype)) {
      v = cast(graph, v, "widened", DType::f32);
      any = true;
    }
    inner.inputs.push_back(v);
  }
  if (!any) return {};
  for (std::size_t i = 0; i < made.size(); ++i) inner.outputs.push_back(graph.add({}));
  graph.nodes.push_back(inner);
  for (std::size_t i = 0; i < made.size(); ++i) {
    const ValueId v = inner.outputs[i];
    graph.outputs.push_back(is_half(made[i].dtype) ? cast(graph, v, "rounded", made[i].dtype) : v);
  }
  return graph;
}

}  // namespace coverslip::inline v0::ops
