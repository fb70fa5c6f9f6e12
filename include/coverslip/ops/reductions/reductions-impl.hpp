// The group of operators `reductions`: sums and extremes along axes, running sums, the places of the most.
#pragma once
#include "coverslip/ops/reductions/reduce_plan.hpp"
#include "coverslip/ops/registry.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kReductionsFamilies[] = {
    ops::kReduce,
};
extern constinit const Group kReductions{"reductions", kReductionsFamilies};

}  // namespace v0
}  // namespace coverslip
