// Quantized numbers: 8-bit integers with a scale and a zero point, their products, and floats rounded to them.
#pragma once
#include <cmath>

#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/matrices/arithmetic.hpp"

namespace coverslip::inline v0::ops {

inline bool is_8_bit(DType dtype) { return dtype == DType::i8 || dtype == DType::u8; }

inline std::int32_t integer_at(const View& view, const Index& at) {
  switch (view.dtype()) {
    case DType::i8: return *view.as<std::int8_t>(at);
    case DType::u8: return *view.as<std::uint8_t>(at);
    default: return *view.as<std::int32_t>(at);
  }
}

inline float rounded_to(DType dtype, float x) {
  if (dtype == DType::f16) return to_float(to_float16(x));
  return dtype == DType::bf16 ? to_float(to_bfloat16(x)) : x;
}

// Writes x, rounded to the nearest integer and of two to the even one, plus the zero point; what 8 bits cannot hold
// becomes the nearest they can, and NaN the least.
inline void put_quantized(View& view, const Index& at, float x, std::int32_t zero) {
  const bool is_signed = view.dtype() == DType::i8;
  const auto least = static_cast<float>((is_signed ? -128 : 0) - zero);
  const auto most = static_cast<float>((is_signed ? 127 : 255) - zero);
  x = std::nearbyint(x);
  x = x > least ? std::min(x, most) : least;
  const std::int32_t q = static_cast<std::int32_t>(x) + zero;
  if (is_signed)
    *view.as<std::int8_t>(at) = static_cast<std::int8_t>(q);
  else
    *view.as<std::uint8_t>(at) = static_cast<std::uint8_t>(q);
}

// Elements `step` apart, each less the zero point.
struct Factor {
  const std::byte* data;
  Dim step;
  std::int32_t zero;
};

// The sum of n products, which wraps around in 32 bits.
template <class A, class B>
std::uint32_t dot(const Factor& a, const Factor& b, Dim n) {
  const auto* x = reinterpret_cast<const A*>(a.data);
  const auto* y = reinterpret_cast<const B*>(b.data);
  std::uint32_t sum = 0;
  for (Dim i = 0; i < n; ++i) sum += static_cast<std::uint32_t>((x[i * a.step] - a.zero) * (y[i * b.step] - b.zero));
  return sum;
}

using Dot = std::uint32_t (*)(const Factor& a, const Factor& b, Dim n);

inline Dot dot_of(DType a, DType b) {
  using U = std::uint8_t;
  using I = std::int8_t;
  if (a == DType::u8) return b == DType::u8 ? dot<U, U> : dot<U, I>;
  return b == DType::u8 ? dot<I, U> : dot<I, I>;
}

inline void want_8_bit(const Node& node, const Types& in, std::initializer_list<std::size_t> inputs) {
  for (const std::size_t i : inputs)
    if (!is_8_bit(in[i].dtype))
      throw Error(Errc::Unsupported, node.label(), "input ", i, " is ", in[i].dtype, ", i8 or u8 wanted");
}

inline void want_same_dtype(const Node& node, const Types& in, std::size_t i, std::size_t other) {
  if (node.has(i) && in[i].dtype != in[other].dtype)
    throw Error(Errc::BadModel, node.label(), "input ", i, " is ", in[i].dtype, ", but input ", other, " is ",
                in[other].dtype);
}

// Scales and zero points that hold for a whole value.
inline void want_one(const Node& node, const Types& in, std::initializer_list<std::size_t> inputs) {
  for (const std::size_t i : inputs)
    if (node.has(i) && in[i].shape.elements() != 1)
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", in[i].shape, ", a single number wanted");
}

// The zero point at a place of an optional input; of one that is absent, 0.
inline std::int32_t zero_at(const Node& node, Inputs in, std::size_t i, const Index& at) {
  return node.has(i) ? integer_at(in[i], at) : 0;
}

// One number for all, or one for each place along `axis`.
inline Index place_along(const Shape& shape, const Index& at, std::size_t axis) {
  if (shape.elements() == 1) return Index(shape.rank(), 0);
  return {at[axis]};
}

// The ways to do what the reference does box by box: it gives the same bits.
template <class F>
std::vector<Step> boxed(std::string kernel, const Types& in, std::vector<Cut> cuts, double nanoseconds, const F& run) {
  return in_each_layout(in.size(), 1,
                        {.kernel = std::move(kernel),
                         .cuts = std::move(cuts),
                         .nanoseconds = 50 + nanoseconds,
                         .run = [run](Inputs from, Outputs to, const Box& box, std::byte*) { run(from, to[0], box); }});
}

}  // namespace coverslip::inline v0::ops
