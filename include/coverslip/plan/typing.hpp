// First stage of planning: the type of every value, what is known already, and the candidates of every node.
#pragma once
#include "coverslip/plan/plan.hpp"

namespace coverslip {
inline namespace v0 {

// A node whose inputs and outputs name planned values, and the ways in which it could run.
struct OpenNode {
  const OpDef* op;
  Node node;
  Types types;
  std::vector<Step> candidates;
};

// What runs where no kernel does.
inline std::vector<Step> reference_steps(const Node& node, const OpDef& op) {
  const auto run = [node, reference = op.reference](Inputs in, Outputs out, const Box&, std::byte*) {
    reference(node, in, out);
  };
  return ops::in_each_layout(node.inputs.size(), node.outputs.size(),
                             {.kernel = "reference", .nanoseconds = 1e9, .run = run});
}

class Typing {
 public:
  Typing(const Graph& graph, const PlanContext& context, std::span<const Shape> input_shapes)
      : graph_(graph), context_(context), homes_(graph.values.size(), kNoValue) {
    check_operators();
    add_inputs(input_shapes);
    for (ValueId v = 0; v < graph.values.size(); ++v)
      if (const auto& tensor = graph.values[v].constant) add_constant(v, *tensor);
    for (const Node& node : graph.nodes) type(node);
    for (const ValueId v : graph.outputs) plan.outputs.push_back(known(v, "the graph's output"));
  }

  Plan plan;  // inputs, outputs, values; steps are still open
  std::vector<OpenNode> nodes;

 private:
  // All of them at once, so that a user sees the whole gap.
  void check_operators() const {
    std::string missing;
    for (const Node& node : graph_.nodes)
      if (find_op(node.op) == nullptr) missing += (missing.empty() ? "" : ", ") + node.label();
    if (!missing.empty())
      throw Error(Errc::Unsupported, "operators", "these nodes have none in this version: ", missing,
                  "; `slip info --operators` lists those that it has");
  }

  void add_inputs(std::span<const Shape> shapes) {
    if (!shapes.empty() && shapes.size() != graph_.inputs.size())
      throw Error(Errc::BadInput, "inputs", "the model wants ", graph_.inputs.size(), ", got ", shapes.size());
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      const Value& declared = graph_.values[graph_.inputs[i]];
      const Shape shape = shapes.empty() ? declared.type.shape : shapes[i];
      if (!fits(shape, declared.type.shape) || std::ranges::count(shape, kFree) > 0)
        throw Error(Errc::BadInput, "input '" + declared.name + "'", "the model wants ", declared.type, ", got ", shape,
                    std::ranges::count(shape, kFree) > 0 ? "; give a shape without free dimensions" : "");
      plan.inputs.push_back(add({.type = {declared.type.dtype, shape}, .home = Home::Input}, graph_.inputs[i]));
    }
  }

  static bool fits(const Shape& shape, const Shape& declared) {
    if (shape.rank() != declared.rank()) return false;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis)
      if (declared[axis] != kFree && declared[axis] != shape[axis]) return false;
    return true;
  }

  void type(const Node& node) {
    OpenNode open{find_op(node.op), node, {}, {}};
    std::vector<const Tensor*> constants;
    for (ValueId& v : open.node.inputs) {
      if (v != kNoValue) v = known(v, node.label());
      open.types.push_back(v == kNoValue ? TensorType{} : plan.values[v].type);
      constants.push_back(v == kNoValue ? nullptr : plan.values[v].constant);
    }
    const Types made = open.op->infer(open.node, open.types, constants);
    if (made.size() != node.outputs.size())
      throw Error(Errc::BadModel, node.label(), "makes ", made.size(), " outputs, the node names ",
                  node.outputs.size());
    for (std::size_t i = 0; i < made.size(); ++i) compare(node, made[i], graph_.values.at(node.outputs[i]).type);
    if (fold(open, made, constants, node.outputs)) return;
    for (std::size_t i = 0; i < made.size(); ++i) open.node.outputs[i] = add({.type = made[i]}, node.outputs[i]);
    if (open.op->plan != nullptr) open.candidates = open.op->plan(open.node, open.types, constants, context_);
    if (open.candidates.empty()) open.candidates = reference_steps(open.node, *open.op);
    nodes.push_back(std::move(open));
  }

  // A file may say what it expects; a default type says nothing.
  static void compare(const Node& node, const TensorType& made, const TensorType& claimed) {
    if (claimed == TensorType{}) return;
    if (claimed.dtype != made.dtype || !fits(made.shape, claimed.shape))
      throw Error(Errc::BadModel, node.label(), "makes ", made, ", the file says ", claimed);
  }

  // Shape arithmetic is done now, so that a network runs at any size.
  bool fold(const OpenNode& open, const Types& made, Constants constants, std::span<const ValueId> graph_outputs) {
    constexpr Dim kMostElements = 4096;
    for (std::size_t i = 0; i < constants.size(); ++i)
      if (open.node.has(i) && constants[i] == nullptr && !open.op->of_types) return false;
    for (const TensorType& type : made)
      if (type.shape.elements() > kMostElements) return false;
    std::vector<View> in, out;
    for (std::size_t i = 0; i < constants.size(); ++i)
      in.push_back(constants[i] != nullptr
                       ? constants[i]->view()
                       : View(nullptr, open.types[i].dtype, Layout::Planar, Box(open.types[i].shape)));
    std::vector<std::shared_ptr<Tensor>> results;
    for (const TensorType& type : made) out.push_back(results.emplace_back(std::make_shared<Tensor>(type))->view());
    open.op->reference(open.node, in, out);
    for (std::size_t i = 0; i < made.size(); ++i) {
      plan.folded.push_back(results[i]);
      add_constant(graph_outputs[i], *results[i]);
    }
    return true;
  }
  void add_constant(ValueId graph_value, const Tensor& tensor) {
    add({.type = tensor.type(), .home = Home::Constant, .constant = &tensor}, graph_value);
  }
  ValueId add(PlannedValue value, ValueId graph_value) {
    plan.values.push_back(std::move(value));
    return homes_.at(graph_value) = plan.values.size() - 1;
  }
  ValueId known(ValueId graph_value, const std::string& reader) const {
    if (graph_value >= homes_.size() || homes_[graph_value] == kNoValue)
      throw Error(Errc::BadModel, reader, "reads value ", graph_value, ", which nothing before it makes");
    return homes_[graph_value];
  }

  const Graph& graph_;
  const PlanContext& context_;
  std::vector<ValueId> homes_;  // graph value -> planned value
};

}  // namespace v0
}  // namespace coverslip
