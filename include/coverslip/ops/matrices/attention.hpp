// Attention: softmax(Q K^T) V of many heads, with masks, groups of heads, a softcap, and keys and values of the past.
#pragma once
#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/matrices/attention_bf16_step.hpp"
#include "coverslip/ops/matrices/attention_reference.hpp"
#include "coverslip/ops/matrices/attention_step.hpp"

namespace coverslip::inline v0::ops {

inline void want_attention_attributes(const Node& node) {
  const auto want = [&](bool fits, const char* key, const char* wanted) {
    if (!fits) throw Error(Errc::BadModel, node.label(), "attribute '", key, "' wants ", wanted);
  };
  for (const char* key : {"left_window_size", "right_window_size"})
    want(node.attr<Dim>(key, -1) >= -1, key, "-1 (no bound) or more");
  const Dim mode = node.attr<Dim>("qk_matmul_output_mode", 0);
  want(mode >= 0 && mode <= 3, "qk_matmul_output_mode", "0 to 3");
  want(node.attr("softcap", 0.0f) >= 0, "softcap", "0 (none) or more");
}

inline Types attention_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 3, 7);
  want_attention_attributes(node);
  const std::size_t outputs = std::max<std::size_t>(node.outputs.size(), 1);
  if (outputs > 4) throw Error(Errc::BadModel, node.label(), "names ", outputs, " outputs, has 4 at most");
  want_float(node, in, {kQuery, kKey, kValue});
  for (const std::size_t i : {kPastKey, kPastValue})
    if (node.has(i) && in[i].dtype != in[i == kPastKey ? kKey : kValue].dtype)
      throw Error(Errc::BadModel, node.label(), "input ", i, " is ", in[i].dtype, ", unlike what follows it");
  if (node.has(kMask) && in[kMask].dtype != DType::boolean) want_float(node, in, {kMask});
  const Attention a(node, in);
  const Shape key{a.k.batch, a.k.heads, a.keys, a.k.size}, value{a.v.batch, a.v.heads, a.keys, a.v.size};
  Types types{{in[kQuery].dtype, a.output().shape()},
              {in[kKey].dtype, key},
              {in[kValue].dtype, value},
              {in[kQuery].dtype, a.scores()}};
  types.resize(outputs);
  for (const TensorType& type : types) type.shape.elements();
  return types;
}

inline std::vector<Box> attention_needed(const Node& node, const Types& in, const Box& y) {
  const Attention a(node, in);
  const Heads out = a.output();
  const Range heads = out.heads_of(y), rows = y[out.row_axis()];
  const Range kv{a.kv_head(heads.begin), heads.extent() == 0 ? a.kv_head(heads.begin) : a.kv_head(heads.end - 1) + 1};
  std::vector<Box> boxes = whole_inputs(node, in, y);
  boxes[kQuery] = a.q.box(y[0], heads, rows);
  boxes[kKey] = a.k.box(y[0], kv, {0, a.k.rows});
  boxes[kValue] = a.v.box(y[0], kv, {0, a.v.rows});
  if (a.has_mask) {
    const Box all{y[0], heads, rows, Range{0, a.mask[a.mask.rank() - 1]}};
    for (std::size_t axis = 0; axis + 1 < a.mask.rank(); ++axis)
      if (a.mask[axis] != 1) boxes[kMask][axis] = all[4 - a.mask.rank() + axis];
  }
  return boxes;
}

// A score has one rounding for each term, and its scaling, softcap and mask; it counts twice, as the greatest one does
// too. An exponential has 8, a sum one for each key, and the rescaling of earlier sums 8 more for each block.
inline double attention_tolerance(const Node& node, const Types& in) {
  const Attention a(node, in);
  const double blocks = static_cast<double>(a.keys / AttentionStep::kKeys + 1);
  return (2 * (static_cast<double>(a.q.size) + 12) + 2 * static_cast<double>(a.keys) + 16 + 10 * blocks) * 0x1p-24;
}

// The same in bf16, relative to the term, where scores are sums of magnitudes `size`: Q and K are rounded to 8 bits,
// which counts twice in each share as above; the power has 2^-13, V and the share are rounded to 8 bits.
inline double attention_bf16_error(const Attention& a, double size) {
  constexpr double kUnit = 0x1p-8, kRounding = 0x1p-24;
  const double score = size * (2 * kUnit + kUnit * kUnit + (2 * static_cast<double>(a.q.size) + 12) * kRounding);
  const double rounded = (1 + kUnit) * (1 + kUnit) * (1 + 0x1p-13) * (1 + 0x1p-13);
  return std::exp(2 * score) * rounded * (1 + (4 * static_cast<double>(a.keys) + 16) * kRounding) - 1;
}

inline bool is_plain(const Node& node) { return !node.has(kPastKey) && node.outputs.size() < 2; }

