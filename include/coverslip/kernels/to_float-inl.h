// Doubles rounded to floats, once per target, so that all targets give the same bits.
#if defined(COVERSLIP_KERNELS_TO_FLOAT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_TO_FLOAT_INL_H_
#undef COVERSLIP_KERNELS_TO_FLOAT_INL_H_
#else
#define COVERSLIP_KERNELS_TO_FLOAT_INL_H_
#endif

#include <limits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Infinity where it is too much for a float, of which DemoteTo makes the most that a float can be on some targets. A
// part of the number tells, and rounds as it would.
template <class DF, class D>
HWY_INLINE hn::Vec<DF> ToFloat(DF df, D d, hn::Vec<D> v) {
  const auto y = hn::DemoteTo(df, v), part = hn::DemoteTo(df, hn::Mul(v, hn::Set(d, 0x1p-64)));
  const auto infinity = hn::Set(df, std::numeric_limits<float>::infinity());
  return hn::IfThenElse(hn::Ge(hn::Abs(part), hn::Set(df, 0x1p64f)), hn::CopySign(infinity, y), y);
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
