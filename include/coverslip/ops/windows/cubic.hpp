// Cubic convolution (Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981).
#pragma once
#include <cmath>

namespace coverslip::inline v0::ops {

// How much an element counts that is `distance` away; 0 from 2 on.
inline double cubic_weight(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

}  // namespace coverslip::inline v0::ops
