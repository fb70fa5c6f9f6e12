// Code of the f32 kernel for convolutions in which every channel has a filter of its own, once per target.
#if defined(COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#undef COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#else
#define COVERSLIP_KERNELS_DEPTHWISE_F32_INL_H_
#endif

#include <array>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "coverslip/kernels/depthwise_f32.hpp"
#include "coverslip/kernels/dot_bf16-inl.h"
#include "coverslip/kernels/epilogue_bf16-inl.h"

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

using DepthwiseV = hn::Vec<DepthwiseTag>;
using DepthwiseHalf = hwy::bfloat16_t;

// Vectors of channels as they lie in memory; where not whole, n channels alone.
template <size_t kVectors, bool kWhole>
struct DepthwiseInOrder {
  static_assert(kWhole || kVectors == 1);
  size_t n;

  template <class T>
  HWY_INLINE void Load(const T* from, DepthwiseV (&to)[kVectors]) const {
    const hn::Rebind<T, DepthwiseTag> d;
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      const auto part = kWhole ? hn::LoadU(d, from + v * kDepthwiseLanes) : hn::LoadN(d, from, n);
      if constexpr (sizeof(T) == sizeof(float))
        to[v] = part;
      else
        to[v] = hn::PromoteTo(DepthwiseTag(), part);
    }
  }

  template <class T>
  HWY_INLINE void Store(const DepthwiseV (&from)[kVectors], T* to) const {
    const hn::Rebind<T, DepthwiseTag> d;
    const auto store = [&](auto part, size_t v) HWY_ATTR {
      kWhole ? hn::StoreU(part, d, to + v * kDepthwiseLanes) : hn::StoreN(part, d, to, n);
    };
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v)
      if constexpr (sizeof(T) == sizeof(float))
        store(from[v], v);
      else
        store(hn::DemoteTo(d, from[v]), v);
  }
};

#if COVERSLIP_DOT_BF16
// Two vectors, the even channels and the odd ones: from bf16 that takes a shift and a mask.
struct DepthwiseByPairs {
  using Halves = hn::Repartition<DepthwiseHalf, DepthwiseTag>;
  using Bits = hn::RebindToUnsigned<DepthwiseTag>;
  using Bits16 = hn::RebindToUnsigned<Halves>;
  size_t n;

  HWY_INLINE void Load(const DepthwiseHalf* from, DepthwiseV (&to)[2]) const {
    const auto both = hn::BitCast(Bits(), hn::LoadU(Halves(), from));
    to[0] = hn::BitCast(DepthwiseTag(), hn::ShiftLeft<16>(both));
    to[1] = hn::BitCast(DepthwiseTag(), hn::And(both, hn::Set(Bits(), 0xFFFF0000u)));
  }
  HWY_INLINE void Load(const float* from, DepthwiseV (&to)[2]) const {
    const DepthwiseTag d;
    const auto lower = hn::LoadU(d, from), upper = hn::LoadU(d, from + kDepthwiseLanes);
    to[0] = hn::ConcatEven(d, upper, lower);
    to[1] = hn::ConcatOdd(d, upper, lower);
  }

  HWY_INLINE void Store(const DepthwiseV (&from)[2], DepthwiseHalf* to) const {
    static constexpr auto kTurns = [] {
      std::array<uint16_t, 2 * kDepthwiseLanes> turns{};
      for (size_t i = 0; i < turns.size(); ++i) turns[i] = static_cast<uint16_t>(i / 2 + i % 2 * kDepthwiseLanes);
      return turns;
    }();
    const auto halves = hn::BitCast(Bits16(), hn::OrderedDemote2To(Halves(), from[0], from[1]));
    const auto both = hn::TableLookupLanes(halves, hn::SetTableIndices(Bits16(), kTurns.data()));
    hn::StoreU(hn::BitCast(Halves(), both), Halves(), to);
  }
  HWY_INLINE void Store(const DepthwiseV (&from)[2], float* to) const {
    const DepthwiseTag d;
    hn::StoreU(hn::InterleaveWholeLower(d, from[0], from[1]), d, to);
    hn::StoreU(hn::InterleaveWholeUpper(d, from[0], from[1]), d, to + kDepthwiseLanes);
  }
};
#else
using DepthwiseByPairs = DepthwiseInOrder<2, true>;
#endif

