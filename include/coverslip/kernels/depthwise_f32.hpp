// Contract of the f32 kernel for convolutions in which every channel has a filter of its own.
#pragma once
#include "coverslip/kernels/indirect.hpp"

namespace coverslip {
inline namespace v0 {

struct DepthwiseF32Kernels {
  std::size_t rows;     // of C that are computed together: multiples of it are fastest
  std::size_t columns;  // of a panel of B
  // C[m][n] = activation(init + bias + sum over taps of A[m][tap][n] B[tap][n]): column n reads channel n alone, so the
  // pieces of A are `columns` floats, and `channels`, of B, is 1.
  void (*run)(const IndirectF32&);
};

}  // namespace v0
}  // namespace coverslip
