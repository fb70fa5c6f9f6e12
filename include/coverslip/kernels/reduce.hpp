// Contracts of the kernels that make one number out of many: sums, products, the most and the least.
#pragma once
#include <cstdint>

#include "coverslip/kernels/rows.hpp"

namespace coverslip {
inline namespace v0 {

// What is made of each number x: x, |x|, x^2 and e^(x - shift) are added, x is multiplied, the most or least x is kept
// (NaN if there is one).
enum class Term : std::uint8_t { Plain, Absolute, Square, Exponential, Factor, Most, Least };
inline constexpr std::size_t kTerms = 7;

// All in double, to which each term is widened: a sum of n is good to n * 2^-53. The order of a sum depends on n alone,
// so that all targets give the same bits.
struct ReduceKernels {
  // Of n numbers side by side; n may be 0.
  double (*along[kTerms])(const float* x, std::size_t n, float shift);
  // Joins the terms of one row after another to `results`, one for each column. shift: one for each column; only
  // Exponential reads it.
  void (*across[kTerms])(const float* x, const Rows& rows, double* results, const float* shift);
  // Joins the terms of rows, Plain (0) or Factor (1), one row after another to `results`, one for each column; y gets
  // them after each row, or before it where it is left out (exclusive). x and y may be the same array.
  void (*running[2])(const float* x, const Rows& rows, double* results, float* y, bool exclusive);
};

}  // namespace v0
}  // namespace coverslip
