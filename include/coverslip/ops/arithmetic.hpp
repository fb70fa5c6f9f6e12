// The functions of two numbers, as references compute them, and kernels that are no faster as vectors.
#pragma once
#include <bit>
#include <cmath>

#include "coverslip/ops/broadcast.hpp"
#include "coverslip/ops/convert.hpp"

namespace coverslip::inline v0::ops {

// A remainder of the sign of b; that of an infinite b is a or b.
inline double floor_mod(double a, double b) {
  const double r = std::fmod(a, b);
  if (r == 0) return std::copysign(0.0, b);
  return (r < 0) != (b < 0) ? r + b : r;
}

inline double compute(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::Add: return a + b;
    case BinaryOp::Sub: return a - b;
    case BinaryOp::Mul: return a * b;
    case BinaryOp::Div: return a / b;
    case BinaryOp::Min: return a > b || b != b ? b : a;
    case BinaryOp::Max: return a < b || b != b ? b : a;
    case BinaryOp::PRelu: return a < 0 ? a * b : a;
    case BinaryOp::Mod: return floor_mod(a, b);
    case BinaryOp::Fmod: return std::fmod(a, b);
    case BinaryOp::Pow: return std::pow(a, b);
    default: return std::numeric_limits<double>::quiet_NaN();  // not of floats
  }
}

// By squaring, wrapping around. Of a negative power what lies towards zero: 0, unless a is 1 or -1; 0 of a = 0 too.
inline std::int64_t integer_power(std::int64_t a, std::int64_t b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
  std::uint64_t power = 1, square = static_cast<std::uint64_t>(a);
  for (; b > 0; b /= 2, square *= square)
    if (b % 2 == 1) power *= square;
  return static_cast<std::int64_t>(power);
}

// Integers wrap around, and a quotient or remainder by zero is zero: never undefined, whatever a file says. By less
// than 0 or more bits than there are, a shift leaves nothing but signs.
inline std::int64_t compute(BinaryOp op, std::int64_t a, std::int64_t b) {
  const auto ua = static_cast<std::uint64_t>(a), ub = static_cast<std::uint64_t>(b);
  const auto wrapped = [](std::uint64_t x) { return static_cast<std::int64_t>(x); };
  const bool one = b == -1;  // by -1 the least number overflows
  switch (op) {
    case BinaryOp::Add: return wrapped(ua + ub);
    case BinaryOp::Sub: return wrapped(ua - ub);
    case BinaryOp::Mul: return wrapped(ua * ub);
    case BinaryOp::Div: return b == 0 ? 0 : one ? wrapped(0 - ua) : a / b;
    case BinaryOp::Min: return std::min(a, b);
    case BinaryOp::Max: return std::max(a, b);
    case BinaryOp::PRelu: return a < 0 ? wrapped(ua * ub) : a;
    case BinaryOp::Fmod: return b == 0 || one ? 0 : a % b;
    case BinaryOp::Mod: {
      const std::int64_t r = b == 0 || one ? 0 : a % b;
      return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }
    case BinaryOp::Pow: return integer_power(a, b);
    case BinaryOp::And: return a & b;
    case BinaryOp::Or: return a | b;
    case BinaryOp::Xor: return a ^ b;
    case BinaryOp::ShiftLeft: return ub > 63 ? 0 : wrapped(ua << ub);
    case BinaryOp::ShiftRight: return a >> (ub > 63 ? 63 : b);
    default: return 0;  // it makes bools
  }
}

template <class T>
bool compare(BinaryOp op, T a, T b) {
  switch (op) {
    case BinaryOp::Equal: return a == b;
    case BinaryOp::Unequal: return a != b;
    case BinaryOp::Less: return a < b;
    case BinaryOp::LessOrEqual: return a <= b;
    case BinaryOp::SameSize: return std::abs(a) == b;
    default: return false;
  }
}

template <BinaryOp kOp, class T>
void compute_rows(const void* a_data, const void* b_data, void* y_data, const BinaryRows& all) {
  using Wide = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;
  const T *a = static_cast<const T*>(a_data), *b = static_cast<const T*>(b_data);
  T* y = static_cast<T*>(y_data);
  const std::size_t a_moves = all.a_single ? 0 : 1, b_moves = all.b_single ? 0 : 1;
  for (std::size_t row = 0; row < all.rows.count; ++row) {
    for (std::size_t i = 0; i < all.rows.n; ++i)
      y[i] = static_cast<T>(compute(kOp, Wide{a[i * a_moves]}, Wide{b[i * b_moves]}));
    a += all.rows.x_step;
    b += all.b_step;
    y += all.rows.y_step;
  }
}

template <BinaryOp kOp>
BinaryKernel integer_rows(DType dtype) {
  switch (dtype) {
    case DType::i8: return compute_rows<kOp, std::int8_t>;
    case DType::u8: return compute_rows<kOp, std::uint8_t>;
    case DType::i32: return compute_rows<kOp, std::int32_t>;
    case DType::i64: return compute_rows<kOp, std::int64_t>;
    default: return nullptr;
  }
}

// Null: there is none for numbers of that type.
inline BinaryKernel find_binary(const KernelTable& kernels, BinaryOp op, DType dtype) {
  if (const BinaryKernel kernel = kernels.binary.find(op, element_of(dtype))) return kernel;
  const bool f32 = dtype == DType::f32;
  switch (op) {
    case BinaryOp::Div: return integer_rows<BinaryOp::Div>(dtype);
    case BinaryOp::Mod: return f32 ? compute_rows<BinaryOp::Mod, float> : integer_rows<BinaryOp::Mod>(dtype);
    case BinaryOp::Fmod: return f32 ? compute_rows<BinaryOp::Fmod, float> : integer_rows<BinaryOp::Fmod>(dtype);
    case BinaryOp::Pow: return integer_rows<BinaryOp::Pow>(dtype);
    case BinaryOp::ShiftLeft: return integer_rows<BinaryOp::ShiftLeft>(dtype);
    case BinaryOp::ShiftRight: return integer_rows<BinaryOp::ShiftRight>(dtype);
    default: return nullptr;
  }
}

}  // namespace coverslip::inline v0::ops
