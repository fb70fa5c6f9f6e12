// The group of operators `elementwise`: arithmetic with broadcasting, and conversions.
#pragma once
#include "coverslip/ops/elementwise/binary.hpp"
#include "coverslip/ops/elementwise/cast.hpp"
#include "coverslip/ops/registry.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kElementwiseFamilies[] = {
    ops::kBinary,
    ops::kCast,
};
extern constinit const Group kElementwise{"elementwise", kElementwiseFamilies};

}  // namespace v0
}  // namespace coverslip
