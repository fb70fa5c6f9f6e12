// The functions of one number, as functions of a vector and of a row, once per target; where they are rounded twice,
// all targets give the same bits.
#if defined(COVERSLIP_KERNELS_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_EPILOGUE_INL_H_
#undef COVERSLIP_KERNELS_EPILOGUE_INL_H_
#else
#define COVERSLIP_KERNELS_EPILOGUE_INL_H_
#endif

#include <array>
#include <type_traits>
#include <utility>

#include "coverslip/kernels/elementary-inl.h"
#include "coverslip/kernels/epilogue.hpp"
#include "coverslip/kernels/rows.hpp"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// x tanh(ln(1 + e^x)) is x p / (p + 2) with p = e^x (e^x + 2). Above 0, with z = e^-x, x (1 + 2 z) / (1 + 2 z + 2 z^2).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Mish(D d, V x) {
  const V two = hn::Set(d, 2.0f), z = Exp(d, hn::Neg(hn::Abs(x))), square = hn::Mul(z, z), twice = hn::Add(z, z);
  const auto negative = hn::Lt(x, hn::Zero(d));
  const V p = hn::Add(twice, hn::IfThenElse(negative, square, hn::Set(d, 1.0f)));
  return hn::Mul(x, hn::Div(p, hn::Add(p, hn::IfThenElse(negative, two, hn::Add(square, square)))));
}

// x times the normal distribution, within 2^-22 |x|: 1/2 + t P(t^2) / Q(t^2), where t is x but for tails, which end at
// 0 and 1. Our own least-maximum fit.
template <class Rounding, class D, class V = hn::Vec<D>>
HWY_INLINE V Gelu(D d, V x) {
  constexpr float kEnd = 5.3325f;
  const V t = AtMost(hn::Set(d, kEnd), AtLeast(hn::Set(d, -kEnd), x)), u = hn::Mul(t, t);
  const V p = Polynomial<Rounding>(d, u, 2.3517579e-08f, 6.36298955e-06f, 0.000163483928f, 0.00464600231f,
                                   0.0332814679f, 0.398942232f);
  const V q =
      Polynomial<Rounding>(d, u, 1.22059805e-06f, 7.21752222e-05f, 0.0018542608f, 0.0283285659f, 0.25009039f, 1.0f);
  return hn::Mul(x, hn::Add(hn::Set(d, 0.5f), hn::Div(hn::Mul(t, p), q)));
}

// (1 + tanh z) / 2 is 1 / (1 + e^(-2 z)).
template <class Rounding, class D, class V = hn::Vec<D>>
HWY_INLINE V GeluTanh(D d, V x) {
  constexpr float kLog2E = 1.44269504f, kTwice = 2 * 0.797884561f * kLog2E;
  const V slope = Rounding::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715f * kTwice), hn::Set(d, kTwice));
  V under[] = {hn::Mul(x, slope)};
  OnePlusPowerOfMinus<Rounding>(d, under);
  return hn::Div(x, under[0]);
}

