// Code of the softmax kernels, once per target.
#if defined(COVERSLIP_KERNELS_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_SOFTMAX_INL_H_
#undef COVERSLIP_KERNELS_SOFTMAX_INL_H_
#else
#define COVERSLIP_KERNELS_SOFTMAX_INL_H_
#endif

#include "coverslip/kernels/exp-inl.h"
#include "coverslip/kernels/softmax.hpp"
#include "coverslip/kernels/sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline float MostOf(const float* x, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  auto most = hn::Set(d, x[0]);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) most = hn::Max(most, hn::LoadU(d, x + i));
  if (i < n) most = hn::Max(most, hn::IfThenElse(hn::FirstN(d, n - i), hn::LoadN(d, x + i, n - i), hn::Set(d, x[0])));
  return hn::ReduceMax(d, most);
}

// A NaN makes all NaN, whether or not it is the most.
inline void SoftmaxAlong(const float* x, float* y, size_t n) {
  const SumTag d;
  const size_t lanes = hn::Lanes(d);
  const auto most = hn::Set(d, MostOf(x, n));
  SixteenSums sums;
  sums.ForEachVector(n, [&](size_t i, size_t count) HWY_ATTR {
    if (count == lanes) {
      const auto e = Exp(d, hn::Sub(hn::LoadU(d, x + i), most));
      hn::StoreU(e, d, y + i);
      return e;
    }
    const auto e = Exp(d, hn::Sub(hn::LoadN(d, x + i, count), most));
    hn::StoreN(e, d, y + i, count);
    return hn::IfThenElseZero(hn::FirstN(d, count), e);
  });
  const auto sum = hn::Set(d, sums.Total());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Div(hn::LoadU(d, y + i), sum), d, y + i);
  if (i < n) hn::StoreN(hn::Div(hn::LoadN(d, y + i, n - i), sum), d, y + i, n - i);
}

inline void SoftmaxAcross(const float* x, ptrdiff_t x_step, float* y, ptrdiff_t y_step, size_t n, size_t columns) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t column = 0; column < columns; column += lanes) {
    const size_t width = HWY_MIN(lanes, columns - column);
    const float* from = x + column;
    float* to = y + column;
    auto most = hn::LoadN(d, from, width);
    for (size_t i = 1; i < n; ++i) most = hn::Max(most, hn::LoadN(d, from + static_cast<ptrdiff_t>(i) * x_step, width));
    auto sum = hn::Zero(d);
    for (size_t i = 0; i < n; ++i) {
      const auto e = Exp(d, hn::Sub(hn::LoadN(d, from + static_cast<ptrdiff_t>(i) * x_step, width), most));
      hn::StoreN(e, d, to + static_cast<ptrdiff_t>(i) * y_step, width);
      sum = hn::Add(sum, e);
    }
    for (size_t i = 0; i < n; ++i) {
      float* place = to + static_cast<ptrdiff_t>(i) * y_step;
      hn::StoreN(hn::Div(hn::LoadN(d, place, width), sum), d, place, width);
    }
  }
}

inline constexpr SoftmaxKernels kSoftmax{.along = SoftmaxAlong, .across = SoftmaxAcross};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
