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

// Sixteen sums, the i-th of elements i, i + 16, ... of each row, whatever the lanes; Total adds them as a tree.
class SixteenSums {
 public:
  // Adds f(i, count), a vector of the elements i to i + count of a row of n, zero beyond them.
  template <class F>
  HWY_INLINE void ForEachVector(size_t n, const F& f) {
    const size_t lanes = hn::Lanes(SumTag());
    for (size_t i = 0; i < n; i += kSums)
      for (size_t v = 0; v < kVectors && i + v * lanes < n; ++v)
        sums_[v] = hn::Add(sums_[v], f(i + v * lanes, HWY_MIN(lanes, n - i - v * lanes)));
  }

  HWY_INLINE float Total() const {
    float all[kSums];
    for (size_t v = 0; v < kVectors; ++v) hn::StoreU(sums_[v], SumTag(), all + v * hn::Lanes(SumTag()));
    for (size_t half = kSums / 2; half > 0; half /= 2)
      for (size_t i = 0; i < half; ++i) all[i] += all[i + half];
    return all[0];
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
