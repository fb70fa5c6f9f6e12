// First stage of planning: the type of every value, what is known already, and the candidates of every node.
#pragma once
#include "coverslip/ops/narrow.hpp"
#include "coverslip/plan/widening.hpp"

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

// Small enough to be worked out when planning.
inline bool is_small(const TensorType& type) { return type.shape.elements() <= 4096; }

// The part of a graph that begins with all its inputs. Throws where they are not what the graph wants; no shapes: its
// own.
inline Entry first_entry(const Graph& graph, std::span<const Shape> shapes) {
  const auto fits = [](const Shape& shape, const Shape& declared) {
    for (std::size_t axis = 0; axis < shape.rank() && shape.rank() == declared.rank(); ++axis)
      if (shape[axis] < 0 || (declared[axis] != kFree && declared[axis] != shape[axis])) return false;
    return shape.rank() == declared.rank();
  };
  if (!shapes.empty() && shapes.size() != graph.inputs.size())
    throw Error(Errc::BadInput, "inputs", "the model wants ", graph.inputs.size(), ", got ", shapes.size());
  Entry entry;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const Value& declared = graph.values[graph.inputs[i]];
    const Shape shape = shapes.empty() ? declared.type.shape : shapes[i];
    if (!fits(shape, declared.type.shape))
      throw Error(Errc::BadInput, "input '" + declared.name + "'", "the model wants ", declared.type, ", got ", shape,
                  std::ranges::count(shape, kFree) > 0 ? "; give a shape without free dimensions" : "");
    entry.inputs.push_back({graph.inputs[i], {declared.type.dtype, shape}});
  }
  return entry;
}

class Typing {
 public:
  Typing(const Graph& graph, const PlanContext& context, const Entry& entry) : graph_(graph), context_(context) {
    check_operators();
    check_attributes();
    Homes homes(graph.values.size(), kNoValue);
    for (const auto& [v, type] : entry.inputs) {
      homes.at(v) = add({.type = type, .home = Home::Input});
      plan.inputs.push_back(homes[v]);
    }
    for (ValueId v = 0; v < graph.values.size(); ++v)
      if (const auto& tensor = graph.values[v].constant) homes[v] = add_constant(*tensor);
    for (const auto& [v, tensor] : entry.contents) {
      if (homes.at(v) == kNoValue)
        homes[v] = fold(tensor);
      else
        contents_[homes[v]] = plan.folded.emplace_back(tensor).get();
    }
    for (std::size_t n = 0; n < entry.node; ++n)  // what earlier parts knew
      if (widens_of_graph(graph.nodes[n])) widen_late(graph.nodes[n], homes);
    for (std::size_t n = entry.node; n < graph.nodes.size(); ++n) {
      if (wants_contents(graph.nodes[n], homes)) {
        stop_before(n, homes);
        return;
      }
      type(graph.nodes[n], graph, homes);
    }
    for (const ValueId v : graph.outputs) plan.outputs.push_back(known(v, homes, "the graph's output"));
  }

  Plan plan;  // inputs, outputs, values; steps are still open
  std::vector<OpenNode> nodes;

 private:
  using Homes = std::vector<ValueId>;  // value of a graph -> planned value

  // All of them at once, so that a user sees the whole gap.
  void check_operators() const {
    std::string missing;
    for (const Node& node : graph_.nodes)
      if (const OpDef* op = find_op(node.op); op == nullptr || is_internal(*op))
        missing += (missing.empty() ? "" : ", ") + node.label();
    if (!missing.empty())
      throw Error(Errc::Unsupported, "operators", "these nodes have none in this version: ", missing,
                  "; `slip info --operators` lists those that it has");
  }

  // What expansions say to the engine's own kernels is checked there, not here.
  void check_attributes() const {
    for (const Node& node : graph_.nodes)
      for (const auto& [key, value] : node.attributes)
        if (key.starts_with("coverslip."))
          throw Error(Errc::BadModel, node.label(), "attribute '", key, "' is for the engine's own use; leave it out");
  }

  bool knows(ValueId planned) const { return plan.values[planned].constant != nullptr || contents_.contains(planned); }

  bool wants_contents(const Node& node, const Homes& homes) const {
    const std::uint32_t of_contents = find_op(node.op)->of_contents;
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if ((of_contents >> i & 1) != 0 && node.has(i) && !knows(known(node.inputs[i], homes, node.label()))) return true;
    return false;
  }