template <class V>
HWY_INLINE V Shrink(V x, V bound, V bias) {
  const V y = hn::IfThenElseZero(hn::Lt(x, hn::Neg(bound)), hn::Add(x, bias));
  return hn::IfThenElse(hn::Gt(x, bound), hn::Sub(x, bias), y);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sign(D d, V x) {  // NaN of NaN, and 0 of 0
  return hn::IfThenElse(hn::Gt(hn::Abs(x), hn::Zero(d)), hn::CopySign(hn::Set(d, 1.0f), x), x);
}

// Sigmoid and Swish of vectors side by side: 1 and x, over 1 + e^(-alpha x).
template <Activation kA, class Rounding, class D, size_t kN, class V = hn::Vec<D>>
HWY_INLINE void Gate(D d, V (&x)[kN], float alpha) {
  V under[kN];
  const V scale = hn::Set(d, kA == Activation::Swish ? 1.44269504f * alpha : 1.44269504f);
#pragma GCC unroll 4
  for (size_t i = 0; i < kN; ++i) under[i] = hn::Mul(x[i], scale);
  OnePlusPowerOfMinus<Rounding>(d, under);
#pragma GCC unroll 4
  for (size_t i = 0; i < kN; ++i) x[i] = hn::Div(kA == Activation::Swish ? x[i] : hn::Set(d, 1.0f), under[i]);
}

template <Activation kA, class Rounding = RoundedTwice, class D, class V = hn::Vec<D>>
HWY_INLINE V Apply(D d, V x, const Epilogue& epilogue) {
  using enum Activation;
  const V zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  const V alpha = hn::Set(d, epilogue.alpha), beta = hn::Set(d, epilogue.beta);
  const auto negative = hn::Lt(x, zero);
  // clang-format off
  if constexpr (kA == None) return x;
  if constexpr (kA == Relu) return AtLeast(zero, x);
  if constexpr (kA == LeakyRelu) return hn::IfThenElse(negative, hn::Mul(x, alpha), x);
  if constexpr (kA == Clip) return AtMost(beta, AtLeast(alpha, x));
  if constexpr (kA == Sigmoid || kA == Swish) {
    V y[] = {x};
    Gate<kA, Rounding>(d, y, epilogue.alpha);
    return y[0];
  }
  if constexpr (kA == HardSigmoid) return AtMost(one, AtLeast(zero, hn::Add(hn::Mul(x, alpha), beta)));
  if constexpr (kA == Elu)
    return hn::IfThenElse(negative, hn::Mul(hn::Mul(alpha, beta), ExpMinus1(d, x)), hn::Mul(beta, x));
  if constexpr (kA == Celu) return hn::IfThenElse(negative, hn::Mul(alpha, ExpMinus1(d, hn::Div(x, alpha))), x);
  if constexpr (kA == ThresholdedRelu) return hn::IfThenElseZero(hn::Gt(x, alpha), x);
  if constexpr (kA == HardSwish)
    return hn::Mul(x, AtMost(one, AtLeast(zero, hn::Add(hn::Mul(x, hn::Set(d, 1.0f / 6)), hn::Set(d, 0.5f)))));
  if constexpr (kA == Activation::Tanh) return HWY_NAMESPACE::Tanh(d, x);
  if constexpr (kA == Softplus)
    return hn::Add(AtLeast(zero, x), LogOnePlus(d, HWY_NAMESPACE::Exp(d, hn::Neg(hn::Abs(x)))));
  if constexpr (kA == Softsign) return hn::Div(x, hn::Add(one, hn::Abs(x)));
  if constexpr (kA == Activation::Mish) return HWY_NAMESPACE::Mish(d, x);
  if constexpr (kA == Activation::Gelu) return HWY_NAMESPACE::Gelu<Rounding>(d, x);
  if constexpr (kA == Activation::GeluTanh) return HWY_NAMESPACE::GeluTanh<Rounding>(d, x);
  if constexpr (kA == Activation::Shrink) return HWY_NAMESPACE::Shrink(x, alpha, beta);
  if constexpr (kA == Abs) return hn::Abs(x);
  if constexpr (kA == Neg) return hn::Neg(x);
  if constexpr (kA == Activation::Sign) return HWY_NAMESPACE::Sign(d, x);
  if constexpr (kA == Ceil) return hn::Ceil(x);
  if constexpr (kA == Floor) return hn::Floor(x);
  if constexpr (kA == Round) return hn::Round(x);
  if constexpr (kA == Sqrt) return hn::Sqrt(x);
  if constexpr (kA == Activation::Exp) return HWY_NAMESPACE::Exp(d, x);
  if constexpr (kA == Activation::Log) return HWY_NAMESPACE::Log(d, x);
  if constexpr (kA == Reciprocal) return hn::Div(one, x);
  if constexpr (kA == Activation::Erf) return HWY_NAMESPACE::Erf(d, x);
  // clang-format on
}

// Those that are worth a copy of the kernel that carries them.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Activate(D d, V x, const Epilogue& epilogue) {
  switch (epilogue.activation) {
    case Activation::Relu: return Apply<Activation::Relu>(d, x, epilogue);
    case Activation::LeakyRelu: return Apply<Activation::LeakyRelu>(d, x, epilogue);
    case Activation::Clip: return Apply<Activation::Clip>(d, x, epilogue);
    case Activation::Sigmoid: return Apply<Activation::Sigmoid>(d, x, epilogue);
    case Activation::HardSigmoid: return Apply<Activation::HardSigmoid>(d, x, epilogue);
    default: return x;
  }
}

