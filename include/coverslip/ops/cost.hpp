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

// A reorder, or anything else that moves single elements.
inline constexpr double kScatterSlowdown = 4;

}  // namespace coverslip::inline v0::ops
