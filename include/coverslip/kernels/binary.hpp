// Contracts of the elementwise kernels of two inputs.
#pragma once
#include "coverslip/kernels/element.hpp"
#include "coverslip/kernels/epilogue.hpp"
#include "coverslip/kernels/rows.hpp"

namespace coverslip {
inline namespace v0 {

enum class BinaryOp : std::uint8_t {
  Add,
  Sub,
  Mul,
  Div,
  Min,  // NaN if one of them is
  Max,
  PRelu,  // a b where a is below 0, a elsewhere
  Mod,    // of the sign of b
  Fmod,   // of the sign of a
  Pow,    // within 1 unit in the last place
  And,    // of bits, which those of bools are too
  Or,
  Xor,
  ShiftLeft,
  ShiftRight,
  // Those below make bools.
  Equal,
  Unequal,
  Less,
  LessOrEqual,
  SameSize,  // |a| = b
};
constexpr bool makes_bools(BinaryOp op) { return op >= BinaryOp::Equal; }

// rows.x_step is that of `a`. An operand that is `single` gives one number for all of a row.
struct BinaryRows {
  Rows rows;
  std::ptrdiff_t b_step = 0;
  bool a_single = false, b_single = false;
};

// y may be a or b, where that is not single and has elements of the same size.
using BinaryKernel = void (*)(const void* a, const void* b, void* y, const BinaryRows& rows);

struct BinaryKernels {
  BinaryKernel (*find)(BinaryOp op, Element of);  // null: there is none
  // On f32 numbers that are held as bf16, both operands or the result or all; null: there is none.
  BinaryKernel (*find_narrow)(BinaryOp op, bool from_bf16, bool to_bf16);
  void (*add)(const float* a, const float* b, float* y, const BinaryRows& rows, const Epilogue& epilogue);
};

}  // namespace v0
}  // namespace coverslip
