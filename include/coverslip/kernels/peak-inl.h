// Code of the peak loop, once per target.
#if defined(COVERSLIP_KERNELS_PEAK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_PEAK_INL_H_
#undef COVERSLIP_KERNELS_PEAK_INL_H_
#else
#define COVERSLIP_KERNELS_PEAK_INL_H_
#endif

#include "coverslip/kernels/peak.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Independent sums: more than latency times throughput of any CPU so far, and with two operands they fill 14 registers.
inline constexpr size_t kPeakSums = 12;

inline float PeakMultiplyAdds(size_t rounds) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const V factor = hn::Set(d, 0.5f);
  const V term = hn::Set(d, 1.0f + static_cast<float>(rounds & 1));  // not known when compiling
  V sums[kPeakSums];
#pragma GCC unroll 12
  for (size_t i = 0; i < kPeakSums; ++i) sums[i] = hn::Set(d, static_cast<float>(i));
  for (size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (size_t i = 0; i < kPeakSums; ++i) sums[i] = hn::MulAdd(sums[i], factor, term);
  }
  V all = sums[0];
#pragma GCC unroll 12
  for (size_t i = 1; i < kPeakSums; ++i) all = hn::Add(all, sums[i]);
  return hn::ReduceSum(d, all);
}

inline constexpr PeakKernels kPeak{.multiply_adds = PeakMultiplyAdds,
                                   .multiply_adds_per_round = kPeakSums * hn::MaxLanes(hn::ScalableTag<float>())};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
