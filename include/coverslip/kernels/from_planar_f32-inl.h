// Code of the f32 kernel for convolutions from few planar channels to channels-last, once per target.
#if defined(COVERSLIP_KERNELS_FROM_PLANAR_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_FROM_PLANAR_F32_INL_H_
#undef COVERSLIP_KERNELS_FROM_PLANAR_F32_INL_H_
#else
#define COVERSLIP_KERNELS_FROM_PLANAR_F32_INL_H_
#endif

#include "coverslip/kernels/from_planar_f32.hpp"
#include "coverslip/kernels/gemm_f32-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Elements (pixels) from `i` on, kVectors of output channels of each; the last vector may be a part of one.
template <size_t kPixels, size_t kVectors>
HWY_NOINLINE void PixelTile(const PlanarConvF32& conv, const TileEnd& end, size_t i) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  constexpr size_t kLanes = hn::MaxLanes(d), kLast = (kVectors - 1) * kLanes;
  V sum[kPixels][kVectors];
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) {
    const V first = conv.bias != nullptr ? hn::LoadU(d, conv.bias + v * kLanes) : hn::Zero(d);
#pragma GCC unroll 16
    for (size_t m = 0; m < kPixels; ++m) sum[m][v] = first;
  }
  const size_t taps = conv.taps;
  for (size_t r = 0; r < conv.row_count; ++r) {
    const float* HWY_RESTRICT row = conv.rows[r].x + conv.offset + i;
    const float* HWY_RESTRICT weights = conv.weights + conv.rows[r].taps_before * kTileColumns;
    for (size_t t = 0; t < taps; ++t, weights += kTileColumns) {
      const float* HWY_RESTRICT x = row + conv.at[t];
      V weight[kVectors];
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) weight[v] = hn::LoadU(d, weights + v * kLanes);
#pragma GCC unroll 16
      for (size_t m = 0; m < kPixels; ++m) {
        const V pixel = hn::Set(d, x[m]);
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; ++v) sum[m][v] = hn::MulAdd(pixel, weight[v], sum[m][v]);
      }
    }
  }
  const V least = hn::Set(d, end.least), most = hn::Set(d, end.most);
  const size_t rest = conv.channels - kLast;
#pragma GCC unroll 16
  for (size_t m = 0; m < kPixels; ++m) {
    float* y = static_cast<float*>(conv.y) + (i + m) * conv.y_stride;
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) sum[m][v] = AtMost(most, AtLeast(least, sum[m][v]));
#pragma GCC unroll 16
    for (size_t v = 0; v + 1 < kVectors; ++v) hn::StoreU(sum[m][v], d, y + v * kLanes);
    rest >= kLanes ? hn::StoreU(sum[m][kVectors - 1], d, y + kLast)
                   : hn::StoreN(sum[m][kVectors - 1], d, y + kLast, rest);
  }
}

// Tiles of pixels; the last begins so that it is whole, too, and makes some pixels twice.
template <size_t kVectors>
HWY_INLINE void PixelTiles(const PlanarConvF32& conv, const TileEnd& end) {
  constexpr size_t kMost = kTileRows * kTileVectors / kVectors, kPixels = kMost > 16 ? 16 : kMost;
  if (conv.elements < kPixels)
    for (size_t i = 0; i < conv.elements; ++i) PixelTile<1, kVectors>(conv, end, i);
  else
    for (size_t i = 0; i < conv.elements; i += kPixels)
      PixelTile<kPixels, kVectors>(conv, end, std::min(i, conv.elements - kPixels));
}

template <size_t... kVectors>
HWY_INLINE void PixelVectors(const PlanarConvF32& conv, const TileEnd& end, std::index_sequence<kVectors...>) {
  const size_t vectors = (conv.channels + kTileLanes - 1) / kTileLanes;
  static_cast<void>(((vectors == kVectors + 1 && (PixelTiles<kVectors + 1>(conv, end), true)) || ...));
}

inline void PlanarToChannelsLast(const PlanarConvF32& conv) {
  const TileEnd end = TileEndOf(conv.epilogue);
  PixelVectors(conv, end, std::make_index_sequence<kTileVectors>());
  if (end.after.activation == Activation::None) return;
  ActivateSums(static_cast<float*>(conv.y), conv.elements, static_cast<ptrdiff_t>(conv.y_stride), conv.channels,
               end.after);
}

// Whole vectors are loaded only where elements that are wanted follow them.
inline void EveryElement(const float* x, size_t stride, size_t n, float* y) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto pair = [&](const float* from)
                        HWY_ATTR { return hn::ConcatEven(d, hn::LoadU(d, from + lanes), hn::LoadU(d, from)); };
  if (stride == 2)
    for (; i + lanes < n; i += lanes) hn::StoreU(pair(x + 2 * i), d, y + i);
  if (stride == 4)
    for (; i + lanes < n; i += lanes)
      hn::StoreU(hn::ConcatEven(d, pair(x + 4 * i + 2 * lanes), pair(x + 4 * i)), d, y + i);
#endif
  for (; i < n; ++i) y[i] = x[i * stride];
}

inline constexpr FromPlanarF32Kernels kFromPlanarF32{
    .columns = kTileColumns, .run = PlanarToChannelsLast, .every = EveryElement};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
