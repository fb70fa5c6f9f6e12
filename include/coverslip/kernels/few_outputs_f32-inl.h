// Code of the f32 kernel for products with few columns, whose result is planar, once per target.
#if defined(COVERSLIP_KERNELS_FEW_OUTPUTS_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_FEW_OUTPUTS_F32_INL_H_
#undef COVERSLIP_KERNELS_FEW_OUTPUTS_F32_INL_H_
#else
#define COVERSLIP_KERNELS_FEW_OUTPUTS_F32_INL_H_
#endif

#include "coverslip/kernels/few_outputs_f32.hpp"
#include "coverslip/kernels/gemm_f32-inl.h"
#include "coverslip/kernels/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Lane i of the result is the sum of the lanes of v[i], in a tree.
template <class D, size_t kVectors, class V = hn::Vec<D>>
HWY_INLINE V SumsOfEach(D d, V (&v)[kVectors]) {
#if HWY_TARGET != HWY_SCALAR
#pragma GCC unroll 8
  for (size_t n = kVectors / 2; n > 0; n /= 2)
#pragma GCC unroll 8
    for (size_t i = 0; i < n; ++i)
      v[i] = hn::Add(hn::ConcatEven(d, v[2 * i + 1], v[2 * i]), hn::ConcatOdd(d, v[2 * i + 1], v[2 * i]));
#else
  static_cast<void>(d);
#endif
  return v[0];
}

// One vector of elements of one output; `count` of them are there. T: as x is held.
template <bool kWhole, class T>
HWY_INLINE void FewOutputsTile(const FewOutputsF32& work, const TileEnd& end, size_t i, size_t k, size_t count) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  constexpr size_t kLanes = hn::MaxLanes(d);
  const float* HWY_RESTRICT weights = work.weights + k * work.channels;
  const T* x[kLanes];
  V sum[kLanes];
#pragma GCC unroll 16
  for (size_t m = 0; m < kLanes; ++m) {
    x[m] = static_cast<const T*>(work.x) + (i + (kWhole ? m : std::min(m, count - 1))) * work.x_stride;
    sum[m] = hn::Zero(d);
  }
  size_t c = 0;
  for (; c + kLanes <= work.channels; c += kLanes) {
    const V weight = hn::LoadU(d, weights + c);
#pragma GCC unroll 16
    for (size_t m = 0; m < kLanes; ++m) sum[m] = hn::MulAdd(GetNumbers(x[m] + c), weight, sum[m]);
  }
  if (c < work.channels) {
    const size_t rest = work.channels - c;
    const V weight = hn::LoadN(d, weights + c, rest);
#pragma GCC unroll 16
    for (size_t m = 0; m < kLanes; ++m) sum[m] = hn::MulAdd(GetNumbers(x[m] + c, rest), weight, sum[m]);
  }
  V y = hn::Add(SumsOfEach(d, sum), hn::Set(d, work.bias != nullptr ? work.bias[k] : 0.0f));
  y = AtMost(hn::Set(d, end.most), AtLeast(hn::Set(d, end.least), y));
  float* to = work.y + k * work.y_stride + i;
  kWhole ? hn::StoreU(y, d, to) : hn::StoreN(y, d, to, count);
}

template <class T>
void FewOutputsOf(const FewOutputsF32& work) {
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  const TileEnd end = TileEndOf(work.epilogue);
  size_t i = 0;
  for (; i + kLanes <= work.elements; i += kLanes)
    for (size_t k = 0; k < work.outputs; ++k) FewOutputsTile<true, T>(work, end, i, k, kLanes);
  if (i < work.elements)
    for (size_t k = 0; k < work.outputs; ++k) FewOutputsTile<false, T>(work, end, i, k, work.elements - i);
  if (end.after.activation == Activation::None) return;
  ActivateSums(work.y, work.outputs, static_cast<ptrdiff_t>(work.y_stride), work.elements, end.after);
}

inline void FewOutputs(const FewOutputsF32& work) {
  work.x_bf16 ? FewOutputsOf<uint16_t>(work) : FewOutputsOf<float>(work);
}

inline constexpr FewOutputsF32Kernels kFewOutputsF32{.run = FewOutputs};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
