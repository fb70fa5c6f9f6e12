// The element types as kernels name them, in the order of DType.
#pragma once
#include <cstdint>

namespace coverslip {
inline namespace v0 {

enum class Element : std::uint8_t { f32, f16, bf16, i8, u8, i32, i64, boolean };

}  // namespace v0
}  // namespace coverslip
