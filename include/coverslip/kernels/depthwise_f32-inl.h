// Code of the f32 kernel for convolutions in which every channel has a filter of its own, once per target.
#if defined(COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#undef COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#else
#define COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#endif

#include <array>
#include <limits>
#include <utility>

#include "coverslip/kernels/depthwise_f32.hpp"
#include "coverslip/kernels/epilogue-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DepthwiseTag = hn::ScalableTag<float>;
inline constexpr size_t kDepthwiseLanes = hn::MaxLanes(DepthwiseTag());
inline constexpr size_t kDepthwiseOutputs = 8;  // of a line in registers
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_ARCH_ARM_A64
inline constexpr size_t kDepthwiseVectors = 2;  // of channels in registers
#else
inline constexpr size_t kDepthwiseVectors = 1;
#endif

struct DepthwiseEnd {
  bool bounded = false;
  float least = 0, most = std::numeric_limits<float>::infinity();
};

// Sums of outputs side by side and of vectors of channels, which begin at channel n of a line; `channels` of them are
// there, whole vectors where kWhole.
template <size_t kOutputs, size_t kVectors, bool kWhole>
class DepthwiseSums {
 public:
  using V = hn::Vec<DepthwiseTag>;

  HWY_INLINE DepthwiseSums(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n)
      : conv_(conv), line_(line), j_(j), n_(n), channels_(HWY_MIN(conv.channels - n, kVectors * kDepthwiseLanes)) {
    const DepthwiseTag d;
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) {
      const V bias = conv.bias != nullptr ? hn::LoadU(d, conv.bias + n + v * kDepthwiseLanes) : hn::Zero(d);
#pragma GCC unroll 16
      for (size_t i = 0; i < kOutputs; ++i) sum[i][v] = bias;
    }
    if (conv.init == nullptr) return;
    const float* init = conv.init + (line.init + j * conv.init_step) + n;
#pragma GCC unroll 16
    for (size_t i = 0; i < kOutputs; ++i, init += conv.init_step)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) sum[i][v] = hn::Add(sum[i][v], Load(init + v * kDepthwiseLanes));
  }

  HWY_INLINE V Load(const float* from) const {
    if constexpr (kWhole)
      return hn::LoadU(DepthwiseTag(), from);
    else
      return hn::LoadN(DepthwiseTag(), from, channels_);
  }

  HWY_INLINE void Finish(const DepthwiseEnd& end) {
    const DepthwiseTag d;
    if (end.bounded) {
      const V least = hn::Set(d, end.least), most = hn::Set(d, end.most);
#pragma GCC unroll 16
      for (size_t i = 0; i < kOutputs; ++i)
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; ++v) sum[i][v] = AtMost(most, AtLeast(least, sum[i][v]));
    }
    float* y = conv_.y + (line_.y + j_ * conv_.y_step) + n_;
#pragma GCC unroll 16
    for (size_t i = 0; i < kOutputs; ++i, y += conv_.y_step)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v)
        if constexpr (kWhole)
          hn::StoreU(sum[i][v], d, y + v * kDepthwiseLanes);
        else
          hn::StoreN(sum[i][v], d, y + v * kDepthwiseLanes, channels_);
  }

  V sum[kOutputs][kVectors];

 private:
  const DepthwiseF32& conv_;
  const DepthwiseLine& line_;
  ptrdiff_t j_;
  size_t n_, channels_;
};

