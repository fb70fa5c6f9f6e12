// The group of operators `elementwise`: functions of one number and of two with broadcasting, choices and conversions.
#pragma once
#include "coverslip/ops/elementwise/binary.hpp"
#include "coverslip/ops/elementwise/cast.hpp"
#include "coverslip/ops/elementwise/classify.hpp"
#include "coverslip/ops/elementwise/pow.hpp"
#include "coverslip/ops/elementwise/unary.hpp"
#include "coverslip/ops/elementwise/variadic.hpp"
#include "coverslip/ops/elementwise/where.hpp"
#include "coverslip/ops/registry.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kElementwiseFamilies[] = {
    ops::kBinary, ops::kCast, ops::kClassify, ops::kPow, ops::kUnary, ops::kVariadic, ops::kWhere,
};
extern constinit const Group kElementwise{"elementwise", kElementwiseFamilies};

}  // namespace v0
}  // namespace coverslip
