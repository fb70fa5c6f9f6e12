// Contracts of the kernels that say where the most or the least of some numbers stands, or what is beyond a number.
#pragma once
#include <cstdint>

#include "coverslip/kernels/rows.hpp"

namespace coverslip {
inline namespace v0 {

// NaN is more than the most and less than the least. Of equals the first is meant, or the last.
struct Extreme {
  bool least = false, last = false;
};

// There are at least one and less than 2^31 numbers to choose from.
struct ExtremeKernels {
  // Of n numbers side by side.
  std::size_t (*along)(const float* x, std::size_t n, Extreme which);
  // Of each column of the rows: the row.
  void (*across)(const float* x, const Rows& rows, std::int64_t* y, Extreme which);
  // The first of n numbers side by side, which may be none, that is more than `than` or, where the least are wanted,
  // less; n: there is none. Here NaN is more than all other numbers, whatever is wanted.
  std::size_t (*beyond)(const float* x, std::size_t n, float than, bool least);
};

}  // namespace v0
}  // namespace coverslip
