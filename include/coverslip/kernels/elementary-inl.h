// Logarithm, hyperbolic tangent and error function of a vector, within 4 units in the last place; once per target, with
// the same bits on all of them: no MulAdd. Coefficients that are no Taylor series are our own least-maximum fits.
#if defined(COVERSLIP_KERNELS_ELEMENTARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_ELEMENTARY_INL_H_
#undef COVERSLIP_KERNELS_ELEMENTARY_INL_H_
#else
#define COVERSLIP_KERNELS_ELEMENTARY_INL_H_
#endif

#include <limits>

#include "coverslip/kernels/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// atanh(s) / s - 1 of z = s^2, which is at most 1/9.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AtanhRest(D d, V z) {
  return hn::Mul(z, Polynomial<RoundedTwice>(d, z, 0.140122324f, 0.139995694f, 0.200108498f, 0.333332062f));
}

// ln(1 + z) of z between 0 and 1, as 2 atanh(z / (2 + z)).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogOnePlus(D d, V z) {
  const V s = hn::Div(z, hn::Add(hn::Set(d, 2.0f), z));
  const V twice = hn::Add(s, s);
  return hn::Add(twice, hn::Mul(twice, AtanhRest(d, hn::Mul(s, s))));
}

// ln x, x = 2^k (1 + f) with 1 + f between the roots of 1/2 and 2. With s = f / (2 + f), ln(1 + f) is 2 s + 2 s R, and
// 2 s is f - s f: what is rounded is small beside f.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V zero = hn::Zero(d), infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  const auto denormal = hn::Lt(x, hn::Set(d, 0x1p-126f));
  const auto bits = hn::BitCast(di, hn::IfThenElse(denormal, hn::Mul(x, hn::Set(d, 0x1p23f)), x));
  // Exponents are counted from the root of 1/2 on.
  const auto root = hn::Set(di, 0x3F3504F3);
  const auto above = hn::Sub(bits, root);
  const auto k = hn::Sub(hn::ShiftRight<23>(above),
                         hn::BitCast(di, hn::IfThenElseZero(denormal, hn::BitCast(d, hn::Set(di, 23)))));
  const V f = hn::Sub(hn::BitCast(d, hn::Add(hn::And(above, hn::Set(di, 0x7FFFFF)), root)), hn::Set(d, 1.0f));
  const V s = hn::Div(f, hn::Add(hn::Set(d, 2.0f), f));
  const V rest = AtanhRest(d, hn::Mul(s, s));
  const V whole = hn::ConvertTo(d, k);
  const V small = hn::Sub(hn::Mul(whole, hn::Set(d, -2.12194440e-4f)), hn::Mul(s, hn::Sub(f, hn::Add(rest, rest))));
  const V y = hn::Add(hn::Mul(whole, hn::Set(d, 0.693359375f)), hn::Add(small, f));
  const V special =
      hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity),
                     hn::IfThenElse(hn::Eq(x, infinity), x, hn::Set(d, std::numeric_limits<float>::quiet_NaN())));
  return hn::IfThenElse(hn::And(hn::Gt(x, zero), hn::Lt(x, infinity)), y, special);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tanh(D d, V x) {
  const V a = hn::Abs(x), m = ExpMinus1(d, hn::Neg(hn::Add(a, a)));
  return hn::CopySign(hn::Div(m, hn::Add(hn::Set(d, 2.0f), m)), x);
}

// Up to 1 an odd polynomial, from there on 1 - e^p(|x|).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erf(D d, V x) {
  const V one = hn::Set(d, 1.0f), a = AtMost(hn::Set(d, 4.0f), hn::Abs(x)), t = hn::Mul(x, x);
  const V inner =
      hn::Add(x, hn::Mul(x, Polynomial<RoundedTwice>(d, t, 7.85385491e-05f, -0.000801019138f, 0.00518832728f,
                                                     -0.026853811f, 0.112835854f, -0.37612626f, 0.128379167f)));
  const V outer =
      hn::Sub(one, Exp(d, Polynomial<RoundedTwice>(d, a, 0.000186380086f, -0.00294766692f, 0.0218380969f, -0.103106819f,
                                                   -0.638144732f, -1.12708926f, -0.000341512583f)));
  return hn::IfThenElse(hn::Lt(a, one), inner, hn::CopySign(outer, x));
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
