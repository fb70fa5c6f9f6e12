// The closed list of element types, and their C++ counterparts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "coverslip/core/half.hpp"

namespace coverslip {
inline namespace v0 {

enum class DType : std::uint8_t { f32, f16, bf16, i8, u8, i32, i64, boolean };
inline constexpr std::size_t kDTypes = 8;

constexpr std::size_t size_of(DType dtype) {
  constexpr std::size_t kBytes[kDTypes] = {4, 2, 2, 1, 1, 4, 8, 1};
  return kBytes[static_cast<std::size_t>(dtype)];
}

constexpr std::string_view to_string(DType dtype) {
  constexpr std::string_view kNames[kDTypes] = {"f32", "f16", "bf16", "i8", "u8", "i32", "i64", "bool"};
  return kNames[static_cast<std::size_t>(dtype)];
}

template <class T>
inline constexpr DType kDTypeOf = T::no_such_dtype;
template <>
inline constexpr DType kDTypeOf<float> = DType::f32;
template <>
inline constexpr DType kDTypeOf<Float16> = DType::f16;
template <>
inline constexpr DType kDTypeOf<BFloat16> = DType::bf16;
template <>
inline constexpr DType kDTypeOf<std::int8_t> = DType::i8;
template <>
inline constexpr DType kDTypeOf<std::uint8_t> = DType::u8;
template <>
inline constexpr DType kDTypeOf<std::int32_t> = DType::i32;
template <>
inline constexpr DType kDTypeOf<std::int64_t> = DType::i64;
template <>
inline constexpr DType kDTypeOf<bool> = DType::boolean;

// Calls f(T{}) with the C++ type of `dtype`: once, when planning.
template <class F>
decltype(auto) visit(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f16: return f(Float16{});
    case DType::bf16: return f(BFloat16{});
    case DType::i8: return f(std::int8_t{});
    case DType::u8: return f(std::uint8_t{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: return f(std::int64_t{});
    case DType::boolean: return f(bool{});
    case DType::f32: break;
  }
  return f(float{});
}

}  // namespace v0
}  // namespace coverslip
