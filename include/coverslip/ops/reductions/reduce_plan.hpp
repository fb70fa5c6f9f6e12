// The operators Reduce*: the ways in which they run, and their cases.
#pragma once
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/reductions/reduce_run.hpp"
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

template <class T>
Step reduce_step(const Reducer& reducer, const Reduction& r, const Types& in, Layout layout,
                 const PlanContext& context) {
  const bool along = ReduceRun<T>::is_along(r, layout);
  const Shape y = r.shape(), full = r.full();
  const auto order = memory_order(layout, r.x.rank());
  // What each call of a kernel costs, however little it does: one for each result, or for each row of columns.
  const double calls = along              ? static_cast<double>(y.elements())
                       : order.rank() > 0 ? r.terms() * static_cast<double>(y.elements()) /
                                                static_cast<double>(std::max<Dim>(full[order[order.rank() - 1]], 1))
                                          : 1;
  constexpr double kCall = 6, kLogSum = 4;
  return {
      .kernel = along ? "reduce_along" : "reduce_across",
      .inputs = std::vector<Form>(in.size(), Form{layout}),
      .outputs = {reduced_layout(r, layout)},
      .cuts = any_axis(y.rank()),
      .scratch_bytes = ReduceRun<T>::kScratch,
      .nanoseconds = (reducer.finish == Finish::LogSum ? kLogSum : 1) * pass_nanoseconds(in[0].bytes()) + kCall * calls,
      .needed =
          [r, in](const Box& output) {
            auto boxes = whole_inputs({}, in, output);
            boxes[0] = r.source(r.full(output));
            return boxes;
          },
      .run = ReduceRun<T>(context.kernels.reduce, reducer, r, layout)};
}

inline std::vector<Step> plan_reduce(const Node& node, const Types& in, Constants constants,
                                     const PlanContext& context) {
  if (is_half(in[0].dtype)) return {};
  const Reducer& reducer = reducer_of(node);
  const Reduction r = reduction_of(node, in, constants);
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts)
    visit(in[0].dtype, [&]<class T>(T) {
      if constexpr (std::is_integral_v<T> || std::is_same_v<T, float>)
        candidates.push_back(reduce_step<T>(reducer, r, in, layout, context));
    });
  return candidates;
}

// How the results of blocks are reduced further; empty: they cannot be.
inline std::pair<std::string_view, std::string_view> in_two_passes(const Reducer& reducer, DType dtype) {
  if (reducer.name == "ReduceMean") return {"ReduceSum", "ReduceMean"};
  if (reducer.name == "ReduceSumSquare") return {"ReduceSumSquare", "ReduceSum"};
  if (reducer.name == "ReduceLogSum") return {"ReduceSum", "ReduceLogSum"};
  if (reducer.name == "ReduceL2" && dtype != DType::f32) return {};
  return {reducer.name, reducer.name};
}

// A few results of many numbers each: blocks of these first, so that threads and slabs share the work. Blocks count
// from 0 of the whole value.
inline std::optional<Graph> expand_reduce(const Node& node, const Types& in, Constants constants) {
  if (is_half(in[0].dtype)) return widened(node, in, reduce_type(node, in, constants));
  constexpr Dim kBlock = 1 << 15, kFew = 64;
  Reduction r = reduction_of(node, in, constants);
  const auto [first, second] = in_two_passes(reducer_of(node), in[0].dtype);
  if (first.empty() || r.terms() < 4.0 * kBlock || r.full().elements() > kFew) return std::nullopt;
  const double terms = r.terms();
  std::vector<Dim> axes;
  for (std::size_t axis = 0; axis < r.x.rank(); ++axis)
    if (r.reduced[axis]) axes.push_back(static_cast<Dim>(axis));
  const std::vector<Dim> blocks = blocks_of(r.x, r.reduced, kBlock);
  Graph graph = graph_for(node, in);
  const ValueId parts =
      graph.append("coverslip.BlockReduce", "blocks", {graph.inputs[0]},
                   {{"coverslip.reduce", std::string(first)}, {"axes", axes}, {"coverslip.blocks", blocks}});
  Attributes last{{"coverslip.reduce", std::string(second)}, {"axes", axes}, {"keepdims", Dim{r.keepdims}}};
  if (second == "ReduceMean") last["coverslip.divisor"] = static_cast<Dim>(terms);
  graph.outputs.push_back(graph.append("coverslip.BlockReduce", "combined", {parts}, std::move(last)));
  return graph;
}

