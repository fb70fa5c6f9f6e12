// Contracts of the elementwise kernels of one input.
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

// x and y may be the same array, n may be anything, no alignment needed.
struct UnaryKernels {
  void (*leaky_relu)(const float* x, float* y, std::size_t n, float slope);
};

}  // namespace v0
}  // namespace coverslip
