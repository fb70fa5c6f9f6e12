// Predicted times: what a core of a target does in a nanosecond. Rough, deterministic, never measured at run time.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

// Multiply-adds of a dense f32 kernel near its peak.
inline double multiply_adds_per_nanosecond(const KernelTable& kernels) {
  return 3.0 * static_cast<double>(kernels.f32_lanes) * (kernels.has_fma ? 2.0 : 0.5);
}

// Of values that mostly lie in the outer caches.
inline constexpr double kBytesPerNanosecond = 30;

// To read and write so many bytes, with simple arithmetic on the way.
inline double pass_nanoseconds(std::size_t bytes) { return 50 + static_cast<double>(bytes) / kBytesPerNanosecond; }

// The same without arithmetic, which would hide a part of what comes from memory where caches do not hold it.
inline double move_nanoseconds(std::size_t bytes) {
  constexpr double kCached = 16 << 20, kFarBytes = 26;  // more, for each of those beyond
  return pass_nanoseconds(bytes) + std::max(0.0, static_cast<double>(bytes) - kCached) / kFarBytes;
}

// By reading or writing so many numbers as bf16, not f32, where a core's own cache does not hold them.
inline double narrow_saves(double numbers) {
  constexpr double kNear = 1 << 20, kFarBytes = 15;
  const auto far = [&](double bytes) { return std::max(0.0, bytes - kNear) / kFarBytes; };
  return far(sizeof(float) * numbers) - far(sizeof(BFloat16) * numbers);
}

// A reorder, or anything else that moves single elements.
inline constexpr double kScatterSlowdown = 4;

}  // namespace coverslip::inline v0::ops