  void stop_before(std::size_t n, const Homes& homes) {
    Stop stop{.node = n};
    std::vector<bool> read(graph_.values.size(), false), wanted = read;
    for (std::size_t later = n; later < graph_.nodes.size(); ++later)
      for (const ValueId v : graph_.nodes[later].inputs)
        if (v != kNoValue) read.at(v) = true;
    for (const ValueId v : graph_.outputs) read.at(v) = true;
    for (std::size_t before = 0; before < n; ++before)
      if (widens_of_graph(graph_.nodes[before])) read[graph_.nodes[before].outputs[0]] = false;  // the next part knows
    const Node& node = graph_.nodes[n];
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if ((find_op(node.op)->of_contents >> i & 1) != 0 && node.has(i)) wanted[node.inputs[i]] = true;
    for (ValueId v = 0; v < graph_.values.size(); ++v) {
      if (!read[v] || homes[v] == kNoValue || graph_.values[v].constant) continue;
      if (is_late(homes[v])) {
        stop.known.push_back({v, wide(homes[v])});
      } else if (plan.values[homes[v]].constant != nullptr) {
        stop.known.push_back({v, owner_of(plan.values[homes[v]].constant)});
      } else {
        stop.live.push_back(v);
        stop.wanted.push_back(wanted[v]);
        plan.outputs.push_back(homes[v]);
      }
    }
    plan.stop = std::move(stop);
  }
  std::shared_ptr<const Tensor> owner_of(const Tensor* folded) const {
    return *std::ranges::find(plan.folded, folded, [](const auto& tensor) { return tensor.get(); });
  }

  bool is_late(ValueId planned) const { return is_widened_late(plan.values[planned]); }
  std::shared_ptr<const Tensor> wide(ValueId late) const {
    return std::make_shared<const Tensor>(widened(*plan.values[late].constant, context_.kernels.half));
  }

  // Whether the node only widens a big constant, and so needs no step; and whether that is one of the graph's.
  bool widens_late(const Node& node, const Homes& homes) const {
    if (node.op != "Cast" || !node.has(0) || homes.at(node.inputs[0]) == kNoValue) return false;
    const PlannedValue& from = plan.values[homes[node.inputs[0]]];
    return from.constant != nullptr && is_widened_late(node, from.type);
  }
  bool widens_of_graph(const Node& node) const {
    const auto constant = node.op == "Cast" && node.has(0) ? graph_.values.at(node.inputs[0]).constant : nullptr;
    return constant && is_widened_late(node, constant->type());
  }
  bool widen_late(const Node& node, Homes& homes) {
    if (!widens_late(node, homes)) return false;
    PlannedValue late = plan.values[homes[node.inputs[0]]];
    late.type.dtype = DType::f32;
    homes[node.outputs[0]] = add(std::move(late));
    return true;
  }