template <class X, size_t kVectors, bool kWhole>
using DepthwiseChannels = std::conditional_t<std::is_same_v<X, DepthwiseHalf> && kVectors == 2, DepthwiseByPairs,
                                             DepthwiseInOrder<kVectors, kWhole>>;

// Bounds, or another activation of rows.
struct DepthwiseEnd {
  bool bounded = false;
  float least = 0, most = std::numeric_limits<float>::infinity();
  RowsFunction activate = nullptr;
  Epilogue epilogue{};
};

inline DepthwiseEnd DepthwiseEndOf(const DepthwiseF32& conv) {
  const Activation activation = conv.epilogue.activation;
  DepthwiseEnd end{.bounded = activation == Activation::Relu || activation == Activation::Clip,
                   .epilogue = conv.epilogue};
  if (activation == Activation::Clip) end.least = conv.epilogue.alpha, end.most = conv.epilogue.beta;
  if (end.bounded || activation == Activation::None) return end;
  end.activate =
      conv.x_bf16 || conv.y_bf16 ? RoughRowsFunctionOf(activation) : RowsFunctionOf<RoundedAtBest>(activation);
  return end;
}

// Sums of outputs side by side and of vectors of channels, which begin at channel n of a line.
template <class X, size_t kOutputs, size_t kVectors, bool kWhole>
class DepthwiseSums {
 public:
  using V = DepthwiseV;
  using Channels = DepthwiseChannels<X, kVectors, kWhole>;

  HWY_INLINE DepthwiseSums(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n)
      : channels{HWY_MIN(conv.channels - n, kVectors * kDepthwiseLanes)}, conv_(conv), line_(line), j_(j), n_(n) {
    V bias[kVectors];
    if (conv.bias != nullptr)
      DepthwiseChannels<X, kVectors, true>{0}.Load(conv.bias + n, bias);
    else
      for (V& each : bias) each = hn::Zero(DepthwiseTag());
#pragma GCC unroll 16
    for (size_t i = 0; i < kOutputs; ++i)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) sum[i][v] = bias[v];
    if (conv.init == nullptr) return;
    if (conv.y_bf16)
      AddInit(static_cast<const DepthwiseHalf*>(conv.init));
    else
      AddInit(static_cast<const float*>(conv.init));
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
    if (end.activate != nullptr) Activate(end);
    if (conv_.y_bf16)
      Store(static_cast<DepthwiseHalf*>(conv_.y));
    else
      Store(static_cast<float*>(conv_.y));
  }

  V sum[kOutputs][kVectors];
  Channels channels;

 private:
  template <class T>
  HWY_INLINE void AddInit(const T* init) {
    init += (line_.init + j_ * conv_.init_step) + static_cast<ptrdiff_t>(n_);
#pragma GCC unroll 16
    for (size_t i = 0; i < kOutputs; ++i, init += conv_.init_step) {
      V more[kVectors];
      channels.Load(init, more);
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) sum[i][v] = hn::Add(sum[i][v], more[v]);
    }
  }
  HWY_INLINE void Activate(const DepthwiseEnd& end) {
    const DepthwiseTag d;
    constexpr size_t kNumbers = kOutputs * kVectors * kDepthwiseLanes;
    HWY_ALIGN float numbers[kNumbers];
#pragma GCC unroll 16
    for (size_t i = 0; i < kOutputs; ++i)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) hn::Store(sum[i][v], d, numbers + (i * kVectors + v) * kDepthwiseLanes);
    end.activate(numbers, numbers, {.count = 1, .n = kNumbers}, end.epilogue);
