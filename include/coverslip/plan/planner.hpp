// Graph -> Plan: the stages of planning in their order.
#pragma once
#include "coverslip/plan/absorption.hpp"
#include "coverslip/plan/chains.hpp"
#include "coverslip/plan/lowering.hpp"
#include "coverslip/plan/memory.hpp"
#include "coverslip/plan/rounds.hpp"
#include "coverslip/plan/sharing.hpp"
#include "coverslip/plan/slabs.hpp"

namespace coverslip {
inline namespace v0 {

struct Budget {
  std::size_t max_memory = 0;  // 0: no limit
  std::size_t threads = 1;
  ForEach each{};  // how constants are packed; empty: one after another
};

inline std::size_t memory_of(const Plan& plan, const Budget& budget) {
  return plan.packed_bytes + plan.arena_bytes + budget.threads * plan.scratch_bytes + plan.io_bytes;
}

// The plan whose stretches run `slab_rows` rows at a time; 0: all values whole, but for those inside chains and
// rounds. The steps are the same, and so are the bits.
inline Plan with_slabs(Plan plan, Dim slab_rows, const CacheRules& rules = {.cache_bytes = 0}) {
  Slabs(plan, slab_rows);
  if (slab_rows == 0 && rules.cache_bytes > 0) {
    Rounds{plan, rules};
    Chains{plan, rules};
  }
  Sharing{plan};
  hold_samples(plan);
  place_values(plan);
  return plan;
}

// Heights to try where whole values do not fit, tallest first.
inline std::vector<Dim> slab_heights(const Plan& plan) {
  Dim tallest = 0;
  for (const PlannedValue& value : plan.values)
    if (value.home == Home::Arena && value.type.shape.rank() > kSlabAxis)
      tallest = std::max(tallest, value.type.shape[kSlabAxis]);
  std::vector<Dim> heights;
  for (Dim rows = tallest / 2; rows > 0; rows /= 2) heights.push_back(rows);
  return heights;
}

[[noreturn]] inline void refuse(const Plan& least, const Budget& budget) {
  throw Error(Errc::OverBudget, "max_memory", "this needs at least ", memory_of(least, budget), " bytes (",
              least.packed_bytes, " packed weights, ", least.arena_bytes, " values, ",
              budget.threads * least.scratch_bytes, " scratch of ", budget.threads, " threads, ", least.io_bytes,
              " inputs and outputs), the limit is ", budget.max_memory);
}

// Refers to the graph's constants and their packed forms. Throws Error.
inline Plan make_plan(const Graph& graph, const PlanContext& context, PackStore& packs, const Entry& entry,
                      const Budget& budget) {
  Typing typing(graph, context, entry);
  Absorption{typing.plan, typing.nodes, context};
  const Choice choice(typing.plan, typing.nodes);
  Plan lowered = Lowering(std::move(typing.plan), typing.nodes, choice, packs, context.kernels, budget.each).take();
  for (const auto& ports : {lowered.inputs, lowered.outputs})
    for (const ValueId v : ports) lowered.io_bytes += lowered.values[v].type.bytes();

  Plan least = with_slabs(lowered, 0, {.threads = budget.threads});
  const auto fits = [&] { return budget.max_memory == 0 || memory_of(least, budget) <= budget.max_memory; };
  const auto compare = [&](Plan plan) {
    if (memory_of(plan, budget) < memory_of(least, budget)) least = std::move(plan);
  };
  if (!fits()) compare(with_slabs(lowered, 0, {.threads = budget.threads, .least_memory = true}));
  if (!fits()) compare(with_slabs(lowered, 0));
  for (const Dim rows : slab_heights(lowered)) {
    if (fits()) break;
    compare(with_slabs(lowered, rows));
  }
  if (!fits()) refuse(least, budget);
  return least;
}

}  // namespace v0
}  // namespace coverslip
