// Contracts of the softmax kernels: e^(x - most) over the sum of all such.
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

// x and y may be the same array. n is at least 1.
struct SoftmaxKernels {
  // Of n numbers side by side. Its sums are the same on all targets.
  void (*along)(const float* x, float* y, std::size_t n);
  // Of n numbers that are a step apart, for many columns side by side.
  void (*across)(const float* x, std::ptrdiff_t x_step, float* y, std::ptrdiff_t y_step, std::size_t n,
                 std::size_t columns);
};

}  // namespace v0
}  // namespace coverslip
