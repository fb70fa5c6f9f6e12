// Dropout that drops nothing: the input, and a mask that keeps all of it.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/convert.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

// Training drops at random, unless the ratio is 0.
inline bool drops(const Tensor* ratio, const Tensor& training) {
  bool some = true;
  if (ratio != nullptr)
    visit(ratio->dtype(), [&]<class T>(T) { some = convert<float>(*ratio->view().as<T>(Index())) != 0; });
  return some && *training.data() != std::byte{0};
}

inline Types dropout_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 3);
  want_types(node, in, 0, kFloats);
  if (node.has(1)) {
    want_types(node, in, 1, kFloats);
    if (in[1].shape.rank() > 0)
      throw Error(Errc::BadShape, node.label(), "ratio is ", in[1].shape, ", one number without axes wanted");
  }
  if (node.has(2)) {
    if (in[2].dtype != DType::boolean || in[2].shape.elements() != 1 || constants[2] == nullptr)
      throw Error(Errc::BadShape, node.label(), "training_mode is ", to_string(in[2]),
                  ", one bool that is known when planning wanted");
    if (drops(constants[1], *constants[2]))
      throw Error(Errc::Unsupported, node.label(),
                  "training_mode is true: it would drop numbers at random; export the model for inference");
  }
  Types types{in[0]};
  if (node.outputs.size() > 1) types.push_back({DType::boolean, in[0].shape});
  return types;
}

inline void dropout(const Node&, Inputs in, Outputs out) {
  for_each(out[0].held(), [&](const Index& at) { std::memcpy(out[0].at(at), in[0].at(at), size_of(out[0].dtype())); });
  if (out.size() > 1) for_each(out[1].held(), [&](const Index& at) { *out[1].as<bool>(at) = true; });
}

inline std::optional<Graph> expand_dropout(const Node& node, const Types& in, Constants) {
  Graph graph;
  for (const TensorType& type : in) graph.input(type, {});
  graph.outputs = {graph.append("Identity", "data", {graph.inputs[0]})};
  if (node.outputs.size() < 2) return graph;
  Tensor shape({DType::i64, {static_cast<Dim>(in[0].shape.rank())}});
  std::copy(in[0].shape.begin(), in[0].shape.end(), shape.values<std::int64_t>().begin());
  const ValueId all = graph.constant(Tensor({}, {true}));
  graph.outputs.push_back(graph.append("Expand", "mask", {all, graph.constant(std::move(shape))}));
  return graph;
}

inline std::vector<Case> dropout_cases() {
  const Operand half = given(Tensor({}, {0.5f})), no = given(Tensor({}, {false}));
  return {{.op = "Dropout", .operands = {data({2, 17, 3, 4})}},
          {.op = "Dropout", .operands = {data({2, 3}), half, no}, .outputs = 2},
          {.op = "Dropout", .operands = {data(TensorType{DType::f16, {2, 0}}), absent(), no}, .outputs = 2},
          {.op = "Dropout", .operands = {data(TensorType{DType::bf16, {}}), half}, .outputs = 1}};
}

inline constexpr OpDef kDropout[] = {
    {.name = "Dropout",
     .infer = dropout_type,
     .needed = whole_inputs,
     .reference = dropout,
     .cases = dropout_cases,
     .of_contents = 0b110,
     .expand = expand_dropout},
};

}  // namespace coverslip::inline v0::ops
