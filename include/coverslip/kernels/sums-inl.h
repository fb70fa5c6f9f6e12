// Long sums in an order that depends on neither target nor alignment, once per target.
#if defined(COVERSLIP_KERNELS_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_SUMS_INL_H_
#undef COVERSLIP_KERNELS_SUMS_INL_H_
#else
#define COVERSLIP_KERNELS_SUMS_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kSums = 16;
using SumTag = hn::CappedTag<float, kSums>;

// The sum of all lanes as a tree: lane i with the one half a vector further on, and so on.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::TFromD<D> TreeOfLanes([[maybe_unused]] D d, V v) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (hn::MaxLanes(d) > 1) {
    const hn::Half<D> half;
    return TreeOfLanes(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
#endif
  return hn::GetLane(v);
}

// Sixteen sums, the i-th of elements i, i + 16, ... of each row, whatever the lanes; Total adds them as a tree.
class SixteenSums {
 public:
  // Adds f(i, count), a vector of the elements i to i + count of a row of n, zero beyond them.
  template <class F>
  HWY_INLINE void ForEachVector(size_t n, const F& f) {
    const size_t lanes = hn::Lanes(SumTag());
    size_t i = 0;
    for (; i + kSums <= n; i += kSums)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) sums_[v] = hn::Add(sums_[v], f(i + v * lanes, lanes));
    for (size_t v = 0; i < n; ++v, i += lanes) sums_[v] = hn::Add(sums_[v], f(i, HWY_MIN(lanes, n - i)));
  }

  HWY_INLINE float Total() const {
    hn::Vec<SumTag> all[kVectors];
    for (size_t v = 0; v < kVectors; ++v) all[v] = sums_[v];
    for (size_t half = kVectors / 2; half > 0; half /= 2)
      for (size_t v = 0; v < half; ++v) all[v] = hn::Add(all[v], all[v + half]);
    return TreeOfLanes(SumTag(), all[0]);
  }

  HWY_INLINE SixteenSums() {
    for (auto& sum : sums_) sum = hn::Zero(SumTag());
  }

 private:
  static constexpr size_t kVectors = kSums / hn::MaxLanes(SumTag());
  hn::Vec<SumTag> sums_[kVectors];
};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
