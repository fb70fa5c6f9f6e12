// The element types of MatMul, Gemm and Einsum, and how their references compute with them.
#pragma once
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

template <class T>
inline constexpr bool kIsArithmetic =
    std::is_same_v<T, float> || std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16> ||
    std::is_same_v<T, std::int32_t> || std::is_same_v<T, std::int64_t>;

// Floats in double; integers wrap around.
template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;

template <class T>
using Signed = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;

template <class T>
Wide<T> widen(T x) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
    return to_float(x);
  else
    return static_cast<Wide<T>>(x);
}

template <class T>
T narrow(Wide<T> x) {
  if constexpr (std::is_same_v<T, Float16>)
    return to_float16(static_cast<float>(x));
  else if constexpr (std::is_same_v<T, BFloat16>)
    return to_bfloat16(static_cast<float>(x));
  else
    return static_cast<T>(x);
}

// Calls f(T{}) with the C++ type of one of them.
template <class F>
void visit_arithmetic(DType dtype, const F& f) {
  visit(dtype, [&]<class T>(T) {
    if constexpr (kIsArithmetic<T>) f(T{});
  });
}

// All inputs have the same type, and it is one of them.
inline void want_arithmetic(const Node& node, const Types& in) {
  const DType dtype = in.at(0).dtype;
  bool has = false;
  visit_arithmetic(dtype, [&](auto) { has = true; });
  if (!has) throw Error(Errc::Unsupported, node.label(), "inputs of ", dtype, ": f32, f16, bf16, i32 or i64 wanted");
  want_dtype(node, in, dtype);
}

// f32, f16, bf16 or i32, as f32.
inline float float_at(const View& view, const Index& at) {
  switch (view.dtype()) {
    case DType::f16: return to_float(*view.as<Float16>(at));
    case DType::bf16: return to_float(*view.as<BFloat16>(at));
    case DType::i32: return static_cast<float>(*view.as<std::int32_t>(at));
    default: return *view.as<float>(at);
  }
}

// To f32, f16 or bf16.
inline void put_float(View& view, const Index& at, double x) {
  switch (view.dtype()) {
    case DType::f16: *view.as<Float16>(at) = narrow<Float16>(x); break;
    case DType::bf16: *view.as<BFloat16>(at) = narrow<BFloat16>(x); break;
    default: *view.as<float>(at) = static_cast<float>(x);
  }
}

inline void want_float(const Node& node, const Types& in, std::initializer_list<std::size_t> inputs) {
  for (const std::size_t i : inputs)
    if (in[i].dtype != DType::f32 && !is_half(in[i].dtype))
      throw Error(Errc::Unsupported, node.label(), "input ", i, " is ", in[i].dtype, ", f32, f16 or bf16 wanted");
}

}  // namespace coverslip::inline v0::ops
