// Contract of the kernel that transposes a plane of 4-byte elements.
#pragma once
#include <cstddef>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

// y[row * y_step + i] = x[row + i * x_step] of `rows` rows of `n`. Nothing is aligned; x and y share no memory.
struct Transposition {
  const std::uint32_t* x;
  std::ptrdiff_t x_step;
  std::uint32_t* y;
  std::ptrdiff_t y_step;
  std::size_t rows, n;
};

struct TransposeKernels {
  void (*words)(const Transposition&) = nullptr;
};

}  // namespace v0
}  // namespace coverslip