// y = f(x) of rows; x and y may be the same array.
using RowsFunction = void (*)(const float* x, float* y, const Rows& rows, const Epilogue& epilogue);

template <Activation kA, class Rounding, size_t kN, class D>
HWY_INLINE void GateVectors(D d, const float* x, float* y, float alpha) {
  hn::Vec<D> v[kN];
#pragma GCC unroll 4
  for (size_t i = 0; i < kN; ++i) v[i] = hn::LoadU(d, x + i * hn::Lanes(d));
  Gate<kA, Rounding>(d, v, alpha);
#pragma GCC unroll 4
  for (size_t i = 0; i < kN; ++i) hn::StoreU(v[i], d, y + i * hn::Lanes(d));
}

// Whole vectors and the tail share one copy of the function.
template <Activation kA, class Rounding>
HWY_ATTR void ApplyRows(const float* x, float* y, const Rows& all, const Epilogue& given) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const Rows rows = all;  // what is stored cannot change it
  const Epilogue epilogue = given;
  for (size_t row = 0; row < rows.count; ++row, x += rows.x_step, y += rows.y_step) {
    size_t i = 0;
    if constexpr (kA == Activation::Sigmoid || kA == Activation::Swish) {
      for (; i + 4 * lanes <= rows.n; i += 4 * lanes) GateVectors<kA, Rounding, 4>(d, x + i, y + i, epilogue.alpha);
      const size_t vectors = (rows.n - i) / lanes;
      if (vectors == 3) GateVectors<kA, Rounding, 3>(d, x + i, y + i, epilogue.alpha);
      if (vectors == 2) GateVectors<kA, Rounding, 2>(d, x + i, y + i, epilogue.alpha);
      if (vectors > 1) i += vectors * lanes;
    }
    for (; i < rows.n; i += lanes) {
      const size_t left = rows.n - i;
      const auto v =
          Apply<kA, Rounding>(d, HWY_LIKELY(left >= lanes) ? hn::LoadU(d, x + i) : hn::LoadN(d, x + i, left), epilogue);
      if (HWY_LIKELY(left >= lanes))
        hn::StoreU(v, d, y + i);
      else
        hn::StoreN(v, d, y + i, left);
    }
  }
}

// Those that are worth a copy for each way to round.
template <Activation kA, class Rounding>
using RoundingOf = std::conditional_t<kA == Activation::Sigmoid || kA == Activation::Swish || kA == Activation::Gelu,
                                      Rounding, RoundedTwice>;

template <class Rounding, size_t... kIndex>
constexpr std::array<RowsFunction, sizeof...(kIndex)> AllRowsFunctions(std::index_sequence<kIndex...>) {
  return {ApplyRows<static_cast<Activation>(kIndex), RoundingOf<static_cast<Activation>(kIndex), Rounding>>...};
}

template <class Rounding>
inline RowsFunction RowsFunctionOf(Activation activation) {
  static constexpr auto kFunctions = AllRowsFunctions<Rounding>(std::make_index_sequence<kActivationCount>());
  return kFunctions[static_cast<size_t>(activation)];
}

// The activation of values that are still in the cache: rows of n.
template <class Rounding>
inline void ActivateRows(float* y, size_t rows, ptrdiff_t step, size_t n, const Epilogue& epilogue) {
  const Rows all{.count = rows, .n = n, .x_step = step, .y_step = step};
  RowsFunctionOf<Rounding>(epilogue.activation)(y, y, all, epilogue);
}

// That of sums of products, as the target rounds best.
inline void ActivateSums(float* y, size_t rows, ptrdiff_t step, size_t n, const Epilogue& epilogue) {
  ActivateRows<RoundedAtBest>(y, rows, step, n, epilogue);
}

// The same of rows at y[i] + offset, which mostly follow each other evenly.
inline void ActivateSums(float* const* y, size_t rows, size_t offset, size_t n, const Epilogue& epilogue) {
  for (size_t i = 0; i < rows;) {
    const ptrdiff_t step = i + 1 < rows ? y[i + 1] - y[i] : 0;
    size_t end = i + 1;
    while (end < rows && y[end] - y[end - 1] == step) ++end;
    ActivateSums(y[i] + offset, end - i, step, n, epilogue);
    i = end;
  }
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
