// Code of the pooling kernels, once per target.
#if defined(COVERSLIP_KERNELS_POOL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_POOL_INL_H_
#undef COVERSLIP_KERNELS_POOL_INL_H_
#else
#define COVERSLIP_KERNELS_POOL_INL_H_
#endif

#include <limits>

#include "coverslip/kernels/pool.hpp"
#include "coverslip/kernels/sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

struct MaxOfTaps {
  template <class D, class V>
  static HWY_INLINE V Join(D, V most, V x) {
    return hn::IfThenElse(hn::Or(hn::Lt(most, x), hn::IsNaN(x)), x, most);
  }
  static constexpr float kFirst = -std::numeric_limits<float>::infinity();
  template <class D, class V>
  HWY_INLINE V Finish(D, V most) const {
    return most;
  }
};

struct MeanOfTaps {
  float divisor;
  template <class D, class V>
  static HWY_INLINE V Join(D, V sum, V x) {
    return hn::Add(sum, x);
  }
  static constexpr float kFirst = 0;
  template <class D, class V>
  HWY_INLINE V Finish(D d, V sum) const {
    return hn::Div(sum, hn::Set(d, divisor));
  }
};

// kVectors vectors of channels, the last of them with `last` lanes: each tap's are loaded together.
template <size_t kVectors, bool kFull, class F>
HWY_INLINE void PoolChannels(const float* x, float* y, const PoolTaps& taps, size_t last, const F& f) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const size_t lanes = hn::Lanes(d);
  V all[kVectors];
  for (size_t v = 0; v < kVectors; ++v) all[v] = hn::Set(d, F::kFirst);
  const float* plane = x;
  for (size_t i = 0; i < taps.counts[0]; ++i, plane += taps.steps[0]) {
    const float* row = plane;
    for (size_t j = 0; j < taps.counts[1]; ++j, row += taps.steps[1]) {
      V along[kVectors];
      for (size_t v = 0; v < kVectors; ++v) along[v] = hn::Set(d, F::kFirst);
      const float* tap = row;
      for (size_t k = 0; k < taps.counts[2]; ++k, tap += taps.steps[2])
        for (size_t v = 0; v < kVectors; ++v)
          along[v] = F::Join(d, along[v], kFull ? hn::LoadU(d, tap + v * lanes) : hn::LoadN(d, tap, last));
      for (size_t v = 0; v < kVectors; ++v) all[v] = F::Join(d, all[v], along[v]);
    }
  }
  for (size_t v = 0; v < kVectors; ++v) {
    if constexpr (kFull)
      hn::StoreU(f.Finish(d, all[v]), d, y + v * lanes);
    else
      hn::StoreN(f.Finish(d, all[v]), d, y, last);
  }
}

template <class F>
HWY_INLINE void Pool(const float* x, float* y, const PoolTaps& taps, const PoolRow& row, const F& f) {
  const size_t lanes = hn::Lanes(hn::ScalableTag<float>());
  for (size_t pixel = 0; pixel < row.pixels; ++pixel, x += row.x_step, y += row.y_step) {
    size_t c = 0;
    for (; c + 4 * lanes <= row.channels; c += 4 * lanes) PoolChannels<4, true>(x + c, y + c, taps, lanes, f);
    for (; c + lanes <= row.channels; c += lanes) PoolChannels<1, true>(x + c, y + c, taps, lanes, f);
    if (c < row.channels) PoolChannels<1, false>(x + c, y + c, taps, row.channels - c, f);
  }
}

inline void MaxPool(const float* x, float* y, const PoolTaps& taps, const PoolRow& row) {
  Pool(x, y, taps, row, MaxOfTaps());
}

inline void AveragePool(const float* x, float* y, const PoolTaps& taps, const PoolRow& row, float divisor) {
  Pool(x, y, taps, row, MeanOfTaps{divisor});
}

inline float SumSideBySide(const float* x, const PoolTaps& taps) {
  const SumTag d;
  SixteenSums sums;
  for (size_t i = 0; i < taps.counts[0]; ++i, x += taps.steps[0]) {
    const float* row = x;
    for (size_t j = 0; j < taps.counts[1]; ++j, row += taps.steps[1])
      sums.ForEachVector(taps.counts[2], [&](size_t k, size_t count) HWY_ATTR { return hn::LoadN(d, row + k, count); });
  }
  return sums.Total();
}

inline constexpr PoolKernels kPool{.max = MaxPool, .average = AveragePool, .sum_side_by_side = SumSideBySide};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
