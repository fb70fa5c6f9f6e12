// InstanceNormalization, GroupNormalization and MeanVarianceNormalization: statistics of the value itself, of parts
// that may be big. Planned as moments of blocks, their combination, and a scaling.
#pragma once
#include "coverslip/ops/norms/norm_parameters.hpp"
#include "coverslip/ops/norms/numbers.hpp"

namespace coverslip::inline v0::ops {

inline bool is_mvn(const Node& node) { return node.op == "MeanVarianceNormalization"; }

inline Dim groups_of(const Node& node, const Shape& x) {
  return node.op == "GroupNormalization" ? node.attr<Dim>("num_groups", 0) : x[1];
}

inline constexpr float kMvnEpsilon = 1e-9f;  // ONNX adds it to the deviation

// Without `axes` those of a picture: all but channels.
inline Reduction mvn_reduction(const Node& node, const Shape& x) {
  return reduction_of(node, x, node.attr("axes", std::vector<Dim>{0, 2, 3}));
}

inline Types group_norm_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, is_mvn(node) ? 1 : 3, is_mvn(node) ? 1 : 3);
  want_all_float(node, in);
  const Shape& x = in[0].shape;
  if (is_mvn(node)) {
    mvn_reduction(node, x);
    return {in[0]};
  }
  if (x.rank() < 2) throw Error(Errc::BadShape, node.label(), "input is ", x, ", N x C x ... wanted");
  const Dim groups = groups_of(node, x);
  if (groups < 0 || (groups == 0 ? x[1] != 0 : x[1] % groups != 0))
    throw Error(Errc::BadShape, node.label(), "num_groups is ", groups, ", a divisor of ", x[1], " channels wanted");
  for (std::size_t i = 1; i < 3; ++i) {
    if (in[i].dtype != in[0].dtype)
      throw Error(Errc::Unsupported, node.label(), "input ", i, " is ", in[i].dtype, ", ", in[0].dtype, " as X wanted");
    if (in[i].shape != Shape{x[1]} && in[i].shape != Shape{groups})
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", in[i].shape, ", ", x[1],
                  groups == x[1] ? "" : " or " + std::to_string(groups), " numbers wanted");
  }
  return {in[0]};
}

// Calls f(part, mean, factor) for each part with statistics of its own, in double.
template <class F>
void for_each_normalized(const Node& node, const View& x, const F& f) {
  const auto measure = [&](const Box& part) {
    const double n = static_cast<double>(part.shape().elements()), epsilon = node.attr("epsilon", 1e-5f);
    double mean = 0, squares = 0;
    for_each(part, [&](const Index& at) { mean += get_number(x, at) / n; });
    for_each(part, [&](const Index& at) { squares += std::pow(get_number(x, at) - mean, 2); });
    f(part, mean,
      is_mvn(node) ? 1 / (std::sqrt(squares / n) + double{kMvnEpsilon}) : 1 / std::sqrt(squares / n + epsilon));
  };
  if (is_mvn(node))
    return for_each_reduced(mvn_reduction(node, x.shape()), [&](const Index&, const Box& part) { measure(part); });
  const Dim groups = groups_of(node, x.shape()), channels = groups == 0 ? 1 : x.shape()[1] / groups;
  for (Dim n = 0; n < x.shape()[0]; ++n)
    for (Dim c = 0; c < x.shape()[1]; c += channels) {
      Box part(x.shape());
      part[0] = {n, n + 1};
      part[1] = {c, c + channels};
      measure(part);
    }
}

// Of scale or bias, which each channel has, or each group.
inline double of_channel(const Node& node, Inputs in, std::size_t i, Dim c, double absent) {
  if (!node.has(i)) return absent;
  const Dim channels = in[0].shape()[1], given = in[i].shape()[0];
  return get_number(in[i], {given == channels ? c : c / (channels / given)});
}

inline void group_norm(const Node& node, Inputs in, Outputs out) {
  for_each_normalized(node, in[0], [&](const Box& part, double mean, double factor) {
    for_each(part, [&](const Index& at) {
      const Dim c = is_mvn(node) ? 0 : at[1];
      put_number(
          out[0], at,
          (get_number(in[0], at) - mean) * factor * of_channel(node, in, 1, c, 1) + of_channel(node, in, 2, c, 0));
    });
  });
}

