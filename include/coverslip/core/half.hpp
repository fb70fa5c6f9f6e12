// The two 16-bit floating-point formats, as storage: widened to float exactly, narrowed with round to nearest even.
#pragma once
#include <bit>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

static_assert(std::endian::native == std::endian::little,
              "coverslip runs on little-endian CPUs only: files are mapped as they are");

// IEEE 754 binary16.
struct Float16 {
  std::uint16_t bits = 0;
};

// The upper half of an IEEE 754 binary32.
struct BFloat16 {
  std::uint16_t bits = 0;
};

inline float to_float(BFloat16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }

inline float to_float(Float16 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000u) << 16;
  const std::uint32_t rest = x.bits & 0x7FFFu;
  if (rest >= 0x7C00u) return std::bit_cast<float>(sign | 0x7F800000u | (rest & 0x3FFu) << 13);  // infinity, NaN
  if (rest >= 0x0400u) return std::bit_cast<float>(sign | ((rest << 13) + 0x38000000u));
  const float magnitude = static_cast<float>(rest) * 0x1p-24f;  // zero, subnormal: exact
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

inline BFloat16 to_bfloat16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return {static_cast<std::uint16_t>(bits >> 16 | 0x40u)};  // NaN stays NaN
  return {static_cast<std::uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16)};
}

inline Float16 to_float16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  const auto with_sign = [sign](std::uint32_t rest) { return Float16{static_cast<std::uint16_t>(sign | rest)}; };
  if (magnitude > 0x7F800000u) return with_sign(0x7E00u);   // NaN
  if (magnitude >= 0x477FF000u) return with_sign(0x7C00u);  // rounds to infinity
  if (magnitude >= 0x38800000u) {                           // normal: the carry may raise the exponent
    const std::uint32_t rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1u);
    return with_sign((rounded - 0x38000000u) >> 13);
  }
  // Subnormal: adding 0.5 leaves the result in the lowest bits, rounded by the addition itself.
  const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
  return with_sign(std::bit_cast<std::uint32_t>(shifted) - 0x3F000000u);
}

}  // namespace v0
}  // namespace coverslip
