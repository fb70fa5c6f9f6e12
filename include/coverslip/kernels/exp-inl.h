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

// How a b + c is rounded: twice, which gives the same bits on every target, or as the target does it best, for
// functions of sums of products, whose bits are the target's own anyway.
struct RoundedTwice {
  template <class V>
  static HWY_INLINE V MulAdd(V a, V b, V c) {
    return hn::Add(hn::Mul(a, b), c);
  }
};
struct RoundedAtBest {
  template <class V>
  static HWY_INLINE V MulAdd(V a, V b, V c) {
    return hn::MulAdd(a, b, c);
  }
};

// Coefficients from the highest power down; a pack, as compilers leave a loop over a list of them as it is.
template <class Rounding, class D, class V = hn::Vec<D>, class... Rest>
HWY_INLINE V Polynomial(D d, V x, float first, Rest... rest) {
  V sum = hn::Set(d, first);
  ((sum = Rounding::MulAdd(sum, x, hn::Set(d, rest))), ...);
  return sum;
}

// x = whole ln 2 + rest in two parts of ln 2 (Cody and Waite, Software Manual for the Elementary Functions, 1980), for
// an x between -104 and 89. `biased` has whole + 127 in its last bits: what is added has no bits left for a fraction.
template <class V>
struct Powers {
  V biased, whole, rest;
};

template <class D, class V = hn::Vec<D>>
HWY_INLINE Powers<V> PowersOfTwo(D d, V x) {
  const V shift = hn::Set(d, 0x1.8p23f + 127);
  const V biased = hn::Add(hn::Mul(x, hn::Set(d, 1.44269504f)), shift), whole = hn::Sub(biased, shift);
  const V rest = hn::Sub(x, hn::Mul(whole, hn::Set(d, 0.693359375f)));
  return {biased, whole, hn::Sub(rest, hn::Mul(whole, hn::Set(d, -2.12194440e-4f)))};
}

// (e^r - 1 - r) / r^2 for an r of at most (ln 2) / 2 on either side, so that e^r is good to 0.06 * 2^-24 before it is
// rounded: our own least-maximum fit, in the order of Estrin (1960).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpRest(D d, V r, V square) {
  const V low = hn::Add(hn::Mul(hn::Set(d, 0.166665211f), r), hn::Set(d, 0.49999994f));
  const V middle = hn::Add(hn::Mul(hn::Set(d, 0.00836874545f), r), hn::Set(d, 0.041668389f));
  return hn::Add(hn::Mul(hn::Add(hn::Mul(hn::Set(d, 0.00138145406f), square), middle), square), low);
}

// e^x within 2 units in the last place; 0 and infinity where it has to be, NaN of NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  const hn::RebindToSigned<D> di;
  const Powers<V> powers = PowersOfTwo(d, AtMost(hn::Set(d, 89.0f), AtLeast(hn::Set(d, -104.0f), x)));
  // 2^n in two factors, as it may be no normal number.
  const auto bias = hn::Set(di, 127);
  const auto n = hn::Sub(hn::BitCast(di, powers.biased), hn::Set(di, 0x4B400000 + 127)), half = hn::ShiftRight<1>(n);
  const V first = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V second = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(n, half), bias)));
  const V r = powers.rest, square = hn::Mul(r, r);
  const V sum = hn::Add(hn::Set(d, 1.0f), hn::Add(r, hn::Mul(square, ExpRest(d, r, square))));
  return hn::Mul(hn::Mul(sum, first), second);
}

// 1 + 2^-x of each, within 4 units in the last place; infinity of an x below -127.5, NaN of NaN. The lowest bits of
// what x is subtracted from are the exponent of the power that lies nearest; the rest is our own least-maximum fit.
// Vectors go step by step side by side, as each step waits for the one before.
template <class Rounding, class D, size_t kN, class V = hn::Vec<D>>
HWY_INLINE void OnePlusPowerOfMinus(D d, V (&x)[kN]) {
  const hn::RebindToSigned<D> di;
  const V one = hn::Set(d, 1.0f), least = hn::Set(d, -128.0f), most = hn::Set(d, 125.0f),
          shift = hn::Set(d, 0x1.8p23f + 127);
  V biased[kN], power[kN];
#pragma GCC unroll 4
  for (size_t i = 0; i < kN; ++i) x[i] = AtMost(most, AtLeast(least, x[i]));
#pragma GCC unroll 4
  for (size_t i = 0; i < kN; ++i) biased[i] = hn::Sub(shift, x[i]);
#pragma GCC unroll 4
  for (size_t i = 0; i < kN; ++i) x[i] = hn::Sub(x[i], hn::Sub(shift, biased[i]));
  const auto multiply_add = [&](float coefficient) HWY_ATTR {
#pragma GCC unroll 4
    for (size_t i = 0; i < kN; ++i) power[i] = Rounding::MulAdd(power[i], x[i], hn::Set(d, coefficient));
  };
#pragma GCC unroll 4
  for (size_t i = 0; i < kN; ++i) power[i] = hn::Set(d, -0.00132646586f);
  multiply_add(0.00967156608f);
  multiply_add(-0.0555073433f);
  multiply_add(0.240222409f);
  multiply_add(-0.693147004f);
  multiply_add(1.0f);
#pragma GCC unroll 4
  for (size_t i = 0; i < kN; ++i)
    x[i] = Rounding::MulAdd(power[i], hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, biased[i]))), one);
}

// e^x - 1 of an x that is not positive, within 2 units in the last place; NaN of NaN. Nothing is promised of others.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpMinus1(D d, V x) {
  const hn::RebindToSigned<D> di;
  const auto [biased, whole, r] = PowersOfTwo(d, AtLeast(hn::Set(d, -18.0f), x));
  const V square = hn::Mul(r, r), rest = hn::Add(r, hn::Mul(square, ExpRest(d, r, square)));  // e^r - 1
  const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, biased)));
  return hn::Add(hn::Mul(rest, power), hn::Sub(power, hn::Set(d, 1.0f)));
}

// 2^x of an x between -126 and 127, within 2 units in the last place, 1 of 0, NaN of NaN. Of others nothing is
// promised. The lowest bits of x + 1.5 2^23 + 127 are the exponent of the power that lies nearest.
template <class Rounding, class D, class V = hn::Vec<D>>
HWY_INLINE V PowerOfTwo(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V shift = hn::Set(d, 0x1.8p23f + 127), shifted = hn::Add(x, shift);
  const V sum = Polynomial<Rounding>(d, hn::Sub(x, hn::Sub(shifted, shift)), 0.00132646586f, 0.00967156608f,
                                     0.0555073433f, 0.240222409f, 0.693147004f, 1.0f);
  return hn::Mul(sum, hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
