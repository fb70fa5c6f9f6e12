// A graph planned as far as its steps, for tests of how they run.
#pragma once
#include "coverslip/plan/planner.hpp"

namespace coverslip {

inline Plan lowered(const Graph& graph, PackStore& packs) {
  const PlanContext context{*supported_kernels().front()};
  Typing typing(graph, context, first_entry(graph, {}));
  const Choice choice(typing.plan, typing.nodes);
  return Lowering(std::move(typing.plan), typing.nodes, choice, packs, context.kernels).take();
}

}  // namespace coverslip
