// Contracts of the elementwise kernels of two inputs.
#pragma once
#include "coverslip/kernels/epilogue.hpp"
#include "coverslip/kernels/rows.hpp"

namespace coverslip {
inline namespace v0 {

enum class BinaryOp : std::uint8_t { Add, Sub, Mul, Div };

// rows.x_step is that of `a`. An operand that is `single` gives one number for all of a row.
struct BinaryRows {
  Rows rows;
  std::ptrdiff_t b_step = 0;
  bool a_single = false, b_single = false;
};

// y may be a or b, where that is not single.
struct BinaryKernels {
  void (*run)(BinaryOp op, const float* a, const float* b, float* y, const BinaryRows& rows);
  void (*add)(const float* a, const float* b, float* y, const BinaryRows& rows, const Epilogue& epilogue);
};

}  // namespace v0
}  // namespace coverslip
