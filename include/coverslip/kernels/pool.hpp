// Contracts of the kernels that make one number out of a window.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

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

// No tap at all: the maximum is -infinity, a sum 0. Sums are taken along the last axis of taps first.
struct PoolKernel {
  void (*run)(const float* x, float* y, const PoolTaps& taps, const PoolRow& row, float divisor);
  // Of a single window whose last axis of taps lies side by side, in a fixed order of its own; no quotient, no root.
  float (*side_by_side)(const float* x, const PoolTaps& taps);
  // `run` on numbers held as bf16, channels side by side; may be null.
  void (*narrow)(const void* x, void* y, const PoolTaps& taps, const PoolRow& row, float divisor) = nullptr;
};

// n outputs y side by side that have the same taps, x_step elements apart, and where the first of the greatest lies:
// `first` + i * place_step for the first tap of output i, and from there as far as the taps' own steps say.
struct PoolPlaces {
  std::size_t n = 0;
  std::ptrdiff_t x_step = 1;
  std::int64_t first = 0, place_step = 0;
  std::array<std::int32_t, 3> tap_steps{};
};

struct PoolKernels {
  PoolKernel max;       // NaN if a tap is; ignores the divisor, as the norms do
  PoolKernel average;   // the sum by the divisor
  PoolKernel absolute;  // the sum of magnitudes
  PoolKernel norm;      // the root of the sum of squares
  // As `max`; without a tap the place is -1.
  void (*max_places)(const float* x, float* y, std::int64_t* places, const PoolTaps& taps, const PoolPlaces& row);
};

}  // namespace v0
}  // namespace coverslip
