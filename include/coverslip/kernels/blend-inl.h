// Code of the kernel that mixes corners, once per target.
#if defined(COVERSLIP_KERNELS_BLEND_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_BLEND_INL_H_
#undef COVERSLIP_KERNELS_BLEND_INL_H_
#else
#define COVERSLIP_KERNELS_BLEND_INL_H_
#endif

#include <algorithm>

#include "coverslip/kernels/blend.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// kCount corners, or `count` if that is 0.
template <size_t kCount>
HWY_INLINE void BlendOf(const float* const* corners, const float* weights, size_t count, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d), terms = kCount != 0 ? kCount : count;
  const float* own[kCount + 1];  // in registers: a store to y might change `corners`
  std::copy_n(corners, kCount, own);
  const float* const* from = kCount != 0 ? own : corners;
  const auto mixed = [&](const auto& load) HWY_ATTR {
    auto sum = hn::Mul(hn::Set(d, weights[0]), load(from[0]));
    HWY_DEFAULT_UNROLL
    for (size_t k = 1; k < terms; ++k) sum = hn::Add(sum, hn::Mul(hn::Set(d, weights[k]), load(from[k])));
    return sum;
  };
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(mixed([&](const float* x) HWY_ATTR { return hn::LoadU(d, x + i); }), d, y + i);
  if (i < n) hn::StoreN(mixed([&](const float* x) HWY_ATTR { return hn::LoadN(d, x + i, n - i); }), d, y + i, n - i);
}

inline void Blend(const float* const* corners, const float* weights, size_t count, float* y, size_t n) {
  switch (count) {
    case 1: return BlendOf<1>(corners, weights, count, y, n);
    case 2: return BlendOf<2>(corners, weights, count, y, n);
    case 4: return BlendOf<4>(corners, weights, count, y, n);
    default: return BlendOf<0>(corners, weights, count, y, n);
  }
}

HWY_INLINE const float* PixelOf(const PixelTerms& from, size_t term) {
  return from.x + (from.places[term] - from.first) * from.x_step;
}

inline void BlendRow(const PixelTerms& from, float* y, ptrdiff_t y_step, size_t pixels, size_t n) {
  constexpr size_t kMost = 8;  // terms at once
  const float* corners[kMost];
  float weights[kMost];
  for (size_t i = 0; i < pixels; ++i, y += y_step) {
    if (from.terms == 2 && from.weights[i] != 0 && from.weights[from.all + i] != 0) {
      const float* both[] = {PixelOf(from, i), PixelOf(from, from.all + i)};
      const float shares[] = {from.weights[i], from.weights[from.all + i]};
      BlendOf<2>(both, shares, 2, y, n);
      continue;
    }
    size_t count = 0;
    for (size_t term = i; term < from.terms * from.all + i; term += from.all) {
      if (from.weights[term] == 0) continue;
      if (count == kMost) {
        Blend(corners, weights, count, y, n);
        corners[0] = y;  // the sum so far is the first of the next terms
        weights[0] = 1;
        count = 1;
      }
      corners[count] = PixelOf(from, term);
      weights[count++] = from.weights[term];
    }
    if (count > 0)
      Blend(corners, weights, count, y, n);
    else
      std::fill_n(y, n, 0.0f);
  }
}

inline constexpr BlendKernels kBlend{.run = Blend, .row = BlendRow};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
