// The group of operators `matrices`: products of matrices, sums of products, and attention.
#pragma once
#include "coverslip/ops/matrices/attention_cases.hpp"
#include "coverslip/ops/matrices/einsum.hpp"
#include "coverslip/ops/matrices/gemm.hpp"
#include "coverslip/ops/matrices/matmul.hpp"
#include "coverslip/ops/matrices/rotary.hpp"
#include "coverslip/ops/registry.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kMatricesFamilies[] = {
    ops::kAttention,
    ops::kEinsum,
    ops::kGemm,
    ops::kRotary,
};
extern constinit const Group kMatrices{"matrices", kMatricesFamilies};

}  // namespace v0
}  // namespace coverslip
