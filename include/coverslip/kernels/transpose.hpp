// Contract of the kernels that transpose a plane of elements of 2 or 4 bytes.
#pragma once
#include <cstddef>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

// y[row * y_step + i] = x[row + i * x_step] of `rows` rows of `n`. Nothing is aligned; x and y share no memory.
template <class T>
struct Transposition {
  const T* x;
  std::ptrdiff_t x_step;
  T* y;
  std::ptrdiff_t y_step;
  std::size_t rows, n;
};

struct TransposeKernels {
  void (*words)(const Transposition<std::uint32_t>&) = nullptr;
  void (*halves)(const Transposition<std::uint16_t>&) = nullptr;
};

}  // namespace v0
}  // namespace coverslip