// The distance from the mean counts, however big that is; of the mean only what is lost when it is kept as two floats.
// Where MeanVarianceNormalization centers twice, the second mean has the roundings of all distances.
inline void group_norm_magnitudes(const Node& node, Inputs in, Outputs out) {
  for_each_normalized(node, in[0], [&](const Box& part, double mean, double factor) {
    const auto apart = [&](const Index& at) { return std::abs(get_number(in[0], at) - mean); };
    double average = 0;
    if (is_mvn(node))
      for_each(part, [&](const Index& at) { average += apart(at) / static_cast<double>(part.shape().elements()); });
    for_each(part, [&](const Index& at) {
      const Dim c = is_mvn(node) ? 0 : at[1];
      const double size = (apart(at) + average + std::abs(mean) * 0x1p-24) * factor;
      put_number(out[0], at, size * std::abs(of_channel(node, in, 1, c, 1)) + std::abs(of_channel(node, in, 2, c, 0)));
    });
  });
}

// Roundings: of the deviations of blocks, of the factor, of the distance, of two operations, of the summand and of the
// reference. All sums are in double.
inline double group_norm_tolerance(const Node&, const Types&) { return 8 * 0x1p-24; }

// Blocks have at most so many elements: they fit the first cache.
inline constexpr Dim kNormBlock = Chunks::kMost;

inline Graph in_blocks(const Node& node, const Types& in, bool batch) {
  const Shape& x = in[0].shape;
  PerAxis<bool> reduced(x.rank(), true);
  reduced[0] = batch;
  reduced[1] = false;
  std::vector<Dim> axes;
  for (std::size_t axis = 0; axis < x.rank(); ++axis)
    if (reduced[axis]) axes.push_back(static_cast<Dim>(axis));
  const std::vector<Dim> blocks = blocks_of(x, reduced, kNormBlock);
  Graph graph = graph_for(node, in);
  Node moments{.op = "coverslip.BlockMoments",
               .name = "moments",
               .inputs = {graph.inputs[0]},
               .attributes = {{"axes", axes}, {"blocks", blocks}, {"noop_with_empty_axes", Dim{1}}}};
  for (std::size_t i = 0; i < 3; ++i) moments.outputs.push_back(graph.add({.name = "moments"}));
  Attributes attributes{{"shape", std::vector<Dim>(x.begin(), x.end())},
                        {"blocks", blocks},
                        {"groups", groups_of(node, x)},
                        {"batch", Dim{batch}}};
  if (is_mvn(node))
    attributes["deviation_epsilon"] = kMvnEpsilon;
  else
    attributes["epsilon"] = node.attr("epsilon", 1e-5f);
  std::vector<ValueId> from = moments.outputs;
  from.insert(from.end(), graph.inputs.begin() + 1, graph.inputs.end());
  graph.nodes.push_back(std::move(moments));
  const ValueId parameters =
      graph.append("coverslip.NormParameters", "parameters", std::move(from), std::move(attributes));
  graph.outputs = {graph.append("coverslip.Affine", "scaled", {graph.inputs[0], parameters})};
  return graph;
}

// For axes of which no channel is made. Centered twice, as the first mean is rounded.
inline Graph mvn_by_reductions(const Node& node, const Types& in, const Reduction& r) {
  std::vector<Dim> axes;
  for (std::size_t axis = 0; axis < r.x.rank(); ++axis)
    if (r.reduced[axis]) axes.push_back(static_cast<Dim>(axis));
  Graph graph = graph_for(node, in);
  ValueId apart = graph.inputs[0];
  for (int pass = 0; pass < 2; ++pass)
    apart = graph.append("Sub", "apart", {apart, graph.append("ReduceMean", "mean", {apart}, {{"axes", axes}})});
  const ValueId norm = graph.append("ReduceL2", "norm", {apart}, {{"axes", axes}});
  const ValueId root = graph.constant(Tensor({1}, {static_cast<float>(std::sqrt(r.terms()))}));
  const ValueId deviation = graph.append("Div", "deviation", {norm, root});
  const ValueId epsilon = graph.constant(Tensor({1}, {kMvnEpsilon}));
  graph.outputs = {graph.append("Div", "scaled", {apart, graph.append("Add", "divisor", {deviation, epsilon})})};
  return graph;
}

inline std::optional<Graph> expand_group_norm(const Node& node, const Types& in, Constants constants) {
  if (auto graph = widened(node, in, group_norm_type(node, in, constants))) return graph;
  const Shape& x = in[0].shape;
  if (x.elements() == 0) {
    Graph graph = graph_for(node, in);
    graph.outputs = {graph.append("Identity", "nothing", {graph.inputs[0]})};
    return graph;
  }
  if (!is_mvn(node)) return in_blocks(node, in, false);
  const Reduction r = mvn_reduction(node, x);
  bool channels = x.rank() > 1 && r.kept(1);
  for (std::size_t axis = 2; axis < x.rank(); ++axis) channels = channels && r.reduced[axis];
  return channels ? in_blocks(node, in, r.reduced[0]) : mvn_by_reductions(node, in, r);
}

