// Code of the kernel that mixes numbers from anywhere, once per target.
#if defined(COVERSLIP_KERNELS_GATHER_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_GATHER_SUM_INL_H_
#undef COVERSLIP_KERNELS_GATHER_SUM_INL_H_
#else
#define COVERSLIP_KERNELS_GATHER_SUM_INL_H_
#endif

#include "coverslip/kernels/gather_sum.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline void GatherSum(const float* x, const int32_t* places, const float* weights, size_t terms, size_t step, float* y,
                      size_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto sum = hn::Zero(d);
    for (size_t k = 0; k < terms; ++k) {
      const auto w = hn::LoadU(d, weights + k * step + i);
      const auto term = hn::Mul(w, hn::GatherIndex(d, x, hn::LoadU(di, places + k * step + i)));
      sum = hn::Add(sum, hn::IfThenZeroElse(hn::Eq(w, hn::Zero(d)), term));  // Ne of NaN depends on the target
    }
    hn::StoreU(sum, d, y + i);
  }
  for (; i < n; ++i) {
    float sum = 0;
    for (size_t k = 0; k < terms; ++k)
      if (weights[k * step + i] != 0) sum += weights[k * step + i] * x[places[k * step + i]];
    y[i] = sum;
  }
}

inline constexpr GatherSumKernels kGatherSum{.run = GatherSum};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
