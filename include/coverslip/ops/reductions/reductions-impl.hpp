// The group of operators `reductions`: sums and extremes along axes, running sums, the places of the most.
#pragma once
#include "coverslip/ops/reductions/arg.hpp"
#include "coverslip/ops/reductions/cumulative.hpp"
#include "coverslip/ops/reductions/reduce_plan.hpp"
#include "coverslip/ops/reductions/top_k.hpp"
#include "coverslip/ops/registry.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kReductionsFamilies[] = {
    ops::kArg,
    ops::kCumulative,
    ops::kReduce,
    ops::kTopK,
};
extern constinit const Group kReductions{"reductions", kReductionsFamilies};

}  // namespace v0
}  // namespace coverslip
