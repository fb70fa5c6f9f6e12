// One number as another type, as Cast has it.
#pragma once
#include <limits>
#include <type_traits>

#include "coverslip/core/dtype.hpp"

namespace coverslip::inline v0::ops {

template <class T>
inline constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

// Floats become integers towards zero; what these cannot hold becomes the nearest they can, and NaN 0. Integers wrap
// around. All but zero is true. To 16-bit floats by way of float, rounded to nearest even.
template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (kIsHalf<From>) {
    return convert<To>(to_float(x));
  } else if constexpr (std::is_same_v<To, Float16>) {
    return to_float16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return to_bfloat16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From{};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // As floats: the least number fits exactly, and the first beyond the most is a power of two.
    constexpr From kLeast = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From kBeyond = 2 * static_cast<From>(std::numeric_limits<To>::max() / 2 + 1);
    if (x != x) return 0;
    if (x < kLeast) return std::numeric_limits<To>::min();
    return x >= kBeyond ? std::numeric_limits<To>::max() : static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace coverslip::inline v0::ops
