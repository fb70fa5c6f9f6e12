// Contracts of the kernels of softmax, its logarithm and hardmax, along one axis.
#pragma once
#include <cstddef>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

enum class AxisFunction : std::uint8_t {
  Softmax,     // e^(x - most) over the sum of all such
  LogSoftmax,  // x - most - ln of that sum
  Hardmax,     // 1 where x first is most, else 0. NaN is never the most; where all are, the first counts as such.
};

// x and y may be the same array. n is at least 1.
struct SoftmaxKernels {
  // Of n numbers side by side. Its sums are the same on all targets.
  void (*along)(AxisFunction f, const float* x, float* y, std::size_t n);
  // Of n numbers that are a step apart, for many columns side by side.
  void (*across)(AxisFunction f, const float* x, std::ptrdiff_t x_step, float* y, std::ptrdiff_t y_step, std::size_t n,
                 std::size_t columns);
};

}  // namespace v0
}  // namespace coverslip
