// Code of the f32 matrix kernel, once per target.
#if defined(COVERSLIP_KERNELS_GEMM_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_GEMM_F32_INL_H_
#undef COVERSLIP_KERNELS_GEMM_F32_INL_H_
#else
#define COVERSLIP_KERNELS_GEMM_F32_INL_H_
#endif

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "coverslip/kernels/epilogue-inl.h"
#include "coverslip/kernels/gemm_f32.hpp"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The tile that fills the registers: kTileRows x kTileVectors sums, one row of B, one element of A in all lanes.
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
inline constexpr size_t kTileRows = 2, kTileVectors = 2;
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
inline constexpr size_t kTileRows = 14, kTileVectors = 2;
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
inline constexpr size_t kTileRows = 6, kTileVectors = 2;
#elif HWY_ARCH_ARM_A64
inline constexpr size_t kTileRows = 6, kTileVectors = 4;
#else
inline constexpr size_t kTileRows = 4, kTileVectors = 2;
#endif
using TileF32 = hn::ScalableTag<float>;
inline constexpr size_t kTileLanes = hn::MaxLanes(TileF32());
inline constexpr size_t kTileColumns = kTileVectors * kTileLanes;

// One tile, over a range of taps and channels.
struct TileArgs {
  const float* const* a;
  size_t a_rows, a_offset, taps, channels;
  const float* b;
  const float* bias;         // null: zeros
  const float* const* from;  // the sums begin with these rows; null: with zeros
  float* const* c;
  size_t c_offset;  // of `from` too
  float least, most;
};

template <size_t kRows, size_t kVectors>
HWY_NOINLINE void Tile(const TileArgs& tile) {
  const TileF32 d;
  using V = hn::Vec<TileF32>;
  V sum[kRows][kVectors];
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) {
    const V first = tile.bias != nullptr ? hn::LoadU(d, tile.bias + v * kTileLanes) : hn::Zero(d);
#pragma GCC unroll 16
    for (size_t m = 0; m < kRows; ++m) sum[m][v] = first;
  }
  if (tile.from != nullptr) {
#pragma GCC unroll 16
    for (size_t m = 0; m < kRows; ++m)
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v)
        sum[m][v] = hn::Add(sum[m][v], hn::LoadU(d, tile.from[m] + tile.c_offset + v * kTileLanes));
  }
  const float* HWY_RESTRICT b = tile.b;
  for (size_t t = 0; t < tile.taps; ++t) {
    const float* row[kRows];
#pragma GCC unroll 16
    for (size_t m = 0; m < kRows; ++m) row[m] = tile.a[t * tile.a_rows + m] + tile.a_offset;
    for (size_t k = 0; k < tile.channels; ++k, b += kTileColumns) {
      V weights[kVectors];
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) weights[v] = hn::LoadU(d, b + v * kTileLanes);
#pragma GCC unroll 16
      for (size_t m = 0; m < kRows; ++m) {
        const V x = hn::Set(d, row[m][k]);
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; ++v) sum[m][v] = hn::MulAdd(x, weights[v], sum[m][v]);
      }
    }
  }
  const V least = hn::Set(d, tile.least), most = hn::Set(d, tile.most);
#pragma GCC unroll 16
  for (size_t m = 0; m < kRows; ++m)
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v)
      hn::StoreU(AtMost(most, AtLeast(least, sum[m][v])), d, tile.c[m] + tile.c_offset + v * kTileLanes);
}

using TileFunction = void (*)(const TileArgs&);

template <size_t kVectors, size_t... kRows>
constexpr auto TilesOf(std::index_sequence<kRows...>) {
  return std::array<TileFunction, sizeof...(kRows)>{Tile<kRows + 1, kVectors>...};
}
template <size_t... kVectors>
constexpr auto AllTiles(std::index_sequence<kVectors...>) {
  return std::array{TilesOf<kVectors + 1>(std::make_index_sequence<kTileRows>())...};
}

// [vectors - 1][rows - 1]
inline constexpr auto kTiles = AllTiles(std::make_index_sequence<kTileVectors>());