#pragma GCC unroll 16
    for (size_t i = 0; i < kOutputs; ++i)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) sum[i][v] = hn::Load(d, numbers + (i * kVectors + v) * kDepthwiseLanes);
  }
  template <class T>
  HWY_INLINE void Store(T* y) const {
    y += (line_.y + j_ * conv_.y_step) + static_cast<ptrdiff_t>(n_);
#pragma GCC unroll 16
    for (size_t i = 0; i < kOutputs; ++i, y += conv_.y_step) channels.Store(sum[i], y);
  }

  const DepthwiseF32& conv_;
  const DepthwiseLine& line_;
  ptrdiff_t j_;
  size_t n_;
};

// Each column of the input is loaded once, and used for all taps that read it. kInside: no column is padding.
template <class X, size_t kOutputs, size_t kVectors, size_t kTaps, size_t kStride, bool kInside>
HWY_INLINE void SlideTile(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n,
                          const DepthwiseEnd& end) {
  const DepthwiseTag d;
  using V = hn::Vec<DepthwiseTag>;
  constexpr size_t kColumns = (kOutputs - 1) * kStride + kTaps;
  const ptrdiff_t first = j * static_cast<ptrdiff_t>(kStride) - conv.before, step = conv.x_step;
  const float* HWY_RESTRICT filter = conv.weights + n * conv.taps;
  DepthwiseSums<X, kOutputs, kVectors, true> sums(conv, line, j, n);
  for (size_t r = line.begin; r < line.end; ++r) {
    const DepthwiseRow row = conv.rows[r];
    V weights[kTaps][kVectors];
#pragma GCC unroll 16
    for (size_t t = 0; t < kTaps; ++t)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v)
        weights[t][v] = hn::LoadU(d, filter + (v * conv.taps + row.tap + t) * kDepthwiseLanes);
    const X* HWY_RESTRICT from = static_cast<const X*>(conv.x);
    ptrdiff_t at = row.x + first * step + static_cast<ptrdiff_t>(n);
    if constexpr (kInside) from += at, at = 0;
#pragma GCC unroll 32
    for (size_t c = 0; c < kColumns; ++c) {
      if (kInside || (first + static_cast<ptrdiff_t>(c) >= 0 && first + static_cast<ptrdiff_t>(c) < conv.columns)) {
        V x[kVectors];
        sums.channels.Load(from + at, x);
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
template <class X, size_t kOutputs, size_t kVectors, bool kWhole>
HWY_NOINLINE void AnyTile(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n,
                          const DepthwiseEnd& end) {
  const DepthwiseTag d;
  using V = hn::Vec<DepthwiseTag>;
  const float* filter = conv.weights + n * conv.taps;
  DepthwiseSums<X, kOutputs, kVectors, kWhole> sums(conv, line, j, n);
  for (size_t r = line.begin; r < line.end; ++r) {
    const DepthwiseRow row = conv.rows[r];
    const float* weights = filter + row.tap * kDepthwiseLanes;
    ptrdiff_t column = j * conv.stride - conv.before;
    for (size_t t = 0; t < conv.row_taps; ++t, column += conv.dilation, weights += kDepthwiseLanes) {
      V weight[kVectors], x[kVectors];
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) weight[v] = hn::LoadU(d, weights + v * conv.taps * kDepthwiseLanes);
#pragma GCC unroll 16
      for (size_t i = 0; i < kOutputs; ++i) {
        const ptrdiff_t at = column + static_cast<ptrdiff_t>(i) * conv.stride;
        if (at < 0 || at >= conv.columns) continue;
        sums.channels.Load(static_cast<const X*>(conv.x) + (row.x + at * conv.x_step + static_cast<ptrdiff_t>(n)), x);
#pragma GCC unroll 4
        for (size_t v = 0; v < kVectors; ++v) sums.sum[i][v] = hn::MulAdd(x[v], weight[v], sums.sum[i][v]);
      }
    }
  }
  sums.Finish(end);
}

// The channels from n on, for kOutputs outputs from j on.
template <class X, size_t kOutputs>
void AnyOutputs(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n, const DepthwiseEnd& end) {
  constexpr size_t kLanes = kDepthwiseLanes;
  if constexpr (std::is_same_v<X, DepthwiseHalf>)
    for (; n + 2 * kLanes <= conv.channels; n += 2 * kLanes) AnyTile<X, kOutputs, 2, true>(conv, line, j, n, end);
  for (; n + kLanes <= conv.channels; n += kLanes) AnyTile<X, kOutputs, 1, true>(conv, line, j, n, end);
  if (n < conv.channels) AnyTile<X, kOutputs, 1, false>(conv, line, j, n, end);
}

template <class X, size_t kOutputs, size_t kTaps, size_t kStride>
void SlideOutputs(const DepthwiseF32& conv, const DepthwiseLine& line, ptrdiff_t j, size_t n, const DepthwiseEnd& end) {
  constexpr size_t kEach = kDepthwiseVectors * kDepthwiseLanes;
  const ptrdiff_t first = j * static_cast<ptrdiff_t>(kStride) - conv.before;
  const bool inside = first >= 0 && first + static_cast<ptrdiff_t>((kOutputs - 1) * kStride + kTaps) <= conv.columns;
  if (inside)
    for (; n + kEach <= conv.channels; n += kEach)
      SlideTile<X, kOutputs, kDepthwiseVectors, kTaps, kStride, true>(conv, line, j, n, end);
  else
    for (; n + kEach <= conv.channels; n += kEach)
      SlideTile<X, kOutputs, kDepthwiseVectors, kTaps, kStride, false>(conv, line, j, n, end);
  if constexpr (kDepthwiseVectors > 1)
    for (; n + kDepthwiseLanes <= conv.channels; n += kDepthwiseLanes)
      SlideTile<X, kOutputs, 1, kTaps, kStride, false>(conv, line, j, n, end);
  if (n < conv.channels) AnyTile<X, kOutputs, 1, false>(conv, line, j, n, end);
}

using OutputsFunction = void (*)(const DepthwiseF32&, const DepthwiseLine&, ptrdiff_t j, size_t n, const DepthwiseEnd&);
using OutputsFunctions = std::array<OutputsFunction, kDepthwiseOutputs>;  // [outputs - 1]

template <class X, size_t kOutputs, size_t kTaps, size_t kStride>
constexpr OutputsFunction OutputsFunctionOf() {
  if constexpr (kTaps == 0 || 2 * kOutputs < kDepthwiseOutputs)  // few outputs are hardly ever left
    return AnyOutputs<X, kOutputs>;
  else
    return SlideOutputs<X, kOutputs, kTaps, kStride>;
}
template <class X, size_t kTaps, size_t kStride, size_t... kOutputs>
constexpr OutputsFunctions AllOutputsFunctions(std::index_sequence<kOutputs...>) {
  return {OutputsFunctionOf<X, kOutputs + 1, kTaps, kStride>()...};
}

template <class X>
const OutputsFunctions& OutputsFunctionsOf(const DepthwiseF32& conv) {
  constexpr std::make_index_sequence<kDepthwiseOutputs> kAll;
  static constexpr OutputsFunctions kFunctions[] = {
      AllOutputsFunctions<X, 0, 1>(kAll), AllOutputsFunctions<X, 3, 1>(kAll), AllOutputsFunctions<X, 3, 2>(kAll),
      AllOutputsFunctions<X, 5, 1>(kAll), AllOutputsFunctions<X, 5, 2>(kAll)};
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
  const DepthwiseEnd end = DepthwiseEndOf(conv);
  const OutputsFunctions* functions = &OutputsFunctionsOf<float>(conv);
#if COVERSLIP_DOT_BF16
  if (conv.x_bf16) functions = &OutputsFunctionsOf<DepthwiseHalf>(conv);
#endif
  for (size_t l = 0; l < conv.line_count; ++l) RunLine(conv, conv.lines[l], *functions, end);
}

inline constexpr DepthwiseF32Kernels kDepthwiseF32{
    .lanes = kDepthwiseLanes, .narrow = COVERSLIP_DOT_BF16 != 0, .run = RunDepthwiseF32};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
