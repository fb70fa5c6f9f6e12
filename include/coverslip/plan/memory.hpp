// Sixth stage of planning: one arena, and one scratch for chains, in which values that are never alive together may
// share bytes.
#pragma once
#include "coverslip/plan/plan.hpp"

namespace coverslip {
inline namespace v0 {

// When memory is in use: steps, inclusive.
struct Life {
  std::size_t first = static_cast<std::size_t>(-1), last = 0;
  bool overlaps(const Life& other) const { return first <= other.last && other.first <= last; }
  void touch(std::size_t from, std::size_t to) {
    first = std::min(first, from);
    last = std::max(last, to);
  }
};

// Of each value with memory of its own, together with all that lies inside it. A whole value at the edge of a stretch
// or a round is touched in every pass, so it lives as long as that.
inline std::vector<Life> lives_of(const Plan& plan) {
  std::vector<Life> lives(plan.values.size());
  for (const Stretch& stretch : plan.stretches)
    for (std::size_t s = stretch.begin; s < stretch.end; ++s) {
      const Node& node = plan.steps[s].node;
      const bool makes_inner = is_inner(plan, stretch, s);
      for (const ValueId v : node.outputs)
        lives[plan.values[v].inside].touch(makes_inner ? s : stretch.begin, makes_inner ? s : stretch.end - 1);
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (!node.has(i)) continue;
        const bool inner =
            plan.values[node.inputs[i]].home == Home::Scratch || (s > stretch.begin && is_inner(plan, stretch, s - 1) &&
                                                                  node.inputs[i] == plan.steps[s - 1].node.outputs[0]);
        lives[plan.values[node.inputs[i]].inside].touch(inner ? s : stretch.begin, inner ? s : stretch.end - 1);
      }
    }
  for (const Round& round : plan.rounds)
    for (std::size_t s = round.begin; s < round.end; ++s)
      for (const auto& ports : {plan.steps[s].node.inputs, plan.steps[s].node.outputs})
        for (const ValueId v : ports)
          if (v != kNoValue && plan.values[v].home == Home::Arena)
            lives[plan.values[v].inside].touch(round.begin, round.end - 1);
  return lives;
}

inline void measure_values(Plan& plan) {
  for (ValueId v = 0; v < plan.values.size(); ++v)
    if (PlannedValue& value = plan.values[v]; value.inside == v)
      value.bytes =
          value.type.bytes() / (value.home == Home::Sample ? static_cast<std::size_t>(value.type.shape[0]) : 1);
  for (const Stretch& stretch : plan.stretches)
    for (std::size_t i = 0; stretch.begin + i + 1 < stretch.end; ++i) {
      if (!is_inner(plan, stretch, stretch.begin + i)) continue;
      PlannedValue& inner = plan.values[plan.steps[stretch.begin + i].node.outputs[0]];
      inner.bytes = 0;
      for (const auto& boxes : stretch.slabs)
        inner.bytes = std::max(inner.bytes, TensorType{inner.type.dtype, boxes[i].shape()}.bytes());
    }
}

// Places the values of these homes, each from byte base(life) on, and returns where they end. Biggest first, each at
// the lowest offset that is free while it lives (Pisarchyk and Lee 2020, arXiv:2001.03288, "greedy by size").
template <class Base>
std::size_t place_values(Plan& plan, const std::vector<Life>& lives, std::initializer_list<Home> homes,
                         const Base& base) {
  std::vector<ValueId> order;
  for (ValueId v = 0; v < plan.values.size(); ++v)
    if (std::ranges::count(homes, plan.values[v].home) > 0 && plan.values[v].inside == v) order.push_back(v);
  std::ranges::stable_sort(order, std::greater(), [&](ValueId v) { return plan.values[v].bytes; });

  std::size_t end = 0;
  std::vector<ValueId> placed;  // sorted by offset
  for (const ValueId v : order) {
    PlannedValue& value = plan.values[v];
    value.offset = base(lives[v]);
    for (const ValueId other : placed) {
      const PlannedValue& o = plan.values[other];
      if (lives[other].overlaps(lives[v]) && value.offset + value.bytes > o.offset)
        value.offset = std::max(value.offset, aligned(o.offset + o.bytes));
    }
    placed.insert(std::ranges::upper_bound(placed, value.offset, {}, [&](ValueId p) { return plan.values[p].offset; }),
                  v);
    end = std::max(end, value.offset + value.bytes);
  }
  return end;
}

inline void place_values(Plan& plan) {
  measure_values(plan);
  const std::vector<Life> lives = lives_of(plan);
  const auto of_kernels = [&](const Life& life) {
    std::size_t bytes = 0;
    for (std::size_t s = life.first; s <= life.last; ++s) bytes = std::max(bytes, plan.steps[s].step.scratch_bytes);
    return aligned(bytes);
  };
  plan.arena_bytes = place_values(plan, lives, {Home::Arena}, [](const Life&) { return std::size_t{0}; });
  // Values of chains and rounds lie behind what kernels need while those live.
  plan.scratch_bytes = aligned(place_values(plan, lives, {Home::Scratch, Home::Sample}, of_kernels));
  for (const PlannedStep& step : plan.steps)
    plan.scratch_bytes = std::max(plan.scratch_bytes, aligned(step.step.scratch_bytes));
}

}  // namespace v0
}  // namespace coverslip
