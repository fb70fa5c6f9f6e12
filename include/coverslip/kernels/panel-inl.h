// Code that packs a matrix in panels, once per target.
#if defined(COVERSLIP_KERNELS_PANEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_PANEL_INL_H_
#undef COVERSLIP_KERNELS_PANEL_INL_H_
#else
#define COVERSLIP_KERNELS_PANEL_INL_H_
#endif

#include <algorithm>

#include "coverslip/kernels/gemm_f32.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
// Four numbers from each of the columns `first`, `first` + 4, ..., in one vector; those after `last` repeat it.
template <class D>
HWY_INLINE hn::Vec<D> FourOfEach(D d, const float* data, ptrdiff_t step, size_t first, size_t last) {
  if constexpr (hn::MaxLanes(d) == 4) {
    return hn::LoadU(d, data + static_cast<ptrdiff_t>(HWY_MIN(first, last)) * step);
  } else {
    const hn::Half<D> half;
    const auto lower = FourOfEach(half, data, step, first, last);
    return hn::Combine(d, FourOfEach(half, data, step, first + hn::MaxLanes(half), last), lower);
  }
}

// Whose columns lie side by side: four rows of a vector's columns at once, as blocks of 4 x 4.
template <class D>
HWY_INLINE void PackTransposed(D d, const PanelF32& p, size_t width) {
  const hn::Repartition<double, D> pairs;
  const auto factor = hn::Set(d, p.factor);
  const size_t lanes = hn::Lanes(d), whole = p.rows / 4 * 4;
  for (size_t n = 0; n < p.columns; n += lanes) {
    const size_t count = HWY_MIN(lanes, p.columns - n), last = p.columns - 1;
    float* to = p.panel + n;
    for (size_t k = 0; k < whole; k += 4, to += 4 * width) {
      const float* from = p.data + k;
      const auto a = FourOfEach(d, from, p.column_step, n, last), b = FourOfEach(d, from, p.column_step, n + 1, last);
      const auto c = FourOfEach(d, from, p.column_step, n + 2, last);
      const auto e = FourOfEach(d, from, p.column_step, n + 3, last);
      const auto ab = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
      const auto ce = hn::BitCast(pairs, hn::InterleaveLower(d, c, e));
      const auto ab_upper = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
      const auto ce_upper = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
      const auto store = [&](auto v, size_t row) HWY_ATTR {
        const auto scaled = hn::Mul(hn::BitCast(d, v), factor);
        hn::StoreU(count == lanes ? scaled : hn::IfThenElseZero(hn::FirstN(d, count), scaled), d, to + row * width);
      };
      store(hn::InterleaveLower(pairs, ab, ce), 0);
      store(hn::InterleaveUpper(pairs, ab, ce), 1);
      store(hn::InterleaveLower(pairs, ab_upper, ce_upper), 2);
      store(hn::InterleaveUpper(pairs, ab_upper, ce_upper), 3);
    }
    for (size_t k = whole; k < p.rows; ++k, to += width) {
      const float* from = p.data + static_cast<ptrdiff_t>(n) * p.column_step + k;
      for (size_t i = 0; i < lanes; ++i)
        to[i] = i < count ? from[static_cast<ptrdiff_t>(i) * p.column_step] * p.factor : 0.0f;
    }
  }
}

#endif

inline void PackStraight(const PanelF32& p, size_t width) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, p.factor);
  const size_t lanes = hn::Lanes(d);
  for (size_t k = 0; k < p.rows; ++k) {
    const float* from = p.data + static_cast<ptrdiff_t>(k) * p.row_step;
    float* to = p.panel + k * width;
    for (size_t n = 0; n < width; n += lanes) {
      const size_t count = n < p.columns ? HWY_MIN(lanes, p.columns - n) : 0;
      const auto v = count == lanes ? hn::LoadU(d, from + n) : hn::LoadN(d, from + n, count);
      hn::StoreU(hn::Mul(v, factor), d, to + n);
    }
  }
}

template <size_t kWidth>
void PackPanel(const PanelF32& p) {
  [[maybe_unused]] const hn::ScalableTag<float> d;
  if (p.column_step == 1) return PackStraight(p, kWidth);
  size_t done = 0;
#if HWY_TARGET != HWY_SCALAR
  if (p.row_step == 1) {
    PackTransposed(d, p, kWidth);
    done = (p.columns + hn::Lanes(d) - 1) / hn::Lanes(d) * hn::Lanes(d);
  }
#endif
  for (size_t k = 0; k < p.rows; ++k)
    for (size_t n = done; n < kWidth; ++n) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(k) * p.row_step + static_cast<ptrdiff_t>(n) * p.column_step;
      p.panel[k * kWidth + n] = n < p.columns ? p.factor * p.data[at] : 0.0f;
    }
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
