// How far activations of results in bf16 may be from their functions.
#pragma once
#include "coverslip/kernels/epilogue.hpp"

namespace coverslip {
inline namespace v0 {

// Gelu of x is within this times |x| of the function, GeluTanh, Swish and Sigmoid within this times themselves, and
// within 2^-60 where that is more.
inline constexpr double kRoughUnit = 0x1p-12;

constexpr bool is_rough(Activation activation) {
  using enum Activation;
  return activation == Gelu || activation == GeluTanh || activation == Swish || activation == Sigmoid;
}

}  // namespace v0
}  // namespace coverslip