// Each column of the input is loaded once, and used for all taps that read it. kInside: no column is padding.
template <size_t kOutputs, size_t kVectors, size_t kTaps, size_t kStride, bool kInside>
HWY_INLINE void SlideTile(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n,
                          const DepthwiseEnd& end) {
  const DepthwiseTag d;
  using V = hn::Vec<DepthwiseTag>;
  constexpr size_t kColumns = (kOutputs - 1) * kStride + kTaps;
  const ptrdiff_t first = j * static_cast<ptrdiff_t>(kStride) - conv.before, step = conv.x_step;
  const float* HWY_RESTRICT filter = conv.weights + n * conv.taps;
  DepthwiseSums<kOutputs, kVectors, true> sums(conv, line, j, n);
  for (size_t r = line.begin; r < line.end; ++r) {
    const DepthwiseRow row = conv.rows[r];
    V weights[kTaps][kVectors];
#pragma GCC unroll 16
    for (size_t t = 0; t < kTaps; ++t)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v)
        weights[t][v] = hn::LoadU(d, filter + (v * conv.taps + row.tap + t) * kDepthwiseLanes);
    const float* HWY_RESTRICT from = conv.x;
    ptrdiff_t at = row.x + first * step + static_cast<ptrdiff_t>(n);
    if constexpr (kInside) from += at, at = 0;
#pragma GCC unroll 32
    for (size_t c = 0; c < kColumns; ++c) {
      if (kInside || (first + static_cast<ptrdiff_t>(c) >= 0 && first + static_cast<ptrdiff_t>(c) < conv.columns)) {
        V x[kVectors];
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; ++v) x[v] = hn::LoadU(d, from + at + v * kDepthwiseLanes);
#pragma GCC unroll 16
        for (size_t t = 0; t < kTaps; ++t)
          if (c >= t && (c - t) % kStride == 0 && (c - t) / kStride < kOutputs)
#pragma GCC unroll 16
            for (size_t v = 0; v < kVectors; ++v) {
              V& sum = sums.sum[(c - t) / kStride][v];
              sum = hn::MulAdd(x[v], weights[t][v], sum);
            }
      }
      if constexpr (kInside)
        from += step;
      else
        at += step;
    }
  }
  sums.Finish(end);
}

// Any window.
template <size_t kOutputs, bool kWhole>
HWY_NOINLINE void AnyTile(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n,
                          const DepthwiseEnd& end) {
  const DepthwiseTag d;
  using V = hn::Vec<DepthwiseTag>;
  const float* filter = conv.weights + n * conv.taps;
  DepthwiseSums<kOutputs, 1, kWhole> sums(conv, line, j, n);
  for (size_t r = line.begin; r < line.end; ++r) {
    const DepthwiseRow row = conv.rows[r];
    const float* weights = filter + row.tap * kDepthwiseLanes;
    ptrdiff_t column = j * conv.stride - conv.before;
    for (size_t t = 0; t < conv.row_taps; ++t, column += conv.dilation, weights += kDepthwiseLanes) {
      const V weight = hn::LoadU(d, weights);
#pragma GCC unroll 16
      for (size_t i = 0; i < kOutputs; ++i) {
        const ptrdiff_t at = column + static_cast<ptrdiff_t>(i) * conv.stride;
        if (at < 0 || at >= conv.columns) continue;
        const V x = sums.Load(conv.x + (row.x + at * conv.x_step + static_cast<ptrdiff_t>(n)));
        sums.sum[i][0] = hn::MulAdd(x, weight, sums.sum[i][0]);
      }
    }
  }
  sums.Finish(end);
}

// The channels from n on, for kOutputs outputs from j on.
template <size_t kOutputs>
void AnyOutputs(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n, const DepthwiseEnd& end) {
  for (; n + kDepthwiseLanes <= conv.channels; n += kDepthwiseLanes) AnyTile<kOutputs, true>(conv, line, j, n, end);
  if (n < conv.channels) AnyTile<kOutputs, false>(conv, line, j, n, end);
}

template <size_t kOutputs, size_t kTaps, size_t kStride>
void SlideOutputs(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n, const DepthwiseEnd& end) {
  constexpr size_t kEach = kDepthwiseVectors * kDepthwiseLanes;
  const ptrdiff_t first = j * static_cast<ptrdiff_t>(kStride) - conv.before;
  const bool inside = first >= 0 && first + static_cast<ptrdiff_t>((kOutputs - 1) * kStride + kTaps) <= conv.columns;
  if (inside)
    for (; n + kEach <= conv.channels; n += kEach)
      SlideTile<kOutputs, kDepthwiseVectors, kTaps, kStride, true>(conv, line, j, n, end);
  else
    for (; n + kEach <= conv.channels; n += kEach)
      SlideTile<kOutputs, kDepthwiseVectors, kTaps, kStride, false>(conv, line, j, n, end);
  if constexpr (kDepthwiseVectors > 1)
    for (; n + kDepthwiseLanes <= conv.channels; n += kDepthwiseLanes)
      SlideTile<kOutputs, 1, kTaps, kStride, false>(conv, line, j, n, end);
  if (n < conv.channels) AnyTile<kOutputs, false>(conv, line, j, n, end);
}

