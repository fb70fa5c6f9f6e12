// Code of the kernels that turn pairs of numbers, once per target; no MulAdd, so that all targets give the same bits.
#if defined(COVERSLIP_KERNELS_ROTARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_ROTARY_INL_H_
#undef COVERSLIP_KERNELS_ROTARY_INL_H_
#else
#define COVERSLIP_KERNELS_ROTARY_INL_H_
#endif

#include "coverslip/kernels/rotary.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Takes the vectors of both sides, gives their turned ones to store(first, second).
template <class D, class V, class Store>
HWY_INLINE void Turn(D d, V a, V b, const float* cos, const float* sin, size_t count, const Store& store) {
  const V c = hn::LoadN(d, cos, count), s = hn::LoadN(d, sin, count);
  store(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), hn::Add(hn::Mul(a, s), hn::Mul(b, c)));
}

inline void RotateHalves(const float* x, const float* cos, const float* sin, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < n; i += lanes) {
    const size_t count = HWY_MIN(lanes, n - i);
    Turn(d, hn::LoadN(d, x + i, count), hn::LoadN(d, x + n + i, count), cos + i, sin + i, count,
         [&](auto first, auto second) HWY_ATTR {
           hn::StoreN(first, d, y + i, count);
           hn::StoreN(second, d, y + n + i, count);
         });
  }
}

inline void RotatePairs(const float* x, const float* cos, const float* sin, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::Vec<decltype(d)> a, b;
    hn::LoadInterleaved2(d, x + 2 * i, a, b);
    Turn(d, a, b, cos + i, sin + i, lanes,
         [&](auto first, auto second) HWY_ATTR { hn::StoreInterleaved2(first, second, d, y + 2 * i); });
  }
  for (; i < n; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    y[2 * i] = a * cos[i] - b * sin[i];
    y[2 * i + 1] = a * sin[i] + b * cos[i];
  }
}

inline constexpr RotaryKernels kRotary{.halves = RotateHalves, .pairs = RotatePairs};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