inline std::vector<Case> reduce_cases(std::string_view name) {
  using List = std::vector<Dim>;
  const std::string op(name);
  const Reducer& reducer = reducer_of({.op = op, .name = {}});
  const auto axes = [](const List& list, Dim keepdims = 1) {
    return Attributes{{"axes", list}, {"keepdims", keepdims}};
  };
  const Tensor input({2}, {std::int64_t{-1}, std::int64_t{1}}), none(TensorType{DType::i64, {0}});
  std::vector<Case> cases{{op, axes({2, 3}), {data({2, 19, 5, 7})}},
                          {op, axes({2, 3}, 0), {data({2, 3, 9, 17})}},
                          {op, axes({1}), {data({2, 18, 3, 5})}},
                          {op, axes({1}, 0), {data({2, 5, 3, 33})}},
                          {op, axes({0, 2}, 0), {data({3, 17, 4, 5})}},
                          {op, axes({0}), {data({5, 3, 7})}},
                          {op, axes({-1}, 0), {data({2, 3, 37})}},
                          {op, axes({0}), {data({4, 35})}},
                          {op, axes({1, 2, 3, 4}), {data({2, 3, 2, 3, 9})}},
                          {op, axes({2, 4}, 0), {data({1, 3, 5, 2, 6})}},
                          {op, {}, {data({2, 7, 9})}},
                          {op, {}, {data(Shape{})}},
                          {op, {{"noop_with_empty_axes", Dim{1}}}, {data({2, 3, 5})}},
                          {op, {{"noop_with_empty_axes", Dim{1}}}, {data({2, 19}), given(none)}},
                          {op, {{"keepdims", Dim{0}}}, {data({3, 4, 5}), given(input)}},
                          {op, axes({1}), {data({2, 0, 3})}},
                          {op, axes({0}), {data({2, 0, 3})}},
                          {op, axes({-1}), {data({2, 9000})}},
                          {op, axes({2, 3}, 0), {data({1, 2, 300, 450})}},
                          {op, axes({0, 2, 3}), {data({1, 64, 112, 112})}, true},
                          {op, axes({-1}), {data({1, 197, 768})}, true},
                          {op, {}, {data({1, 1, 128, 128, 128})}, true}};
  const auto typed = [&](DType dtype) {
    cases.push_back({op, axes({1}), {data(TensorType{dtype, {2, 3, 5}})}});
    cases.push_back({op, axes({2}, 0), {data(TensorType{dtype, {2, 3, 21}})}});
    cases.push_back({op, axes({1}), {data(TensorType{dtype, {2, 0}})}});
  };
  for (const DType dtype : {DType::f16, DType::bf16}) typed(dtype);
  if (reducer.integers)
    for (const DType dtype : {DType::i32, DType::i64}) typed(dtype);
  if (reducer.bytes)
    for (const DType dtype : {DType::i8, DType::u8, DType::boolean}) typed(dtype);
  return cases;
}

inline std::vector<Case> block_reduce_cases() {
  using List = std::vector<Dim>;
  const auto blocks = [](const char* reduce, const List& axes, const List& extents) {
    return Attributes{{"coverslip.reduce", std::string(reduce)}, {"axes", axes}, {"coverslip.blocks", extents}};
  };
  constexpr const char* kName = "coverslip.BlockReduce";
  return {{kName, blocks("ReduceSum", {2, 3}, {1, 1, 2, 7}), {data({2, 3, 5, 7})}},
          {kName, blocks("ReduceMax", {2, 3}, {1, 1, 1, 4}), {data({1, 18, 3, 9})}},
          {kName, blocks("ReduceLogSumExp", {0, 1}, {1, 3, 1}), {data({2, 8, 17})}},
          {kName, blocks("ReduceSum", {0}, {3}), {data(TensorType{DType::i64, {10}})}},
          {kName,
           {{"coverslip.reduce", std::string("ReduceMean")},
            {"axes", List{0}},
            {"keepdims", Dim{0}},
            {"coverslip.divisor", Dim{100}}},
           {data({7, 3})}}};
}

template <std::size_t kIndex>
constexpr OpDef reduce_row() {
  return {.name = kReducers[kIndex].name,
          .infer = reduce_type,
          .needed = whole_inputs,
          .reference = reduce,
          .plan = plan_reduce,
          .tolerance = reduce_tolerance,
          .magnitudes = reduce_magnitudes,
          .cases = [] { return reduce_cases(kReducers[kIndex].name); },
          .of_contents = 2,
          .expand = expand_reduce};
}

inline constexpr OpDef kReduce[] = {
    reduce_row<0>(),
    reduce_row<1>(),
    reduce_row<2>(),
    reduce_row<3>(),
    reduce_row<4>(),
    reduce_row<5>(),
    reduce_row<6>(),
    reduce_row<7>(),
    reduce_row<8>(),
    reduce_row<9>(),
    {.name = "coverslip.BlockReduce",
     .infer = reduce_type,
     .needed = whole_inputs,
     .reference = reduce,
     .plan = plan_reduce,
     .tolerance = reduce_tolerance,
     .magnitudes = reduce_magnitudes,
     .cases = block_reduce_cases},
};

}  // namespace coverslip::inline v0::ops
