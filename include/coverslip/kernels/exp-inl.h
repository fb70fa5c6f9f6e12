// The exponential function of a vector, and bounds that let NaN pass; once per target, with the same bits on all of
// them.
#if defined(COVERSLIP_KERNELS_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_EXP_INL_H_
#undef COVERSLIP_KERNELS_EXP_INL_H_
#else
#define COVERSLIP_KERNELS_EXP_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// max(bound, x), and x where that is NaN. x86 returns the second operand then; other targets have other rules.
template <class V>
HWY_INLINE V AtLeast(V bound, V x) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(bound, x);
#else
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
#endif
}

template <class V>
HWY_INLINE V AtMost(V bound, V x) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Min(bound, x);
#else
  return hn::IfThenElse(hn::Gt(x, bound), bound, x);
#endif
}

// e^x within 2 units in the last place; 0 and infinity where it has to be, NaN of NaN. x = n ln 2 + r in two parts of
// ln 2 (Cody and Waite, Software Manual for the Elementary Functions, 1980), then the Taylor series of e^r.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  const hn::RebindToSigned<D> di;
  x = AtMost(hn::Set(d, 89.0f), AtLeast(hn::Set(d, -104.0f), x));
  const auto n = hn::NearestInt(hn::Mul(x, hn::Set(d, 1.44269504f)));
  const V whole = hn::ConvertTo(d, n);
  V r = hn::Sub(x, hn::Mul(whole, hn::Set(d, 0.693359375f)));
  r = hn::Sub(r, hn::Mul(whole, hn::Set(d, -2.12194440e-4f)));
  V sum = hn::Set(d, 1.0f / 5040);
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    sum = hn::Add(hn::Mul(sum, r), hn::Set(d, c));
  // 2^n in two factors, as it may be no normal number.
  const auto half = hn::ShiftRight<1>(n), bias = hn::Set(di, 127);
  const V first = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V second = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(n, half), bias)));
  return hn::Mul(hn::Mul(sum, first), second);
}

// e^x - 1 of an x that is not positive, within 2 units in the last place; NaN of NaN. Nothing is promised of others.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpMinus1(D d, V x) {
  const hn::RebindToSigned<D> di;
  x = AtLeast(hn::Set(d, -18.0f), x);
  const auto n = hn::NearestInt(hn::Mul(x, hn::Set(d, 1.44269504f)));
  const V whole = hn::ConvertTo(d, n);
  V r = hn::Sub(x, hn::Mul(whole, hn::Set(d, 0.693359375f)));
  r = hn::Sub(r, hn::Mul(whole, hn::Set(d, -2.12194440e-4f)));
  V sum = hn::Set(d, 1.0f / 5040);
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f})
    sum = hn::Add(hn::Mul(sum, r), hn::Set(d, c));
  const V rest = hn::Add(r, hn::Mul(hn::Mul(r, r), sum));  // e^r - 1
  const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
  return hn::Add(hn::Mul(rest, power), hn::Sub(power, hn::Set(d, 1.0f)));
}

// Coefficients from the highest power down; a pack, as compilers leave a loop over a list of them as it is.
template <class D, class V = hn::Vec<D>, class... Rest>
HWY_INLINE V Polynomial(D d, V x, float first, Rest... rest) {
  V sum = hn::Set(d, first);
  ((sum = hn::Add(hn::Mul(sum, x), hn::Set(d, rest))), ...);
  return sum;
}

// 2^x of an x between -126 and 127, within 2 units in the last place, 1 of 0, NaN of NaN. Nothing is promised of others.
// The lowest bits of x + 1.5 2^23 + 127 are the exponent of the power that lies nearest.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V PowerOfTwo(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V shift = hn::Set(d, 0x1.8p23f + 127), shifted = hn::Add(x, shift);
  const V r = hn::Sub(x, hn::Sub(shifted, shift));
  const V sum =
      Polynomial(d, r, 0.00015353362f, 0.0013398875f, 0.00961843692f, 0.0555033237f, 0.240226477f, 0.693147182f, 1.0f);
  return hn::Mul(sum, hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
