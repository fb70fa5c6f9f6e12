// A graph planned as far as its steps, and plans that run, for tests of how steps run.
#pragma once
#include "coverslip/plan/planner.hpp"
#include "coverslip/run/executor.hpp"

namespace coverslip {

inline Plan lowered(const Graph& graph, PackStore& packs) {
  const PlanContext context{*supported_kernels().front()};
  Typing typing(graph, context, first_entry(graph, {}));
  const Choice choice(typing.plan, typing.nodes);
  return Lowering(std::move(typing.plan), typing.nodes, choice, packs, context.kernels).take();
}

// Of one input and one output.
inline Tensor run(const Plan& plan, int threads, const Tensor& x, const RunControl& control = {},
                  std::span<double> milliseconds = {}) {
  Tensor y(plan.values[plan.outputs[0]].type);
  Executor(std::make_shared<const Plan>(plan), threads).run({&x, 1}, {&y, 1}, control, milliseconds);
  return y;
}

}  // namespace coverslip