// As `wide` does it in f32, from narrow numbers and to them, too.
inline std::vector<Step> attention_bf16(const Types& in, const Attention& a, const Step& wide,
                                        const AttentionBf16Kernels& kernels) {
  const AttentionBf16Step attend_bf16(a, a.has_mask && in[kMask].dtype == DType::boolean, kernels);
  // Nanoseconds that a head and a score cost, and multiply-adds in one.
  constexpr double kHead = 500, kScore = 0.34, kRate = 1000;
  constexpr Dim kTile = 32;
  const auto padded = [](Dim n) { return static_cast<double>((n + kTile - 1) / kTile * kTile); };
  const double heads = static_cast<double>(a.q.batch * a.q.heads), rows = static_cast<double>(a.q.rows),
               scores = heads * rows * padded(a.keys) * (a.causal ? 0.5 : 1);
  Step step = wide;
  step.kernel += "_bf16";
  step.bf16 = true;
  step.nanoseconds = pass_nanoseconds(in[kQuery].bytes() + in[kKey].bytes() + in[kValue].bytes()) + heads * kHead +
                     scores * (kScore + (padded(a.q.size) + padded(a.v.size)) / kRate);
  step.cuts.back().multiple = attend_bf16.queries();
  step.scratch_bytes = attend_bf16.scratch_bytes();
  step.tolerance = attention_bf16_error(a, 0);
  step.magnitudes = [a](Inputs from, Outputs to) {
    const double least = attention_bf16_error(a, 0);
    attend(a, from, to[0],
           [&](double term, double size) { return std::abs(term) * attention_bf16_error(a, size) / least; });
  };
  step.run = [attend_bf16](Inputs from, Outputs to, const Box& box, std::byte* scratch) {
    attend_bf16.run(from, to[0], box, scratch);
  };
  std::vector<Step> steps;
  for (const bool narrow_in : {false, true})
    for (const bool narrow_out : {false, true})
      steps.push_back(with_narrow(step, narrow_in, narrow_out, {kQuery, kKey, kValue}));
  return steps;
}

inline std::vector<Step> plan_attention(const Node& node, const Types& in, Constants, const PlanContext& context) {
  for (std::size_t i = kQuery; i <= kValue; ++i)
    if (in[i].dtype != DType::f32) return {};
  if (!is_plain(node) || (node.has(kMask) && is_half(in[kMask].dtype))) return {};
  const Attention a(node, in);
  const AttentionStep step(a, a.has_mask && in[kMask].dtype == DType::boolean, context.kernels);
  const double scores = static_cast<double>(a.q.batch * a.q.heads) * static_cast<double>(a.q.rows) *
                        static_cast<double>(a.keys) * (a.causal ? 0.5 : 1);
  const double multiply_adds = scores * static_cast<double>(a.q.size + a.v.size);
  constexpr double kExponential = 0.6;  // nanoseconds on four lanes
  const double lanes = static_cast<double>(context.kernels.f32_lanes);
  const Heads out = a.output();
  std::vector<Step> steps;
  steps.push_back(
      {.kernel = "attention",
       .inputs = std::vector<Form>(in.size(), {Layout::Planar}),
       .outputs = {Layout::Planar},
       .cuts = {{0}, {out.head_axis(), out.rank == 4 ? 1 : out.size}, {out.row_axis(), AttentionStep::kQueries}},
       .scratch_bytes = step.scratch_bytes(),
       .nanoseconds = pass_nanoseconds(in[kQuery].bytes() + in[kKey].bytes() + in[kValue].bytes()) +
                      multiply_adds / multiply_adds_per_nanosecond(context.kernels) + scores * kExponential * 4 / lanes,
       .multiply_adds = multiply_adds,
       .run = [step](Inputs from, Outputs to, const Box& box, std::byte* scratch) {
         step.run(from, to[0], box, scratch);
       }});
  if (context.bf16 && context.kernels.attention_bf16.run != nullptr && a.keys <= AttentionBf16Step::kMostKeys)
    for (Step& each : attention_bf16(in, a, steps[0], context.kernels.attention_bf16)) steps.push_back(std::move(each));
  return steps;
}

// [batch, heads, rows, size] after what came before.
inline ValueId joined(Graph& graph, const Node& node, const Heads& heads, std::size_t now, std::size_t past) {
  ValueId v = graph.inputs[now];
  if (heads.rank == 3) {
    const Tensor shape({4}, {heads.batch, heads.rows, heads.heads, heads.size});
    v = graph.append("Reshape", "heads", {v, graph.constant(shape)});
    v = graph.append("Transpose", "planes", {v}, {{"perm", std::vector<Dim>{0, 2, 1, 3}}});
  }
  if (node.has(past)) return graph.append("Concat", "present", {graph.inputs[past], v}, {{"axis", Dim{2}}});
  return heads.rank == 3 ? v : graph.append("Identity", "present", {v});
}

// With a past or more outputs: keys and values first, then attention over all of them. The scores are computed once
// more, and only where they are asked for.
inline std::optional<Graph> expand_attention(const Node& node, const Types& in, Constants constants) {
  const Types made = attention_type(node, in, constants);
  if (auto graph = widened(node, in, made)) return graph;
  if (is_plain(node)) return {};
  const Attention a(node, in);
  Graph graph = graph_for(node, in);
  Attributes attributes = node.attributes;
  attributes["coverslip.offset"] = a.offset;
  const ValueId key = joined(graph, node, a.k, kKey, kPastKey), value = joined(graph, node, a.v, kValue, kPastValue);
  const auto input = [&](std::size_t i) { return node.has(i) ? graph.inputs[i] : kNoValue; };
  const ValueId query = input(kQuery), mask = input(kMask), valid = input(kValidKeys);
  graph.outputs = {
      graph.append("coverslip.Attention", "attend", {query, key, value, mask, kNoValue, kNoValue, valid}, attributes)};
  if (made.size() > 1) graph.outputs.push_back(key);
  if (made.size() > 2) graph.outputs.push_back(value);
  if (made.size() > 3)
    graph.outputs.push_back(graph.append("coverslip.AttentionScores", "scores",
                                         {query, key, kNoValue, mask, kNoValue, kNoValue, valid}, attributes));
  return graph;
}

inline Types attention_scores_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 7);
  return {{in[kQuery].dtype, Attention(node, in).scores()}};
}

}  // namespace coverslip::inline v0::ops
