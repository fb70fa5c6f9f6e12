// Code of the kernel that raises floats to powers, once per target: in double, good to one unit in the last place; no
// MulAdd, so that all targets give the same bits.
#if defined(COVERSLIP_KERNELS_POW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_POW_INL_H_
#undef COVERSLIP_KERNELS_POW_INL_H_
#else
#define COVERSLIP_KERNELS_POW_INL_H_
#endif

#include <limits>

#include "coverslip/kernels/binary.hpp"
#include "coverslip/kernels/to_float-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// log2 |x| of floats; -infinity of 0, infinity and NaN of themselves. With m between the roots of 1/2 and 2, ln m is
// 2 atanh(s), s = (m - 1) / (m + 1), by its Taylor series.
template <class D, class DF, class V = hn::Vec<D>>
HWY_INLINE V Log2(D d, DF df, hn::Vec<DF> x) {
  const hn::RebindToSigned<DF> di;
  const auto a = hn::Abs(x);
  const auto denormal = hn::Lt(a, hn::Set(df, 0x1p-126f));
  const auto root = hn::Set(di, 0x3F3504F3);
  const auto above = hn::Sub(hn::BitCast(di, hn::IfThenElse(denormal, hn::Mul(a, hn::Set(df, 0x1p23f)), a)), root);
  const auto mantissa = hn::BitCast(df, hn::Add(hn::And(above, hn::Set(di, 0x7FFFFF)), root));
  const auto scaled = hn::IfThenElseZero(denormal, hn::Set(df, 23.0f));
  const auto k = hn::Sub(hn::ConvertTo(df, hn::ShiftRight<23>(above)), scaled);
  const V one = hn::Set(d, 1.0), m = hn::PromoteTo(d, mantissa);
  const V s = hn::Div(hn::Sub(m, one), hn::Add(m, one)), z = hn::Mul(s, s);
  V sum = hn::Set(d, 1.0 / 19);
  for (const double c : {1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0})
    sum = hn::Add(hn::Mul(sum, z), hn::Set(d, c));
  constexpr double kTwoByLn2 = 2.8853900817779268;
  const V y = hn::Add(hn::PromoteTo(d, k), hn::Mul(hn::Mul(s, hn::Set(d, kTwoByLn2)), sum));
  const V wide = hn::PromoteTo(d, a), infinity = hn::Set(d, std::numeric_limits<double>::infinity());
  const V bounded = hn::IfThenElse(hn::Eq(wide, hn::Zero(d)), hn::Neg(infinity), y);
  return hn::IfThenElse(hn::Lt(wide, infinity), bounded, wide);
}

// 2^t as a float: t = n + f, 2^f by the Taylor series of e^(f ln 2).
template <class D, class DF, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<DF> Exp2(D d, DF df, V t) {
  const hn::RebindToSigned<D> dl;
  const V most = hn::Set(d, 200.0), least = hn::Set(d, -200.0);
  t = hn::IfThenElse(hn::Gt(t, most), most, hn::IfThenElse(hn::Lt(t, least), least, t));
  const V n = hn::Round(t), f = hn::Mul(hn::Sub(t, n), hn::Set(d, 0.69314718055994531));
  V sum = hn::Set(d, 1.0 / 3628800);
  for (const double c : {1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0})
    sum = hn::Add(hn::Mul(sum, f), hn::Set(d, c));
  // The lowest bits of n + 1.5 2^52 are those of the integer n.
  const auto whole = hn::BitCast(dl, hn::Add(n, hn::Set(d, 0x1.8p52)));
  const V power = hn::BitCast(d, hn::ShiftLeft<52>(hn::Add(whole, hn::Set(dl, int64_t{1023}))));
  const V y = hn::Mul(sum, power);
  return ToFloat(df, d, y);
}

// x^y as C has it: 1 where x is 1 or y is 0, even of NaN; NaN of a negative x unless y is an integer.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF Pow(DF df, VF x, VF y) {
  const hn::Rebind<double, DF> d;
  const VF zero = hn::Zero(df), one = hn::Set(df, 1.0f), half = hn::Mul(y, hn::Set(df, 0.5f));
  const VF infinity = hn::Set(df, std::numeric_limits<float>::infinity());
  const auto t = hn::Mul(hn::PromoteTo(d, y), Log2(d, df, x));
  VF power = Exp2(d, df, t);
  // 1 to an infinite power, which the logarithm makes 0 times infinity
  power = hn::IfThenElse(hn::And(hn::Eq(hn::Abs(x), one), hn::Eq(hn::Abs(y), infinity)), one, power);
  const auto whole = hn::Eq(hn::Trunc(y), y), odd = hn::AndNot(hn::Eq(hn::Trunc(half), half), whole);
  const auto bad = hn::AndNot(whole, hn::And(hn::Lt(x, zero), hn::Gt(x, hn::Neg(infinity))));
  power = hn::IfThenElse(odd, hn::CopySign(power, x), power);
  power = hn::IfThenElse(bad, hn::Set(df, std::numeric_limits<float>::quiet_NaN()), power);
  return hn::IfThenElse(hn::Or(hn::Eq(x, one), hn::Eq(y, zero)), one, power);
}

inline void PowRows(const void* x_data, const void* y_data, void* to_data, const BinaryRows& all) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const size_t lanes = hn::Lanes(d), n = all.rows.n;
  const float *x = static_cast<const float*>(x_data), *y = static_cast<const float*>(y_data);
  float* to = static_cast<float*>(to_data);
  for (size_t row = 0; row < all.rows.count; ++row) {
    const auto one_x = hn::Set(df, *x), one_y = hn::Set(df, *y);
    for (size_t i = 0; i < n; i += lanes) {
      const size_t m = HWY_MIN(lanes, n - i);
      const auto v =
          Pow(df, all.a_single ? one_x : hn::LoadN(df, x + i, m), all.b_single ? one_y : hn::LoadN(df, y + i, m));
      hn::StoreN(v, df, to + i, m);
    }
    x += all.rows.x_step;
    y += all.b_step;
    to += all.rows.y_step;
  }
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
