// The portable network, as a file holds it: values, and nodes in an order in which they can run.
#pragma once
#include <algorithm>
#include <optional>

#include "coverslip/graph/node.hpp"
#include "coverslip/graph/preprocess.hpp"

namespace coverslip {
inline namespace v0 {

struct Value {
  std::string name{};
  TensorType type{};                         // of inputs and constants (dimensions of inputs may be kFree);
                                             // of others what the file claims, to be compared with what the plan infers
  std::shared_ptr<const Tensor> constant{};  // null: made by a node, or an input
};

// A seeded input and samples of the right answers, which `verify` runs on the user's own machine. See docs/FORMAT.md.
struct GoldenCase {
  struct Sample {
    std::uint32_t output = 0;
    std::uint64_t index = 0;  // row-major in the logical axes
    float value = 0;
  };
  std::uint64_t seed = 0;
  float low = 0, high = 1;
  std::vector<Shape> input_shapes{};
  std::vector<Sample> samples{};
  float tolerance = 0;  // |got - value| <= tolerance * max(1, largest |value|)
};

// A constant as a file holds it beside its plain form: what the packing of this name and version makes of it.
struct PackedConstant {
  ValueId constant = kNoValue;
  std::string packing{};
  std::uint32_t version = 0;
  DType dtype = DType::f32;
  Bytes data{};  // begins at a multiple of kAlign
  std::size_t bytes = 0;
};

struct Graph {
  std::vector<Value> values{};
  std::vector<Node> nodes{};
  std::vector<ValueId> inputs{}, outputs{};
  std::vector<std::string> labels{};  // class names of the first output
  std::optional<Preprocess> preprocess{};
  std::map<std::string, std::string, std::less<>> meta{};  // title, licence, source_hash, ...
  std::optional<GoldenCase> golden{};
  std::vector<PackedConstant> packed{};  // each constant's packings once

  ValueId add(Value value) {
    values.push_back(std::move(value));
    return values.size() - 1;
  }
  ValueId input(const TensorType& type, std::string name = "x") {
    return inputs.emplace_back(add({std::move(name), type, {}}));
  }
  ValueId constant(Tensor tensor, std::string name = {}) {
    const TensorType type = tensor.type();
    return add({std::move(name), type, std::make_shared<const Tensor>(std::move(tensor))});
  }
  // Adds a node of one output and returns that.
  ValueId append(std::string op, std::string name, std::vector<ValueId> from, Attributes attributes = {}) {
    const ValueId to = add({.name = name});
    nodes.push_back({std::move(op), std::move(name), std::move(from), {to}, std::move(attributes)});
    return to;
  }
};

}  // namespace v0
}  // namespace coverslip
