// Min, Max, Sum and Mean of any number of inputs, planned as steps of two.
#pragma once
#include "coverslip/ops/elementwise/binary.hpp"

namespace coverslip::inline v0::ops {

inline constexpr BinaryFunction kVariadicTable[] = {
    {.name = "Min", .op = BinaryOp::Min},
    {.name = "Max", .op = BinaryOp::Max},
    {.name = "Sum", .op = BinaryOp::Add, .types = kFloats},
    {.name = "Mean", .op = BinaryOp::Add, .types = kFloats},
};

inline Types variadic_type(const BinaryFunction& f, const Node& node, const Types& in) {
  want_inputs(node, in, std::max<std::size_t>(in.size(), 1), in.size());
  want_types(node, in, 0, f.types);
  Shape y = in[0].shape;
  for (const TensorType& type : in) {
    if (type.dtype != in[0].dtype)
      throw Error(Errc::Unsupported, node.label(), "inputs are ", in[0].dtype, " and ", type.dtype,
                  ", all of the same type wanted");
    y = broadcast_shape(node, y, type.shape);
  }
  return {{in[0].dtype, y}};
}

inline void variadic(const BinaryFunction& f, const Node& node, Inputs in, Outputs out) {
  const double count = node.op == "Mean" ? static_cast<double>(in.size()) : 1;
  visit(out[0].dtype(), [&]<class T>(T) {
    using Wide = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;
    const auto wide = [](T x) {
      if constexpr (std::is_integral_v<T>)
        return Wide{x};
      else
        return Wide{convert<float>(x)};
    };
    for_each(out[0].held(), [&](const Index& at) {
      const auto value = [&](const View& x) { return wide(*x.as<T>(broadcast_index(x.shape(), at))); };
      Wide y = value(in[0]);
      for (const View& x : in.subspan(1)) y = compute(f.op, y, value(x));
      if constexpr (std::is_integral_v<T>)
        *out[0].as<T>(at) = static_cast<T>(y);
      else
        *out[0].as<T>(at) = convert<T>(static_cast<float>(y / count));
    });
  });
}

inline std::optional<Graph> expand_variadic(const BinaryFunction& f, const Node& node, const Types& in) {
  const Types out = variadic_type(f, node, in);
  if (auto wide = widened(node, in, out)) return wide;
  const bool extreme = f.op != BinaryOp::Add;
  if (extreme && in.size() == 2) return std::nullopt;  // planned as it is
  Graph graph = graph_for(node, in);
  ValueId y = graph.inputs[0];
  for (std::size_t i = 1; i < in.size(); ++i)
    y = graph.append(extreme ? node.op : "Add", std::to_string(i), {y, graph.inputs[i]});
  if (in.size() == 1) y = graph.append("Identity", "same", {y});
  if (node.op == "Mean" && in.size() > 1)
    y = graph.append("Div", "mean", {y, graph.constant(Tensor({}, {static_cast<float>(in.size())}))});
  graph.outputs = {y};
  return graph;
}

inline std::vector<Case> variadic_cases(const BinaryFunction& f) {
  const std::string op(f.name);
  std::vector<Case> cases{{op, {}, {data({2, 19, 3, 5}), data({19, 1, 1})}},
                          {op, {}, {data({4, 33}), data({4, 33})}},
                          {op, {}, {data({2, 5, 7})}},
                          {op, {}, {data({2, 5, 7}), data({5, 1}), data(Shape{}), data({2, 1, 7})}},
                          {op, {}, {data({0, 3}), data({3})}}};
  for (std::size_t t = 1; t < kDTypes; ++t)
    if (const auto dtype = static_cast<DType>(t); f.types.has(dtype)) {
      const Operand a = data(TensorType{dtype, {3, 35}}), b = data(TensorType{dtype, {35}});
      cases.push_back({op, {}, {a, b}});
      cases.push_back({op, {}, {b, a, b}});
    }
  return cases;
}

template <const auto& kTable, std::size_t kRow>
struct VariadicRecord {
  static constexpr const BinaryFunction& f = kTable[kRow];
  static constexpr auto needed = broadcast_needed;
  static Types infer(const Node& node, const Types& in, Constants) { return variadic_type(f, node, in); }
  static void reference(const Node& node, Inputs in, Outputs out) { variadic(f, node, in, out); }
  static std::vector<Step> plan(const Node& node, const Types& in, Constants constants, const PlanContext& context) {
    return f.op == BinaryOp::Add || in.size() != 2 ? std::vector<Step>{} : plan_binary(f, node, in, constants, context);
  }
  static std::optional<Graph> expand(const Node& node, const Types& in, Constants) {
    return expand_variadic(f, node, in);
  }
  // One rounding for each step, and one of the reference.
  static double tolerance(const Node&, const Types& in) {
    return f.op == BinaryOp::Add ? static_cast<double>(in.size() + 2) * 0x1p-24 : 0;
  }
  static std::vector<Case> cases() { return variadic_cases(f); }
};
inline constexpr auto kVariadic = records_of<VariadicRecord, kVariadicTable>();

}  // namespace coverslip::inline v0::ops
