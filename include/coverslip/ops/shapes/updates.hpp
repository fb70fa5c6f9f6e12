// What a Scatter does with an element that is there and one that comes: take it, or reduce both to one.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

enum class UpdateKind : std::uint8_t { None, Add, Mul, Max, Min };

// y[i] = reduction(y[i], update[i]) for n elements; steps in elements.
using Update = void (*)(std::byte* y, Dim y_step, const std::byte* update, Dim update_step, Dim n);

inline UpdateKind update_kind_of(const Node& node) {
  constexpr std::string_view kNames[] = {"none", "add", "mul", "max", "min"};
  const auto name = node.attr("reduction", std::string("none"));
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (name == kNames[i]) return static_cast<UpdateKind>(i);
  throw Error(Errc::Unsupported, node.label(), "reduction '", name, "': wants none, add, mul, max or min");
}

template <std::size_t kBytes>
void replace_row(std::byte* y, Dim y_step, const std::byte* update, Dim update_step, Dim n) {
  constexpr Dim kSize = kBytes;
  if (y_step == 1 && update_step == 1)
    return static_cast<void>(std::memcpy(y, update, static_cast<std::size_t>(n) * kBytes));
  for (Dim i = 0; i < n; ++i) std::memcpy(y + kSize * i * y_step, update + kSize * i * update_step, kBytes);
}

// Integers wrap around; of floats NaN is the greatest and the least.
template <UpdateKind kKind, class T>
T reduced(T a, T b) {
  if constexpr (std::is_same_v<T, Float16>) {
    return to_float16(reduced<kKind>(to_float(a), to_float(b)));
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return to_bfloat16(reduced<kKind>(to_float(a), to_float(b)));
  } else if constexpr (kKind == UpdateKind::Max) {
    return a > b || a != a ? a : b;
  } else if constexpr (kKind == UpdateKind::Min) {
    return a < b || a != a ? a : b;
  } else {
    using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;
    const auto x = static_cast<Wide>(a), y = static_cast<Wide>(b);
    return static_cast<T>(kKind == UpdateKind::Add ? x + y : x * y);
  }
}

template <UpdateKind kKind, class T>
void reduce_updates(std::byte* y, Dim y_step, const std::byte* update, Dim update_step, Dim n) {
  constexpr Dim kSize = sizeof(T);
  for (Dim i = 0; i < n; ++i) {
    T a, b;
    std::memcpy(&a, y + kSize * i * y_step, sizeof(T));
    std::memcpy(&b, update + kSize * i * update_step, sizeof(T));
    a = reduced<kKind>(a, b);
    std::memcpy(y + kSize * i * y_step, &a, sizeof(T));
  }
}

template <UpdateKind kKind>
Update reduce_updates_of(DType dtype) {
  return visit(dtype, []<class T>(T) -> Update {
    if constexpr (std::is_same_v<T, bool>)
      return nullptr;
    else
      return reduce_updates<kKind, T>;
  });
}

inline Update update_of(const Node& node, DType dtype) {
  const UpdateKind kind = update_kind_of(node);
  if (dtype == DType::boolean && kind != UpdateKind::None)
    throw Error(Errc::Unsupported, node.label(), "a reduction of bool; cast to u8 before");
  switch (kind) {
    case UpdateKind::Add: return reduce_updates_of<UpdateKind::Add>(dtype);
    case UpdateKind::Mul: return reduce_updates_of<UpdateKind::Mul>(dtype);
    case UpdateKind::Max: return reduce_updates_of<UpdateKind::Max>(dtype);
    case UpdateKind::Min: return reduce_updates_of<UpdateKind::Min>(dtype);
    case UpdateKind::None: break;
  }
  switch (size_of(dtype)) {
    case 1: return replace_row<1>;
    case 2: return replace_row<2>;
    case 4: return replace_row<4>;
    default: return replace_row<8>;
  }
}

}  // namespace coverslip::inline v0::ops
