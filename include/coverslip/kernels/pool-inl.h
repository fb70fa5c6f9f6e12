// Code of the pooling kernels, once per target.
#if defined(COVERSLIP_KERNELS_POOL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_POOL_INL_H_
#undef COVERSLIP_KERNELS_POOL_INL_H_
#else
#define COVERSLIP_KERNELS_POOL_INL_H_
#endif

#include <limits>

#include "coverslip/kernels/narrow-inl.h"
#include "coverslip/kernels/pool.hpp"
#include "coverslip/kernels/sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Each: Term of a tap, Join of two, Finish of the whole; kFirst is of no tap.
struct MaxOfTaps {
  static constexpr float kFirst = -std::numeric_limits<float>::infinity();
  template <class V>
  static HWY_INLINE V Term(V x) {
    return x;
  }
  template <class V>
  static HWY_INLINE V Join(V most, V x) {
    return hn::IfThenElse(hn::Or(hn::Lt(most, x), hn::IsNaN(x)), x, most);
  }
  template <class D, class V>
  static HWY_INLINE V Finish(D, V most, float) {
    return most;
  }
};

struct SumOfTaps {
  static constexpr float kFirst = 0;
  template <class V>
  static HWY_INLINE V Term(V x) {
    return x;
  }
  template <class V>
  static HWY_INLINE V Join(V sum, V x) {
    return hn::Add(sum, x);
  }
  template <class D, class V>
  static HWY_INLINE V Finish(D d, V sum, float divisor) {
    return hn::Div(sum, hn::Set(d, divisor));
  }
};

struct MagnitudesOfTaps : SumOfTaps {
  template <class V>
  static HWY_INLINE V Term(V x) {
    return hn::Abs(x);
  }
  template <class D, class V>
  static HWY_INLINE V Finish(D, V sum, float) {
    return sum;
  }
};

struct NormOfTaps : SumOfTaps {
  template <class V>
  static HWY_INLINE V Term(V x) {
    return hn::Mul(x, x);
  }
  template <class D, class V>
  static HWY_INLINE V Finish(D, V sum, float) {
    return hn::Sqrt(sum);
  }
};

// kVectors vectors of outputs; load(tap, v) is what tap `tap`, a place in x, brings to the v-th.
template <size_t kVectors, class F, class T, class Load, class Store>
HWY_INLINE void PoolVectors(const T* x, const PoolTaps& taps, float divisor, const Load& load, const Store& store) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  V all[kVectors];
  for (size_t v = 0; v < kVectors; ++v) all[v] = hn::Set(d, F::kFirst);
  const T* plane = x;
  for (size_t i = 0; i < taps.counts[0]; ++i, plane += taps.steps[0]) {
    const T* row = plane;
    for (size_t j = 0; j < taps.counts[1]; ++j, row += taps.steps[1]) {
      V along[kVectors];
      for (size_t v = 0; v < kVectors; ++v) along[v] = hn::Set(d, F::kFirst);
      const T* tap = row;
      for (size_t k = 0; k < taps.counts[2]; ++k, tap += taps.steps[2])
        for (size_t v = 0; v < kVectors; ++v) along[v] = F::Join(along[v], F::Term(load(tap, v)));
      for (size_t v = 0; v < kVectors; ++v) all[v] = F::Join(all[v], along[v]);
    }
  }
  for (size_t v = 0; v < kVectors; ++v) store(F::Finish(d, all[v], divisor), v);
}

// Outputs side by side, all of the same channel: each tap is that many inputs, x_step apart.
template <class F>
void PoolPixels(const float* x, float* y, const PoolTaps& taps, const PoolRow& row, float divisor) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const size_t lanes = hn::Lanes(d);
  const auto places = hn::Mul(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(row.x_step)));
  for (size_t i = 0; i < row.pixels; i += lanes, x += static_cast<ptrdiff_t>(lanes) * row.x_step) {
    const size_t n = HWY_MIN(lanes, row.pixels - i);
    const auto store = [&](auto v, size_t) HWY_ATTR { hn::StoreN(v, d, y + i, n); };
    if (row.x_step == 1)
      PoolVectors<1, F>(
          x, taps, divisor, [&](const float* tap, size_t) HWY_ATTR { return hn::LoadN(d, tap, n); }, store);
#if HWY_TARGET != HWY_SCALAR
    else if (row.x_step == 2 && n == lanes && i + n < row.pixels)  // the odd one after the last is there, too
      PoolVectors<1, F>(
          x, taps, divisor,
          [&](const float* tap, size_t) HWY_ATTR {
            hn::Vec<decltype(d)> even, odd;
            hn::LoadInterleaved2(d, tap, even, odd);
            return even;
          },
          store);
#endif
    else
      PoolVectors<1, F>(
          x, taps, divisor, [&](const float* tap, size_t) HWY_ATTR { return hn::GatherIndexN(d, tap, places, n); },
          store);
  }
}

// Each output's channels side by side.
template <class F, class T>
void PoolChannels(const T* x, T* y, const PoolTaps& taps, const PoolRow& row, float divisor) {
  const size_t lanes = hn::Lanes(NarrowTag());
  for (size_t pixel = 0; pixel < row.pixels; ++pixel, x += row.x_step, y += row.y_step) {
    size_t c = 0;
    const auto load = [&](const T* tap, size_t v) HWY_ATTR { return GetNumbers(tap + v * lanes); };
    const auto store = [&](auto all, size_t v) HWY_ATTR { PutNumbers(all, y + c + v * lanes); };
    for (; c + 4 * lanes <= row.channels; c += 4 * lanes) PoolVectors<4, F>(x + c, taps, divisor, load, store);
    for (; c + lanes <= row.channels; c += lanes) PoolVectors<1, F>(x + c, taps, divisor, load, store);
    const size_t rest = row.channels - c;
    if (rest > 0)
      PoolVectors<1, F>(
          x + c, taps, divisor, [&](const T* tap, size_t) HWY_ATTR { return GetNumbers(tap, rest); },
          [&](auto all, size_t) HWY_ATTR { PutNumbers(all, y + c, rest); });
  }
}