using OutputsFunction = void (*)(const DepthwiseF32&, const DepthwiseLine&, ptrdiff_t j, size_t n, const DepthwiseEnd&);
using OutputsFunctions = std::array<OutputsFunction, kDepthwiseOutputs>;  // [outputs - 1]

template <size_t kOutputs, size_t kTaps, size_t kStride>
constexpr OutputsFunction OutputsFunctionOf() {
  if constexpr (kTaps == 0 || 2 * kOutputs < kDepthwiseOutputs)  // few outputs are hardly ever left
    return AnyOutputs<kOutputs>;
  else
    return SlideOutputs<kOutputs, kTaps, kStride>;
}
template <size_t kTaps, size_t kStride, size_t... kOutputs>
constexpr OutputsFunctions AllOutputsFunctions(std::index_sequence<kOutputs...>) {
  return {OutputsFunctionOf<kOutputs + 1, kTaps, kStride>()...};
}

inline const OutputsFunctions& OutputsFunctionsOf(const DepthwiseF32& conv) {
  constexpr std::make_index_sequence<kDepthwiseOutputs> kAll;
  static constexpr OutputsFunctions kFunctions[] = {AllOutputsFunctions<0, 1>(kAll), AllOutputsFunctions<3, 1>(kAll),
                                                    AllOutputsFunctions<3, 2>(kAll), AllOutputsFunctions<5, 1>(kAll),
                                                    AllOutputsFunctions<5, 2>(kAll)};
  const bool slides = (conv.row_taps == 3 || conv.row_taps == 5) && conv.dilation == 1 && conv.stride <= 2;
  return kFunctions[slides ? static_cast<ptrdiff_t>(conv.row_taps) - 3 + conv.stride : 0];
}

// The outputs of a line are shared evenly among as few calls as possible.
inline void RunLine(const DepthwiseF32& conv, const DepthwiseLine& line, const OutputsFunctions& functions,
                    const DepthwiseEnd& end) {
  const auto outputs = static_cast<size_t>(conv.end - conv.begin);
  const size_t calls = (outputs + kDepthwiseOutputs - 1) / kDepthwiseOutputs;
  ptrdiff_t j = conv.begin;
  for (size_t i = 0; i < calls; ++i) {
    const size_t each = (outputs + i) / calls;
    functions[each - 1](conv, line, j, 0, end);
    j += static_cast<ptrdiff_t>(each);
  }
}

inline void RunDepthwiseF32(const DepthwiseF32& conv) {
  if (conv.end <= conv.begin) return;
  const OutputsFunctions& functions = OutputsFunctionsOf(conv);
  const Activation activation = conv.epilogue.activation;
  DepthwiseEnd end{.bounded = activation == Activation::Relu || activation == Activation::Clip};
  if (activation == Activation::Clip) end.least = conv.epilogue.alpha, end.most = conv.epilogue.beta;
  for (size_t l = 0; l < conv.line_count; ++l) {
    const DepthwiseLine& line = conv.lines[l];
    RunLine(conv, line, functions, end);
    if (end.bounded || activation == Activation::None) continue;
    ActivateRows(conv.y + (line.y + conv.begin * conv.y_step), static_cast<size_t>(conv.end - conv.begin), conv.y_step,
                 conv.channels, conv.epilogue);
  }
}

inline constexpr DepthwiseF32Kernels kDepthwiseF32{.lanes = kDepthwiseLanes, .run = RunDepthwiseF32};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
