// Contracts of the kernels that make one number out of a window.
#pragma once
#include <array>
#include <cstddef>

namespace coverslip {
inline namespace v0 {

// The taps of a window that lie inside the input, and the steps between them in elements; outermost axis first.
struct PoolTaps {
  std::array<std::size_t, 3> counts{1, 1, 1};
  std::array<std::ptrdiff_t, 3> steps{};
};

// Outputs that all have the same taps, each of `channels` numbers side by side.
struct PoolRow {
  std::size_t pixels = 1, channels = 0;
  std::ptrdiff_t x_step = 0, y_step = 0;
};

// No tap at all: the maximum is -infinity, the sum 0. Sums are taken along the last axis of taps first.
struct PoolKernels {
  void (*max)(const float* x, float* y, const PoolTaps& taps, const PoolRow& row);  // NaN if a tap is
  void (*average)(const float* x, float* y, const PoolTaps& taps, const PoolRow& row, float divisor);
  // Of taps whose last axis lies side by side, in a fixed order of its own.
  float (*sum_side_by_side)(const float* x, const PoolTaps& taps);
};

}  // namespace v0
}  // namespace coverslip
