// Model behind the public API.
#pragma once
#include "coverslip/coverslip.hpp"
#include "coverslip/graph/graph.hpp"
#include "coverslip/graph/pack_store.hpp"
#include "coverslip/ops/registry.hpp"
#include "coverslip/run/out_of_memory.hpp"

namespace coverslip {
inline namespace v0 {

struct Model::State {
  explicit State(Graph g, std::function<void(const Tensor&)> packed_from = {})
      : graph(std::move(g)), packs(std::move(packed_from)) {
    for (const ValueId v : graph.inputs) inputs.push_back(port(v));
    for (const ValueId v : graph.outputs) outputs.push_back(port(v));
    for (const Value& value : graph.values)
      if (value.constant) weight_bytes += value.constant->type().bytes();
    for (const PackedConstant& packed : graph.packed)
      if (const auto& constant = graph.values.at(packed.constant).constant;
          constant && packed.version == kPackingVersion)
        packs.provide(*constant, packed.packing, packed.dtype, packed.data, packed.bytes);
  }
  Port port(ValueId v) const {
    return {graph.values.at(v).name, graph.values.at(v).type.dtype, graph.values.at(v).type.shape};
  }

  Graph graph;
  PackStore packs;
  Bytes file;  // of a loaded model; empty otherwise
  std::size_t file_size = 0;
  std::string id;
  std::vector<Port> inputs, outputs;
  std::size_t weight_bytes = 0;
};

std::vector<std::string> operators() {
  std::vector<std::string> names;
  for_each_op([&](const OpDef& op) {
    if (!is_internal(op)) names.emplace_back(op.name);
  });
  return names;
}

Model::Model(Graph graph) : state_(or_out_of_memory([&] { return std::make_shared<State>(std::move(graph)); })) {}

const std::vector<Port>& Model::inputs() const { return state_->inputs; }
const std::vector<Port>& Model::outputs() const { return state_->outputs; }
const std::vector<std::string>& Model::labels() const { return state_->graph.labels; }
const Graph& Model::graph() const { return state_->graph; }
std::string_view Model::id() const { return state_->id; }
std::size_t Model::weight_bytes() const { return state_->weight_bytes; }
std::size_t Model::packed_bytes() const { return state_->packs.bytes(); }

std::string Model::label(std::size_t index) const {
  return index < labels().size() ? labels()[index] : "class " + std::to_string(index);
}

Preprocess Model::preprocess() const {
  if (!state_->graph.preprocess)
    throw Error(Errc::BadInput, "preprocess",
                "the file does not say how pixels become its input; convert it with --preprocess, "
                "or fill a coverslip::Preprocess");
  return *state_->graph.preprocess;
}

std::string_view Model::meta(std::string_view key) const {
  const auto it = state_->graph.meta.find(key);
  return it == state_->graph.meta.end() ? std::string_view() : std::string_view(it->second);
}

}  // namespace v0
}  // namespace coverslip
