// The inputs of a golden case, made from its seed as docs/FORMAT.md says.
#pragma once
#include <cmath>

#include "coverslip/graph/graph.hpp"

namespace coverslip {
inline namespace v0 {
namespace io {

inline constexpr std::uint64_t kSplitMixStep = 0x9E3779B97F4A7C15u;

// The output function of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

// `unit` is in [0, 1) and `wide` between low and high.
template <class T>
T golden_number(double unit, double wide) {
  if constexpr (std::is_same_v<T, bool>) {
    return unit >= 0.5;
  } else if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(wide);
  } else if constexpr (std::is_same_v<T, Float16>) {
    return to_float16(static_cast<float>(wide));
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return to_bfloat16(static_cast<float>(wide));
  } else {  // the nearest of the type where the number lies outside it
    using Limits = std::numeric_limits<T>;
    const double whole = std::floor(wide);
    if (whole < static_cast<double>(Limits::min())) return Limits::min();
    return whole >= static_cast<double>(Limits::max()) ? Limits::max() : static_cast<T>(whole);
  }
}

}  // namespace io

// Input `number` of the case: of the element type of `type` and the shape that the case says.
// Throws Error(BadModel) where the case has no such input.
inline Tensor golden_input(const GoldenCase& golden, std::size_t number, const TensorType& type) {
  if (number >= golden.input_shapes.size())
    throw Error(Errc::BadModel, "golden case", "expected an input less than ", golden.input_shapes.size(), ", found ",
                number);
  Tensor input(TensorType{type.dtype, golden.input_shapes[number]});
  const std::uint64_t stream = io::mix(golden.seed + number * io::kSplitMixStep);
  const double low = golden.low, high = golden.high;
  visit(type.dtype, [&]<class T>(T) {
    std::uint64_t state = stream;
    for (T& element : input.values<T>()) {
      const double unit = static_cast<double>(io::mix(state += io::kSplitMixStep) >> 40) * 0x1p-24;
      const double scaled = unit * (high - low);
      element = io::golden_number<T>(unit, low + scaled);
    }
  });
  return input;
}

}  // namespace v0
}  // namespace coverslip