template <class F>
void Pool(const float* x, float* y, const PoolTaps& taps, const PoolRow& row, float divisor) {
  if (row.channels == 1 && row.y_step == 1 && row.pixels > 1) return PoolPixels<F>(x, y, taps, row, divisor);
  PoolChannels<F>(x, y, taps, row, divisor);
}

template <class F>
void PoolNarrow(const void* x, void* y, const PoolTaps& taps, const PoolRow& row, float divisor) {
  PoolChannels<F>(static_cast<const uint16_t*>(x), static_cast<uint16_t*>(y), taps, row, divisor);
}

template <class F>
HWY_INLINE float SumSideBySide(const float* x, const PoolTaps& taps) {
  const SumTag d;
  SixteenSums sums;
  for (size_t i = 0; i < taps.counts[0]; ++i, x += taps.steps[0]) {
    const float* row = x;
    for (size_t j = 0; j < taps.counts[1]; ++j, row += taps.steps[1])
      sums.ForEachVector(taps.counts[2],
                         [&](size_t k, size_t count) HWY_ATTR { return F::Term(hn::LoadN(d, row + k, count)); });
  }
  return sums.Total();
}

inline float AverageSideBySide(const float* x, const PoolTaps& taps) { return SumSideBySide<SumOfTaps>(x, taps); }
inline float MagnitudesSideBySide(const float* x, const PoolTaps& taps) {
  return SumSideBySide<MagnitudesOfTaps>(x, taps);
}
inline float SquaresSideBySide(const float* x, const PoolTaps& taps) { return SumSideBySide<NormOfTaps>(x, taps); }

inline float MaxSideBySide(const float* x, const PoolTaps& taps) {
  const hn::ScalableTag<float> d;
  const auto first = hn::Set(d, MaxOfTaps::kFirst);
  const size_t lanes = hn::Lanes(d);
  auto most = first;
  for (size_t i = 0; i < taps.counts[0]; ++i, x += taps.steps[0]) {
    const float* row = x;
    for (size_t j = 0; j < taps.counts[1]; ++j, row += taps.steps[1])
      for (size_t k = 0; k < taps.counts[2]; k += lanes)
        most = MaxOfTaps::Join(most, hn::LoadNOr(first, d, row + k, HWY_MIN(lanes, taps.counts[2] - k)));
  }
  HWY_ALIGN float all[hn::MaxLanes(d)];
  hn::Store(most, d, all);
  float result = all[0];
  for (size_t i = 1; i < lanes; ++i)
    if (result < all[i] || all[i] != all[i]) result = all[i];
  return result;
}

inline void MaxPlaces(const float* x, float* y, int64_t* places, const PoolTaps& taps, const PoolPlaces& row) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const size_t lanes = hn::Lanes(d);
  const auto steps = hn::Mul(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(row.x_step)));
  HWY_ALIGN int32_t found[hn::MaxLanes(d)];
  for (size_t i = 0; i < row.n; i += lanes, x += static_cast<ptrdiff_t>(lanes) * row.x_step) {
    const size_t n = HWY_MIN(lanes, row.n - i);
    auto most = hn::Set(d, MaxOfTaps::kFirst);
    auto at = hn::Set(di, -1);
    for (size_t a = 0; a < taps.counts[0]; ++a)
      for (size_t b = 0; b < taps.counts[1]; ++b)
        for (size_t c = 0; c < taps.counts[2]; ++c) {
          const ptrdiff_t k[3] = {static_cast<ptrdiff_t>(a), static_cast<ptrdiff_t>(b), static_cast<ptrdiff_t>(c)};
          const float* tap = x + k[0] * taps.steps[0] + k[1] * taps.steps[1] + k[2] * taps.steps[2];
          const auto place = k[0] * row.tap_steps[0] + k[1] * row.tap_steps[1] + k[2] * row.tap_steps[2];
          const auto v = row.x_step == 1 ? hn::LoadN(d, tap, n) : hn::GatherIndexN(d, tap, steps, n);
          const auto greater = hn::Or(hn::Lt(most, v), hn::AndNot(hn::IsNaN(most), hn::IsNaN(v)));
          const auto take = hn::Or(greater, hn::RebindMask(d, hn::Lt(at, hn::Zero(di))));
          most = hn::IfThenElse(take, v, most);
          at = hn::IfThenElse(hn::RebindMask(di, take), hn::Set(di, static_cast<int32_t>(place)), at);
        }
    hn::StoreN(most, d, y + i, n);
    hn::Store(at, di, found);
    for (size_t lane = 0; lane < n; ++lane)
      places[i + lane] =
          found[lane] < 0 ? -1 : row.first + static_cast<int64_t>(i + lane) * row.place_step + found[lane];
  }
}

inline constexpr PoolKernels kPool{.max = {Pool<MaxOfTaps>, MaxSideBySide, PoolNarrow<MaxOfTaps>},
                                   .average = {Pool<SumOfTaps>, AverageSideBySide, PoolNarrow<SumOfTaps>},
                                   .absolute = {Pool<MagnitudesOfTaps>, MagnitudesSideBySide},
                                   .norm = {Pool<NormOfTaps>, SquaresSideBySide},
                                   .max_places = MaxPlaces};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
