// Code of the f32 kernel for convolutions with few channels, once per target.
#if defined(COVERSLIP_KERNELS_PLANAR_CONV_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_PLANAR_CONV_F32_INL_H_
#undef COVERSLIP_KERNELS_PLANAR_CONV_F32_INL_H_
#else
#define COVERSLIP_KERNELS_PLANAR_CONV_F32_INL_H_
#endif

#include <span>

#include "coverslip/kernels/gemm_f32-inl.h"
#include "coverslip/kernels/narrow-inl.h"
#include "coverslip/kernels/planar_conv_f32.hpp"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kPlanarChannels = 6;
inline constexpr bool kPlanarNarrow = COVERSLIP_DOT_BF16 != 0;  // elsewhere no value is

// Registers hold channels x vectors of sums, as many vectors of x, and one weight.
constexpr size_t PlanarVectors(size_t channels) {
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_ARCH_ARM_A64
  constexpr size_t kRegisters = 32;
#else
  constexpr size_t kRegisters = 16;
#endif
  return std::min<size_t>((kRegisters - (HWY_NATIVE_FMA ? 1 : 2)) / (channels + 1), 6);
}

// Of each channel of a tile one vector after the other; the last one has `rest` elements. T: as y and init are held.
template <class T, size_t kChannels, size_t kVectors>
HWY_INLINE void AddInit(const PlanarConvF32& conv, size_t i, size_t rest, NarrowV (&sum)[kChannels][kVectors]) {
  constexpr size_t kLanes = hn::MaxLanes(NarrowTag()), kLast = kVectors - 1;
#pragma GCC unroll 16
  for (size_t k = 0; k < kChannels; ++k) {
    const T* init = static_cast<const T*>(conv.init) + k * conv.init_stride + i;
#pragma GCC unroll 16
    for (size_t v = 0; v < kLast; ++v) sum[k][v] = hn::Add(sum[k][v], GetNumbers(init + v * kLanes));
    sum[k][kLast] = hn::Add(sum[k][kLast], GetNumbers(init + kLast * kLanes, rest));
  }
}
template <class T, size_t kChannels, size_t kVectors>
HWY_INLINE void PutTile(const PlanarConvF32& conv, size_t i, size_t rest, const NarrowV (&sum)[kChannels][kVectors]) {
  constexpr size_t kLanes = hn::MaxLanes(NarrowTag()), kLast = kVectors - 1;
#pragma GCC unroll 16
  for (size_t k = 0; k < kChannels; ++k) {
    T* y = static_cast<T*>(conv.y) + k * conv.y_stride + i;
#pragma GCC unroll 16
    for (size_t v = 0; v < kLast; ++v) PutNumbers(sum[k][v], y + v * kLanes);
    rest == kLanes ? PutNumbers(sum[k][kLast], y + kLast * kLanes)
                   : PutNumbers(sum[k][kLast], y + kLast * kLanes, rest);
  }
}

// As bf16, after an activation of rows.
template <size_t kChannels, size_t kVectors>
HWY_INLINE void PutActivated(const PlanarConvF32& conv, const Epilogue& epilogue, size_t i, size_t rest,
                             const NarrowV (&sum)[kChannels][kVectors]) {
  constexpr size_t kLanes = hn::MaxLanes(NarrowTag()), kRow = kVectors * kLanes;
  float rows[kChannels * kRow];
#pragma GCC unroll 16
  for (size_t k = 0; k < kChannels; ++k)
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) PutNumbers(sum[k][v], rows + k * kRow + v * kLanes);
  const size_t n = kRow - kLanes + rest;
  ActivateSums(rows, kChannels, kRow, n, epilogue);
  for (size_t k = 0; k < kChannels; ++k) {
    uint16_t* y = static_cast<uint16_t*>(conv.y) + k * conv.y_stride + i;
    for (size_t j = 0; j < n; j += kLanes) PutNumbers(GetNumbers(rows + k * kRow + j), y + j, std::min(kLanes, n - j));
  }
}

// Elements from `i` on; all vectors but the last are whole. kTaps: of a row; 0: any number. `ahead`: lines to ask for.
template <size_t kChannels, size_t kVectors, size_t kTaps>
HWY_NOINLINE void PlanarTile(const PlanarConvF32& conv, const TileEnd& end, size_t i,
                             std::span<const void* const> ahead) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  constexpr size_t kLanes = hn::MaxLanes(d), kLast = (kVectors - 1) * kLanes;
  const size_t rest = std::min(kLanes, conv.elements - i - kLast);  // of the last vector
  V sum[kChannels][kVectors];
