// Split: the input cut along an axis. It is planned as Slices, which are windows on their input and copy nothing.
#pragma once
#include "coverslip/ops/shapes/concat.hpp"
#include "coverslip/ops/shapes/extents.hpp"

namespace coverslip::inline v0::ops {

// `parts` (input 1) as they are, or `count` equal ones of which the last may be less.
inline std::vector<Dim> split_parts(const Node& node, Dim extent, const std::optional<std::vector<Dim>>& parts) {
  const auto count = static_cast<Dim>(node.outputs.size());
  if (parts) {
    Dim sum = 0;
    bool fits = static_cast<Dim>(parts->size()) == count;
    for (const Dim part : *parts) {
      fits = fits && part >= 0 && part <= extent - sum;
      if (fits) sum += part;
    }
    if (!fits || sum != extent)
      throw Error(Errc::BadShape, node.label(), "split has ", parts->size(), " parts; ", count, " that make ", extent,
                  " together wanted");
    return *parts;
  }
  if (const Dim wanted = node.attr<Dim>("num_outputs", count); wanted != count || count < 1)
    throw Error(Errc::BadModel, node.label(), "num_outputs is ", wanted, ", the node names ", count, " outputs");
  const Dim part = extent / count + (extent % count != 0);
  std::vector<Dim> equal(static_cast<std::size_t>(count), part);
  for (std::size_t i = 0; i < equal.size(); ++i)
    equal[i] = std::clamp<Dim>(extent - static_cast<Dim>(i) * part, 0, part);
  return equal;
}

inline std::vector<Dim> split_parts(const Node& node, const Types& in, Constants constants) {
  const Dim extent = in[0].shape[concat_axis(node, in[0].shape.rank())];
  if (!node.has(1)) return split_parts(node, extent, std::nullopt);
  return split_parts(node, extent, known_integers(node, in, constants, 1, "split"));
}

inline Types split_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 2);
  const std::size_t axis = concat_axis(node, in[0].shape.rank());
  Types types;
  for (const Dim part : split_parts(node, in, constants)) {
    types.push_back(in[0]);
    types.back().shape[axis] = part;
  }
  return types;
}

inline void split(const Node& node, Inputs in, Outputs out) {
  const std::size_t axis = concat_axis(node, in[0].shape().rank());
  Dim begin = 0;
  for (View& y : out) {
    for_each(y.held(), [&](const Index& at) {
      Index from = at;
      from[axis] += begin;
      std::memcpy(y.at(at), in[0].at(from), size_of(y.dtype()));
    });
    begin += y.shape()[axis];
  }
}

inline std::optional<Graph> expand_split(const Node& node, const Types& in, Constants constants) {
  const auto axis = static_cast<Dim>(concat_axis(node, in[0].shape.rank()));
  const auto list = [](Dim n) { return Tensor({1}, {std::int64_t{n}}); };
  Graph graph;
  for (const TensorType& type : in) graph.input(type, {});
  Dim begin = 0;
  for (const Dim part : split_parts(node, in, constants)) {
    const ValueId starts = graph.constant(list(begin)), ends = graph.constant(list(begin += part));
    graph.outputs.push_back(graph.append("Slice", std::to_string(graph.outputs.size()),
                                         {graph.inputs[0], starts, ends, graph.constant(list(axis))}));
  }
  return graph;
}

inline std::vector<Case> split_cases() {
  const auto of = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  const auto list = [](std::initializer_list<std::int64_t> n) {
    return given(Tensor({static_cast<Dim>(n.size())}, n));
  };
  const Attributes channels{{"axis", Dim{1}}}, last{{"axis", Dim{-1}}, {"num_outputs", Dim{3}}};
  return {{.op = "Split", .operands = {data(Shape{6})}, .outputs = 3},
          {.op = "Split", .attributes = last, .operands = {of(DType::u8, {2, 7})}, .outputs = 3},
          {.op = "Split", .attributes = channels, .operands = {data({1, 6, 3, 4}), list({2, 0, 4})}, .outputs = 3},
          {.op = "Split", .attributes = channels, .operands = {of(DType::i64, {2, 4}), list({4})}, .outputs = 1},
          {.op = "Split", .attributes = last, .operands = {of(DType::f16, {3, 2, 0})}, .outputs = 3},
          {.op = "Split", .attributes = channels, .operands = {data({2, 3, 2}), list({1, 2})}, .outputs = 2}};
}

inline constexpr OpDef kSplit[] = {
    {.name = "Split",
     .infer = split_type,
     .needed = whole_inputs,
     .reference = split,
     .cases = split_cases,
     .of_contents = 0b10,
     .expand = expand_split,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
