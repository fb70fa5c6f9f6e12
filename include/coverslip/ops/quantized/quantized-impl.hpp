// The group of operators `quantized`: 8-bit integers with scales and zero points.
#pragma once
#include "coverslip/ops/quantized/conv.hpp"
#include "coverslip/ops/quantized/linear.hpp"
#include "coverslip/ops/quantized/matmul.hpp"
#include "coverslip/ops/registry.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kQuantizedFamilies[] = {
    ops::kLinear,
    ops::kQuantizedConv,
    ops::kQuantizedMatMul,
};
extern constinit const Group kQuantized{"quantized", kQuantizedFamilies};

}  // namespace v0
}  // namespace coverslip