#pragma GCC unroll 16
  for (size_t k = 0; k < kChannels; ++k) {
    const V first = conv.bias != nullptr ? hn::Set(d, conv.bias[k]) : hn::Zero(d);
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) sum[k][v] = first;
  }
  const bool narrow = kPlanarNarrow && conv.y_bf16;
  if (conv.init != nullptr) narrow ? AddInit<uint16_t>(conv, i, rest, sum) : AddInit<float>(conv, i, rest, sum);
  const size_t taps = kTaps > 0 ? kTaps : conv.taps;
  const size_t each = (ahead.size() + conv.row_count - 1) / std::max<size_t>(conv.row_count, 1);
  const void *const *line = ahead.data(), *const *last_line = line + ahead.size();
  for (size_t r = 0; r < conv.row_count; ++r) {
    for (size_t n = 0; n < each && line < last_line; ++n) hwy::Prefetch(*line++);
    const float* HWY_RESTRICT row = conv.rows[r].x + conv.offset + i;
    const float* HWY_RESTRICT weights = conv.weights + conv.rows[r].taps_before * kChannels;
#pragma GCC unroll 3
    for (size_t t = 0; t < taps; ++t, weights += kChannels) {
      V x[kVectors];
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) x[v] = hn::LoadU(d, row + conv.at[t] + v * kLanes);
#pragma GCC unroll 16
      for (size_t k = 0; k < kChannels; ++k) {
        const V weight = hn::Set(d, weights[k]);
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; ++v) sum[k][v] = hn::MulAdd(x[v], weight, sum[k][v]);
      }
    }
  }
  const V least = hn::Set(d, end.least), most = hn::Set(d, end.most);
#pragma GCC unroll 16
  for (size_t k = 0; k < kChannels; ++k)
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) sum[k][v] = AtMost(most, AtLeast(least, sum[k][v]));
  if (!narrow)
    PutTile<float>(conv, i, rest, sum);
  else if (end.after.activation == Activation::None)
    PutTile<uint16_t>(conv, i, rest, sum);
  else
    PutActivated(conv, end.after, i, rest, sum);
}

// In tiles of nearly the same size.
template <size_t kChannels, size_t... kVectors>
HWY_INLINE void PlanarTiles(const PlanarConvF32& conv, const TileEnd& end, std::index_sequence<kVectors...>) {
  using Tile = void (*)(const PlanarConvF32&, const TileEnd&, size_t, std::span<const void* const>);
  static constexpr Tile kTile[][sizeof...(kVectors)] = {{PlanarTile<kChannels, kVectors + 1, 0>...},
                                                        {PlanarTile<kChannels, kVectors + 1, 3>...}};
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  const size_t vectors = (conv.elements + kLanes - 1) / kLanes;
  const size_t tiles = (vectors + sizeof...(kVectors) - 1) / sizeof...(kVectors);
  const std::span<const void* const> ahead(conv.ahead, conv.ahead_count);
  for (size_t tile = 0, v = 0; tile < tiles; ++tile) {
    const size_t next = (tile + 1) * vectors / tiles;
    kTile[conv.taps == 3 ? 1 : 0][next - v - 1](
        conv, end, v * kLanes,
        ahead.subspan(tile * ahead.size() / tiles, (tile + 1) * ahead.size() / tiles - tile * ahead.size() / tiles));
    v = next;
  }
}

template <size_t kChannels>
void PlanarChannels(const PlanarConvF32& conv, const TileEnd& end) {
  PlanarTiles<kChannels>(conv, end, std::make_index_sequence<PlanarVectors(kChannels)>());
}

inline void PlanarConv(const PlanarConvF32& conv) {
  const TileEnd end = TileEndOf(conv.epilogue);
  switch (conv.channels) {
    case 1: PlanarChannels<1>(conv, end); break;
    case 2: PlanarChannels<2>(conv, end); break;
    case 3: PlanarChannels<3>(conv, end); break;
    case 4: PlanarChannels<4>(conv, end); break;
    case 5: PlanarChannels<5>(conv, end); break;
    default: PlanarChannels<kPlanarChannels>(conv, end);
  }
  if (end.after.activation == Activation::None || (kPlanarNarrow && conv.y_bf16)) return;
  ActivateSums(static_cast<float*>(conv.y), conv.channels, static_cast<ptrdiff_t>(conv.y_stride), conv.elements,
               end.after);
}

inline constexpr PlanarConvF32Kernels kPlanarConvF32{
    .channels = kPlanarChannels, .narrow = kPlanarNarrow, .run = PlanarConv};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
