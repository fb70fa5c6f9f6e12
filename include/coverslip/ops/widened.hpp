// A node on 16-bit floats as the same node on f32 between casts: widened exactly, computed, rounded once.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

inline bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// ONNX's number for the type, as Cast has it.
inline Dim onnx_number(DType dtype) {
  constexpr Dim kNumbers[kDTypes] = {1, 10, 16, 3, 2, 6, 7, 9};
  return kNumbers[static_cast<std::size_t>(dtype)];
}

// A graph whose inputs are parallel to the node's; an absent one has no type.
inline Graph graph_for(const Node& node, const Types& in) {
  Graph graph;
  for (std::size_t i = 0; i < in.size(); ++i)
    if (node.has(i))
      graph.input(in[i]);
    else
      graph.inputs.push_back(kNoValue);
  return graph;
}

inline ValueId cast_to(Graph& graph, const Node& node, ValueId from, DType dtype) {
  return graph.append("Cast", node.name, {from}, {{"to", onnx_number(dtype)}});
}

// None where no input is of 16 bits. `out`: the types of the node's outputs.
inline std::optional<Graph> widened(const Node& node, const Types& in, const Types& out) {
  bool any = false;
  for (std::size_t i = 0; i < in.size(); ++i) any = any || (node.has(i) && is_half(in[i].dtype));
  if (!any) return std::nullopt;
  Graph graph = graph_for(node, in);
  Node wide = node;
  wide.inputs = graph.inputs;
  for (std::size_t i = 0; i < in.size(); ++i)
    if (node.has(i) && is_half(in[i].dtype)) wide.inputs[i] = cast_to(graph, node, graph.inputs[i], DType::f32);
  for (ValueId& v : wide.outputs) v = graph.add({.name = node.name});
  graph.nodes.push_back(wide);
  for (std::size_t i = 0; i < out.size(); ++i)
    graph.outputs.push_back(is_half(out[i].dtype) ? cast_to(graph, node, wide.outputs[i], out[i].dtype)
                                                  : wide.outputs[i]);
  return graph;
}

}  // namespace coverslip::inline v0::ops
