// Code of the f32 kernel for convolutions in which every channel has a filter of its own, once per target.
#if defined(COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#undef COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#else
#define COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#endif

#include <algorithm>

#include "coverslip/kernels/depthwise_f32.hpp"
#include "coverslip/kernels/epilogue-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A panel is one vector of channels; kRows rows share the loads of its weights. `columns`: at most a vector, at least
// one.
template <size_t kRows>
HWY_INLINE void DepthwiseRows(const IndirectF32& conv, size_t m, size_t n, size_t columns) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const bool whole = columns >= hn::Lanes(d);
  const auto load = [&](const float* x) HWY_ATTR { return whole ? hn::LoadU(d, x) : hn::LoadN(d, x, columns); };
  V sum[kRows];
  const V bias = conv.bias != nullptr ? hn::LoadU(d, conv.bias + n) : hn::Zero(d);
#pragma GCC unroll 16
  for (size_t i = 0; i < kRows; ++i)
    sum[i] = conv.init == nullptr ? bias : hn::Add(bias, load(conv.init[m + i] + conv.c_offset + n));
  const float* HWY_RESTRICT b = conv.b + n * conv.taps;
  for (size_t t = 0; t < conv.taps; ++t, b += hn::Lanes(d)) {
    const float* const* a = conv.a + t * conv.a_rows + m;
    const V weights = hn::LoadU(d, b);
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) sum[i] = hn::MulAdd(load(a[i] + conv.a_offset + n), weights, sum[i]);
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kRows; ++i) {
    const V y = Activate(d, sum[i], conv.epilogue);
    float* c = conv.c[m + i] + conv.c_offset + n;
    whole ? hn::StoreU(y, d, c) : hn::StoreN(y, d, c, columns);
  }
}

inline void DepthwiseF32(const IndirectF32& conv) {
  constexpr size_t kRows = 4, kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  size_t m = 0;
  for (; m + kRows <= conv.rows; m += kRows)
    for (size_t n = 0; n < conv.columns; n += kLanes) DepthwiseRows<kRows>(conv, m, n, conv.columns - n);
  for (; m < conv.rows; ++m)
    for (size_t n = 0; n < conv.columns; n += kLanes) DepthwiseRows<1>(conv, m, n, conv.columns - n);
}

inline constexpr DepthwiseF32Kernels kDepthwiseF32{.columns = hn::MaxLanes(hn::ScalableTag<float>()),
                                                   .run = DepthwiseF32};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
