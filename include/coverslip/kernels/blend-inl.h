// Code of the kernel that mixes corners, once per target.
#if defined(COVERSLIP_KERNELS_BLEND_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_BLEND_INL_H_
#undef COVERSLIP_KERNELS_BLEND_INL_H_
#else
#define COVERSLIP_KERNELS_BLEND_INL_H_
#endif

#include "coverslip/kernels/blend.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline void Blend(const float* const* corners, const float* weights, size_t count, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto sum = hn::Mul(hn::Set(d, weights[0]), hn::LoadU(d, corners[0] + i));
    for (size_t k = 1; k < count; ++k)
      sum = hn::Add(sum, hn::Mul(hn::Set(d, weights[k]), hn::LoadU(d, corners[k] + i)));
    hn::StoreU(sum, d, y + i);
  }
  if (i == n) return;
  auto sum = hn::Mul(hn::Set(d, weights[0]), hn::LoadN(d, corners[0] + i, n - i));
  for (size_t k = 1; k < count; ++k)
    sum = hn::Add(sum, hn::Mul(hn::Set(d, weights[k]), hn::LoadN(d, corners[k] + i, n - i)));
  hn::StoreN(sum, d, y + i, n - i);
}

inline constexpr BlendKernels kBlend{.run = Blend};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
