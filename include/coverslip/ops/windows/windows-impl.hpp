// The group of operators `windows`: convolution, pooling and resizing.
#pragma once
#include "coverslip/ops/registry.hpp"
#include "coverslip/ops/windows/conv.hpp"
#include "coverslip/ops/windows/conv_transpose.hpp"
#include "coverslip/ops/windows/global_pool.hpp"
#include "coverslip/ops/windows/pool.hpp"
#include "coverslip/ops/windows/resize.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kWindowsFamilies[] = {
    ops::kConv, ops::kConvTranspose, ops::kGlobalPool, ops::kPooling, ops::kResize,
};
extern constinit const Group kWindows{"windows", kWindowsFamilies};

}  // namespace v0
}  // namespace coverslip