inline std::vector<Case> norm_cases(const std::string& op, const Attributes& attributes, bool per_group) {
  const auto with = [&](Operand x, bool bench = false) {
    const Dim c = per_group ? std::get<Dim>(attributes.at("num_groups")) : x.type.shape[1];
    const Operand parameter = [&] {
      Operand made = data(TensorType{x.type.dtype, {c}});
      made.kind = Operand::Kind::Constant;
      return made;
    }();
    return Case{op, attributes, {std::move(x), parameter, parameter}, bench};
  };
  return {with(data({2, 6, 5, 7})),
          with(data({1, 36, 3, 3})),
          with(data({2, 18, 9})),
          with(data({1, 6, 3, 2, 5})),
          with(data({1, 6, 75, 90})),
          with(data({2, 6, 1, 4, 1300})),
          with(far_from_zero({1, 6, 20, 230})),
          with(data({0, 6, 3})),
          with(data(TensorType{DType::f16, {1, 6, 5, 4}})),
          with(data(TensorType{DType::bf16, {2, 6, 7}})),
          with(data({1, 48, 112, 112}), true),
          with(data({1, 12, 64, 64, 64}), true)};
}

inline std::vector<Case> instance_norm_cases() {
  return norm_cases("InstanceNormalization", {{"epsilon", 0.001f}}, false);
}

inline std::vector<Case> group_norm_cases() {
  const std::string op = "GroupNormalization";
  std::vector<Case> cases = norm_cases(op, {{"num_groups", Dim{3}}}, false);
  for (Case& each : norm_cases(op, {{"num_groups", Dim{2}}, {"epsilon", 0.01f}}, true))
    cases.push_back(std::move(each));
  cases.push_back({op, {{"num_groups", Dim{1}}}, {data({2, 5, 33}), data({5}), data({5})}});
  cases.push_back({op, {{"num_groups", Dim{2}}}, {data({2, 6}), weights({6}), weights({6})}});
  return cases;
}

inline std::vector<Case> mvn_cases() {
  const std::string op = "MeanVarianceNormalization";
  const auto axes = [](std::vector<Dim> list) { return Attributes{{"axes", std::move(list)}}; };
  return {{op, {}, {data({2, 3, 5, 7})}},
          {op, {}, {data({3, 19, 2, 3})}},
          {op, axes({2, 3}), {data({2, 3, 5, 7})}},
          {op, axes({0}), {data({7, 19})}},
          {op, axes({-1}), {data({2, 3, 5, 37})}},
          {op, axes({1}), {data({2, 18, 5, 3})}},
          {op, axes({0, 1, 2}), {data({2, 3, 5})}},
          {op, axes({0, 2, 3, 4}), {data({2, 3, 5, 2, 3})}},
          {op, {}, {far_from_zero({2, 3, 5, 70})}},
          {op, axes({1, 2}), {far_from_zero({2, 9, 37})}},
          {op, {}, {data(TensorType{DType::f16, {2, 3, 5, 7}})}},
          {op, axes({1}), {data(TensorType{DType::bf16, {2, 5, 3}})}},
          {op, {}, {data({2, 0, 5, 7})}},
          {op, {}, {data({4, 16, 128, 128})}, true}};
}

inline constexpr OpDef kGroupNorm[] = {
    {.name = "InstanceNormalization",
     .infer = group_norm_type,
     .needed = whole_inputs,
     .reference = group_norm,
     .tolerance = group_norm_tolerance,
     .magnitudes = group_norm_magnitudes,
     .cases = instance_norm_cases,
     .expand = expand_group_norm},
    {.name = "GroupNormalization",
     .infer = group_norm_type,
     .needed = whole_inputs,
     .reference = group_norm,
     .tolerance = group_norm_tolerance,
     .magnitudes = group_norm_magnitudes,
     .cases = group_norm_cases,
     .expand = expand_group_norm},
    {.name = "MeanVarianceNormalization",
     .infer = group_norm_type,
     .needed = whole_inputs,
     .reference = group_norm,
     .tolerance = group_norm_tolerance,
     .magnitudes = group_norm_magnitudes,
     .cases = mvn_cases,
     .expand = expand_group_norm},
};

}  // namespace coverslip::inline v0::ops
