// The group of operators `norms`: normalizations.
#pragma once
#include "coverslip/ops/norms/batch_norm.hpp"
#include "coverslip/ops/norms/group_norm.hpp"
#include "coverslip/ops/norms/layer_norm.hpp"
#include "coverslip/ops/norms/lp_norm.hpp"
#include "coverslip/ops/norms/lrn.hpp"
#include "coverslip/ops/registry.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kNormsFamilies[] = {
    ops::kBatchNorm, ops::kBlockMoments, ops::kGroupNorm,      ops::kLayerNorm,
    ops::kLpNorm,    ops::kLrn,          ops::kNormParameters,
};
extern constinit const Group kNorms{"norms", kNormsFamilies};

}  // namespace v0
}  // namespace coverslip
