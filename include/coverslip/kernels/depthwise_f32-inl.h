// Code of the f32 kernel for convolutions in which every channel has a filter of its own, once per target.
#if defined(COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#undef COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#else
#define COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#endif

#include <limits>

#include "coverslip/kernels/depthwise_f32.hpp"
#include "coverslip/kernels/epilogue-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kDepthwiseRows = 5;

// A panel is one vector of channels. kRows rows share the loads of weights, kVectors panels those of pointers.
// kWhole: all vectors are; otherwise there is one, of `columns` channels.
template <size_t kRows, size_t kVectors, bool kWhole>
HWY_INLINE void DepthwiseTile(const IndirectF32& conv, size_t m, size_t n, size_t columns) {
  static_assert(kWhole || kVectors == 1);
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  constexpr size_t kLanes = hn::MaxLanes(d);
  const auto load = [&](const float* x) HWY_ATTR {
    if constexpr (kWhole)
      return hn::LoadU(d, x);
    else
      return hn::LoadN(d, x, columns);
  };
  V sum[kRows][kVectors];
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) {
    const V bias = conv.bias != nullptr ? hn::LoadU(d, conv.bias + n + v * kLanes) : hn::Zero(d);
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) sum[i][v] = bias;
  }
  if (conv.init != nullptr) {
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v)
        sum[i][v] = hn::Add(sum[i][v], load(conv.init[m + i] + conv.c_offset + n + v * kLanes));
  }
  const float* HWY_RESTRICT b = conv.b + n * conv.taps;
  const float* const* a = conv.a + m;
  const size_t panel = conv.taps * kLanes, offset = conv.a_offset + n;
  for (size_t t = 0; t < conv.taps; ++t, b += kLanes, a += conv.a_rows) {
    V weights[kVectors];
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) weights[v] = hn::LoadU(d, b + v * panel);
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i) {
      const float* x = a[i] + offset;
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) sum[i][v] = hn::MulAdd(load(x + v * kLanes), weights[v], sum[i][v]);
    }
  }
  // A switch for each vector would cost more than the vector.
  const Epilogue& epilogue = conv.epilogue;
  const bool clips = epilogue.activation == Activation::Relu || epilogue.activation == Activation::Clip;
  const bool clip = epilogue.activation == Activation::Clip;
  if (clips) {
    const V least = hn::Set(d, clip ? epilogue.alpha : 0.0f);
    const V most = hn::Set(d, clip ? epilogue.beta : std::numeric_limits<float>::infinity());
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; ++i)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) sum[i][v] = AtMost(most, AtLeast(least, sum[i][v]));
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kRows; ++i)
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) {
      float* c = conv.c[m + i] + conv.c_offset + n + v * kLanes;
      if constexpr (kWhole)
        hn::StoreU(sum[i][v], d, c);
      else
        hn::StoreN(sum[i][v], d, c, columns);
    }
  if (clips || epilogue.activation == Activation::None) return;
  ActivateRows(conv.c + m, kRows, conv.c_offset + n, kWhole ? kVectors * kLanes : columns, epilogue);
}

template <size_t kRows>
void DepthwiseRows(const IndirectF32& conv, size_t m) {
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  size_t n = 0;
  for (; n + 2 * kLanes <= conv.columns; n += 2 * kLanes) DepthwiseTile<kRows, 2, true>(conv, m, n, 0);
  if (n + kLanes <= conv.columns) {
    DepthwiseTile<kRows, 1, true>(conv, m, n, 0);
    n += kLanes;
  }
  if (n < conv.columns) DepthwiseTile<kRows, 1, false>(conv, m, n, conv.columns - n);
}

inline void DepthwiseF32(const IndirectF32& conv) {
  size_t m = 0;
  for (; m + kDepthwiseRows <= conv.rows; m += kDepthwiseRows) DepthwiseRows<kDepthwiseRows>(conv, m);
  for (; m < conv.rows; ++m) DepthwiseRows<1>(conv, m);
}

inline constexpr DepthwiseF32Kernels kDepthwiseF32{
    .rows = kDepthwiseRows, .columns = hn::MaxLanes(hn::ScalableTag<float>()), .run = DepthwiseF32};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
