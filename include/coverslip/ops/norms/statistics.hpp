// Means and deviations that lose nothing to cancellation.
#pragma once
#include <cmath>

#include "coverslip/kernels/moments.hpp"
#include "coverslip/ops/chunks.hpp"

namespace coverslip::inline v0::ops {

// The mean of n numbers, and the sum of the squares of their distances from it.
struct Spread {
  double n = 0, mean = 0, squares = 0;

  // Of both together (Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample
  // variances, 1979): nothing is subtracted but means.
  Spread operator+(const Spread& other) const {
    if (n == 0) return other;
    const double total = n + other.n, apart = other.mean - mean;
    return {total, (n * mean + other.n * other.mean) / total,
            squares + other.squares + apart * apart * (n * other.n / total)};
  }
  double variance() const { return squares / n; }
};

// A shift makes sums small; it need not be one of the numbers.
inline float shift_by(float x) { return std::isfinite(x) ? x : 0; }

inline Spread spread_of(double n, float shift, const Moments& m) {
  const double squares = m.squares - m.sum * m.sum / n;
  return {n, double{shift} + m.sum / n, squares < 0 ? 0 : squares};
}

// Of all numbers of the chunks. `room` holds Chunks::kMost.
inline Spread spread_of(const MomentKernels& kernels, const Chunks& chunks, const float* x, float* room) {
  Spread all;
  chunks.for_each(x, room, [&](const float* chunk, std::size_t n) {
    const float shift = shift_by(chunk[0]);
    all = all + spread_of(static_cast<double>(n), shift, kernels.along(chunk, n, shift));
  });
  return all;
}

// What a number lost when it was rounded to f32.
inline float rest_of(double x) { return static_cast<float>(x - double{static_cast<float>(x)}); }

}  // namespace coverslip::inline v0::ops
