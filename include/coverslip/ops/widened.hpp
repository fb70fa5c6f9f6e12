// A node on 16-bit floats as the same node on f32 between casts: widened exactly, computed, rounded once.
#pragma once
#include "coverslip/ops/dtypes.hpp"

namespace coverslip::inline v0::ops {

inline bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// A graph whose inputs are parallel to the node's, those that are absent included.
inline Graph graph_for(const Node& node, const Types& in) {
  Graph graph;
  for (std::size_t i = 0; i < in.size(); ++i) graph.input(node.has(i) ? in[i] : TensorType{});
  return graph;
}

// None where no input is of 16 bits. `out`: the types of the node's outputs.
inline std::optional<Graph> widened(const Node& node, const Types& in, const Types& out) {
  const auto is_narrow = [&](std::size_t i) { return node.has(i) && is_half(in[i].dtype); };
  Graph graph = graph_for(node, in);
  Node wide = node;
  wide.name = "f32";
  bool any = false;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (node.has(i)) wide.inputs[i] = graph.inputs[i];
    if (!is_narrow(i)) continue;
    any = true;
    wide.inputs[i] = graph.append("Cast", "widen", {graph.inputs[i]}, {{"to", onnx_number(DType::f32)}});
  }
  if (!any) return std::nullopt;
  for (ValueId& v : wide.outputs) v = graph.add({.name = "wide"});
  graph.nodes.push_back(wide);
  for (std::size_t i = 0; i < out.size(); ++i)
    graph.outputs.push_back(is_half(out[i].dtype)
                                ? graph.append("Cast", "narrow", {wide.outputs[i]}, {{"to", onnx_number(out[i].dtype)}})
                                : wide.outputs[i]);
  return graph;
}

// OpDef::expand.
template <Types (*kInfer)(const Node&, const Types&, Constants)>
std::optional<Graph> planned_in_f32(const Node& node, const Types& in, Constants constants) {
  return widened(node, in, kInfer(node, in, constants));
}

}  // namespace coverslip::inline v0::ops