  // Adds a node of `graph`, whose values so far are in `homes`.
  void type(const Node& node, const Graph& graph, Homes& homes) {
    if (node.outputs.empty()) throw Error(Errc::BadModel, node.label(), "names no output; at least one wanted");
    OpenNode open{find_op(node.op), node, {}, {}};
    std::vector<const Tensor*> constants;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      ValueId& v = open.node.inputs[i];
      if (v != kNoValue) v = known(v, homes, node.label());
      open.types.push_back(v == kNoValue ? TensorType{} : plan.values[v].type);
      constants.push_back(v == kNoValue ? nullptr : plan.values[v].constant);
      if ((open.op->of_contents >> i & 1) == 0 || v == kNoValue) continue;
      if (is_late(v)) v = fold(wide(v));
      constants[i] = plan.values[v].constant;
      if (constants[i] == nullptr) constants[i] = contents_.contains(v) ? contents_.at(v) : throw_unknown(node, i);
    }
    const Types made = open.op->infer(open.node, open.types, constants);
    if (made.size() != node.outputs.size())
      throw Error(Errc::BadModel, node.label(), "makes ", made.size(), " outputs, the node names ",
                  node.outputs.size());
    for (std::size_t i = 0; i < made.size(); ++i) compare(node, made[i], graph.values.at(node.outputs[i]).type);
    if (widen_late(node, homes)) return;
    if (fold(open, made, constants, homes) || expand(open, made, constants, homes)) return;
    for (std::size_t i = 0; i < made.size(); ++i)
      homes[node.outputs[i]] = open.node.outputs[i] = add({.type = made[i]});
    if (open.op->plan != nullptr) open.candidates = open.op->plan(open.node, open.types, constants, context_);
    ops::add_narrow(open.candidates, *open.op, open.node, open.types, made, constants, context_);
    if (open.candidates.empty()) open.candidates = reference_steps(open.node, *open.op);
    nodes.push_back(std::move(open));
  }
  [[noreturn]] static const Tensor* throw_unknown(const Node& node, std::size_t i) {
    throw Error(Errc::Unsupported, node.label(), "input ", i, " depends on data; it must be known when planning");
  }

  // The node as other nodes, if its operator knows it as such.
  bool expand(const OpenNode& open, const Types& made, Constants constants, Homes& homes) {
    if (open.op->expand == nullptr) return false;
    const std::optional<Graph> graph = open.op->expand(open.node, open.types, constants);
    if (!graph) return false;
    Homes inner(graph->values.size(), kNoValue);
    for (ValueId v = 0; v < inner.size(); ++v)
      if (graph->values[v].constant) inner[v] = fold(graph->values[v].constant);
    for (std::size_t i = 0; i < open.node.inputs.size(); ++i) inner.at(graph->inputs.at(i)) = open.node.inputs[i];
    for (Node node : graph->nodes) {
      node.name = open.node.name + "/" + node.name;
      type(node, *graph, inner);
    }
    for (std::size_t i = 0; i < made.size(); ++i) {
      const ValueId v = known(graph->outputs.at(i), inner, open.node.label());
      if (plan.values[v].type != made[i])
        throw Error(Errc::BadModel, open.node.label(), "expands to ", plan.values[v].type, " where it makes ", made[i]);
      homes[open.node.outputs[i]] = v;
    }
    return true;
  }

  // A file may say what it expects; a default type says nothing.
  static void compare(const Node& node, const TensorType& made, const TensorType& claimed) {
    if (claimed == TensorType{}) return;
    bool same = claimed.dtype == made.dtype && claimed.shape.rank() == made.shape.rank();
    for (std::size_t axis = 0; same && axis < made.shape.rank(); ++axis)
      same = claimed.shape[axis] == kFree || claimed.shape[axis] == made.shape[axis];
    if (!same) throw Error(Errc::BadModel, node.label(), "makes ", made, ", the file says ", claimed);
  }

  // Shape arithmetic is done now, so that a network runs at any size.
  bool fold(const OpenNode& open, const Types& made, Constants constants, Homes& homes) {
    for (std::size_t i = 0; i < constants.size(); ++i)
      if (open.node.has(i) && constants[i] == nullptr && !open.op->of_types) return false;
    if (!std::ranges::all_of(made, is_small)) return false;
    std::vector<std::shared_ptr<const Tensor>> wide_inputs;
    std::vector<View> in, out;
    for (std::size_t i = 0; i < constants.size(); ++i) {
      const bool late = open.node.has(i) && is_late(open.node.inputs[i]);
      const Tensor* known = late ? wide_inputs.emplace_back(wide(open.node.inputs[i])).get() : constants[i];
      in.push_back(known != nullptr ? known->view()
                                    : View(nullptr, open.types[i].dtype, Layout::Planar, Box(open.types[i].shape)));
    }
    std::vector<std::shared_ptr<Tensor>> results;
    for (const TensorType& type : made) out.push_back(results.emplace_back(std::make_shared<Tensor>(type))->view());
    open.op->reference(open.node, in, out);
    for (std::size_t i = 0; i < made.size(); ++i) homes[open.node.outputs[i]] = fold(results[i]);
    return true;
  }
  ValueId fold(std::shared_ptr<const Tensor> tensor) {
    plan.folded.push_back(std::move(tensor));
    const ValueId v = add_constant(*plan.folded.back());
    plan.values[v].folded = true;
    return v;
  }
  ValueId add_constant(const Tensor& tensor) {
    return add({.type = tensor.type(), .home = Home::Constant, .constant = &tensor});
  }
  ValueId add(PlannedValue value) {
    plan.values.push_back(std::move(value));
    return plan.values.size() - 1;
  }
  static ValueId known(ValueId v, const Homes& homes, const std::string& reader) {
    if (v >= homes.size() || homes[v] == kNoValue)
      throw Error(Errc::BadModel, reader, "reads value ", v, ", which nothing before it makes");
    return homes[v];
  }

  const Graph& graph_;
  const PlanContext& context_;
  std::map<ValueId, const Tensor*> contents_;  // planned value -> what it holds
};

}  // namespace v0
}  // namespace coverslip
