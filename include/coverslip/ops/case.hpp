// Samples of an operator, which drive its tests, its benchmarks and the list of what it can do.
#pragma once
#include <algorithm>
#include <optional>

#include "coverslip/graph/graph.hpp"

namespace coverslip {
inline namespace v0 {

// One operand of a sample.
struct Operand {
  enum class Kind : std::uint8_t { Data, Constant, Absent };
  Kind kind = Kind::Data;
  TensorType type{};
  std::optional<Tensor> value{};  // none: any numbers will do
};
inline Operand data(TensorType type) { return {Operand::Kind::Data, std::move(type), {}}; }
inline Operand data(const Shape& shape) { return data(TensorType{DType::f32, shape}); }
inline Operand weights(const Shape& shape) { return {Operand::Kind::Constant, {DType::f32, shape}, {}}; }
inline Operand given(Tensor value) {
  const TensorType type = value.type();
  return {Operand::Kind::Constant, type, std::move(value)};
}
inline Operand absent() { return {Operand::Kind::Absent, {}, {}}; }

// One sample of an operator: drives the conformance tests and the benchmarks.
struct Case {
  std::string op;
  Attributes attributes{};
  std::vector<Operand> operands{};
  bool bench = false;       // big enough to be worth timing (and too big for the slow tests)
  std::size_t outputs = 1;  // that the node names
};

// The sample as a network of one node. Its inputs are the data operands, and the constants in `as_inputs` (bit i:
// operand i) too. Constants without a value have none here either: the caller fills them in.
inline Graph graph_of(const Case& sample, std::uint32_t as_inputs = 0) {
  Graph graph;
  Node node{.op = sample.op, .name = "sample", .attributes = sample.attributes};
  for (std::size_t i = 0; i < sample.operands.size(); ++i) {
    const Operand& operand = sample.operands[i];
    const bool input = operand.kind == Operand::Kind::Data || (as_inputs >> i & 1) != 0;
    if (operand.kind == Operand::Kind::Absent)
      node.inputs.push_back(kNoValue);
    else if (input)
      node.inputs.push_back(graph.input(operand.type));
    else
      node.inputs.push_back(graph.constant(operand.value ? *operand.value : Tensor(operand.type)));
  }
  for (std::size_t i = 0; i < sample.outputs; ++i) node.outputs.push_back(graph.outputs.emplace_back(graph.add({})));
  graph.nodes.push_back(std::move(node));
  return graph;
}

}  // namespace v0
}  // namespace coverslip