// The bounds of Relu and Clip are applied in registers, other activations afterwards.
struct TileEnd {
  float least = -std::numeric_limits<float>::infinity(), most = std::numeric_limits<float>::infinity();
  Epilogue after{};
};

inline TileEnd TileEndOf(const Epilogue& epilogue) {
  TileEnd end;
  switch (epilogue.activation) {
    case Activation::Relu: end.least = 0; break;
    case Activation::Clip: end.least = epilogue.alpha, end.most = epilogue.beta; break;
    default: end.after = epilogue;
  }
  return end;
}

// The tile for any rows and columns: a part of a panel is computed beside C, whole vectors wide.
inline void RunTile(TileArgs tile, size_t rows, size_t columns, const TileEnd& end) {
  const TileF32 d;
  const size_t vectors = (columns + kTileLanes - 1) / kTileLanes, width = vectors * kTileLanes;
  const bool beside = columns < width;
  float sums[kTileRows * kTileColumns];
  float* to[kTileRows];
  float* const* c = tile.c;
  const size_t c_offset = tile.c_offset;
  if (beside) {
    for (size_t m = 0; m < rows; ++m) {
      to[m] = sums + m * width;
      if (tile.from == nullptr) continue;
      std::copy_n(tile.from[m] + c_offset, columns, to[m]);
      std::fill_n(to[m] + columns, width - columns, 0.0f);
    }
    tile.c = to;
    if (tile.from != nullptr) tile.from = to;
    tile.c_offset = 0;
  }
  tile.least = end.least;
  tile.most = end.most;
  kTiles[vectors - 1][rows - 1](tile);
  if (end.after.activation != Activation::None)
    for (size_t m = 0; m < rows; ++m) {
      float* y = tile.c[m] + tile.c_offset;
      for (size_t n = 0; n < width; n += kTileLanes) hn::StoreU(Activate(d, hn::LoadU(d, y + n), end.after), d, y + n);
    }
  if (beside)
    for (size_t m = 0; m < rows; ++m) std::copy_n(to[m], columns, c[m] + c_offset);
}

// Panels of B outermost. A block of K is several taps or a part of one; C holds the sums between blocks, so that they are
// the same as without.
inline void GemmF32(const IndirectF32& gemm) {
  constexpr size_t kDepth = 1024;
  const TileEnd end = TileEndOf(gemm.epilogue);
  const size_t parts = std::max<size_t>((gemm.channels + kDepth - 1) / kDepth, 1);
  const size_t taps_each = parts == 1 ? kDepth / std::max<size_t>(gemm.channels, 1) : 1;
  const size_t tiles = (gemm.rows + kTileRows - 1) / kTileRows;
  for (size_t n = 0; n < gemm.columns; n += kTileColumns) {
    const float* b = gemm.b + n * gemm.taps * gemm.channels;
    const float* bias = gemm.bias != nullptr ? gemm.bias + n : nullptr;
    size_t t = 0;
    do {
      const size_t taps = std::min(taps_each, gemm.taps - t);
      for (size_t part = 0; part < parts; ++part) {
        const size_t k = part * gemm.channels / parts, channels = (part + 1) * gemm.channels / parts - k;
        const bool first = t == 0 && part == 0, last = t + taps == gemm.taps && part + 1 == parts;
        for (size_t i = 0; i < tiles; ++i) {
          const size_t m = i * gemm.rows / tiles, rows = (i + 1) * gemm.rows / tiles - m;
          const TileArgs tile{.a = gemm.a + t * gemm.a_rows + m, .a_rows = gemm.a_rows, .a_offset = gemm.a_offset + k,
                              .taps = taps, .channels = channels, .b = b, .bias = first ? bias : nullptr,
                              .from = !first ? gemm.c + m : gemm.init != nullptr ? gemm.init + m : nullptr,
                              .c = gemm.c + m, .c_offset = gemm.c_offset + n, .least = 0, .most = 0};
          RunTile(tile, rows, std::min(kTileColumns, gemm.columns - n), last ? end : TileEnd{});
        }
        b += taps * channels * kTileColumns;
      }
      t += taps;
    } while (t < gemm.taps);
  }
}

inline constexpr GemmF32Kernels kGemmF32{.rows = kTileRows, .columns = kTileColumns, .run = GemmF32};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
