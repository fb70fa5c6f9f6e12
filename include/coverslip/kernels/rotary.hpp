// Contract of the kernels that turn pairs of numbers by angles.
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

// Of each pair (a, b): a cos - b sin and a sin + b cos, with n cosines and sines. y may be x; nothing is aligned.
struct RotaryKernels {
  void (*halves)(const float* x, const float* cos, const float* sin, float* y, std::size_t n);  // (x[i], x[n + i])
  void (*pairs)(const float* x, const float* cos, const float* sin, float* y, std::size_t n);   // (x[2 i], x[2 i + 1])
};

}  // namespace v0
}  // namespace coverslip
