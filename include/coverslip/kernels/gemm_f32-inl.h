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
#include "coverslip/kernels/panel-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The tile that fills the registers: kTileRows x kTileVectors sums, one row of B, one element of A in all lanes.
// kMostTileRows: of a tile of fewer vectors, where the registers allow more.
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
inline constexpr size_t kTileRows = 2, kTileVectors = 2, kMostTileRows = 2;
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
inline constexpr size_t kTileRows = 9, kTileVectors = 3, kMostTileRows = 14;
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
inline constexpr size_t kTileRows = 6, kTileVectors = 2, kMostTileRows = 6;
#elif HWY_ARCH_ARM_A64
inline constexpr size_t kTileRows = 6, kTileVectors = 4, kMostTileRows = 6;
#else
inline constexpr size_t kTileRows = 4, kTileVectors = 2, kMostTileRows = 4;
#endif
using TileF32 = hn::ScalableTag<float>;
inline constexpr size_t kTileLanes = hn::MaxLanes(TileF32());
inline constexpr size_t kTileColumns = kTileVectors * kTileLanes;
inline constexpr size_t kBlockRows = kTileVectors == 3 ? 3 * kTileRows : kTileRows;  // whole tiles of any vectors
inline constexpr size_t kAhead = 24 * kTileColumns;  // of one tile: rows of B that are asked for before they are used

// Tiles one below the other, over a range of taps and channels.
struct TileArgs {
  const float* const* a;
  size_t a_rows, a_offset, tiles, taps, channels;
  const float* b;
  const float* next = nullptr;  // what is asked for meanwhile: each k `next_step` floats further, each tile `next_tile`
  size_t next_step = 0, next_tile = 0;
  size_t second;             // from the first vector of a row of B to the second, of two
  const float* bias;         // null: zeros
  const float* const* from;  // rows that are added to the sums; null: none
  float* const* c;
  size_t c_offset, columns;  // of `from` too; more than all but the last vector hold
  float least, most;
};

// sum + x * w, in each lane.
struct ProductF32 {
  template <class V>
  static HWY_INLINE V Add(V x, V w, V sum) {
    return hn::MulAdd(x, w, sum);
  }
};

// Product: what an element of A and one of B make, which is a number of f32 or as many bytes of others.
template <class Product, size_t kRows, size_t kVectors>
HWY_NOINLINE void Tiles(const TileArgs& args) {
  const TileF32 d;
  using V = hn::Vec<TileF32>;
  constexpr size_t kLast = (kVectors - 1) * kTileLanes;
  const bool whole = args.columns >= kVectors * kTileLanes;
  const V least = hn::Set(d, args.least), most = hn::Set(d, args.most);
  for (size_t i = 0; i < args.tiles; ++i) {
    V sum[kRows][kVectors];
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) {
      const V first = args.bias != nullptr ? hn::LoadU(d, args.bias + v * kTileLanes) : hn::Zero(d);
#pragma GCC unroll 16
      for (size_t m = 0; m < kRows; ++m) sum[m][v] = first;
    }
    const float* HWY_RESTRICT b = args.b;
    const float* next = args.next + i * args.next_tile;
    for (size_t t = 0; t < args.taps; ++t) {
      const float* row[kRows];
#pragma GCC unroll 16
      for (size_t m = 0; m < kRows; ++m) row[m] = args.a[t * args.a_rows + i * kRows + m] + args.a_offset;
#pragma GCC unroll 2
      for (size_t k = 0; k < args.channels; ++k, b += kTileColumns) {
        V weights[kVectors];
        hwy::Prefetch(next);
        next += args.next_step;
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; ++v)
          weights[v] = hn::LoadU(d, b + (kVectors == 2 && v == 1 ? args.second : v * kTileLanes));
#pragma GCC unroll 16
        for (size_t m = 0; m < kRows; ++m) {
          const V x = hn::Set(d, row[m][k]);
#pragma GCC unroll 16
          for (size_t v = 0; v < kVectors; ++v) sum[m][v] = Product::Add(x, weights[v], sum[m][v]);
        }
      }
    }
    if (args.from != nullptr) {
#pragma GCC unroll 16
      for (size_t m = 0; m < kRows; ++m) {
        const float* from = args.from[i * kRows + m] + args.c_offset;
#pragma GCC unroll 16
        for (size_t v = 0; v + 1 < kVectors; ++v) sum[m][v] = hn::Add(sum[m][v], hn::LoadU(d, from + v * kTileLanes));
        const V last = whole ? hn::LoadU(d, from + kLast) : hn::LoadN(d, from + kLast, args.columns - kLast);
        sum[m][kVectors - 1] = hn::Add(sum[m][kVectors - 1], last);
      }
    }
#pragma GCC unroll 16
    for (size_t m = 0; m < kRows; ++m) {
      float* c = args.c[i * kRows + m] + args.c_offset;
#pragma GCC unroll 16
      for (size_t v = 0; v < kVectors; ++v) sum[m][v] = AtMost(most, AtLeast(least, sum[m][v]));
#pragma GCC unroll 16
      for (size_t v = 0; v + 1 < kVectors; ++v) hn::StoreU(sum[m][v], d, c + v * kTileLanes);
      whole ? hn::StoreU(sum[m][kVectors - 1], d, c + kLast)
            : hn::StoreN(sum[m][kVectors - 1], d, c + kLast, args.columns - kLast);
    }
  }
}

using TilesFunction = void (*)(const TileArgs&);

template <class Product, size_t kVectors, size_t... kRows>
constexpr auto TilesOf(std::index_sequence<kRows...>) {
  return std::array<TilesFunction, kMostTileRows>{Tiles<Product, kRows + 1, kVectors>...};
}
constexpr size_t TileRowsOf(size_t vectors) { return vectors == kTileVectors ? kTileRows : kMostTileRows; }
template <class Product, size_t... kVectors>
constexpr auto AllTiles(std::index_sequence<kVectors...>) {
  return std::array{TilesOf<Product, kVectors + 1>(std::make_index_sequence<TileRowsOf(kVectors + 1)>())...};
}

// [vectors - 1][rows - 1]
template <class Product>
inline constexpr auto kTiles = AllTiles<Product>(std::make_index_sequence<kTileVectors>());

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

// All rows for one panel and one block of K, in tiles of nearly the same size. Changes `args`: small products are
// called so often that a copy of them shows, and so does the division of 64 bits.
template <class Product>
HWY_INLINE void RunPanel(TileArgs& args, uint32_t rows, const TileEnd& end) {
  const size_t vectors = (args.columns + kTileLanes - 1) / kTileLanes;
  const auto most = static_cast<uint32_t>(TileRowsOf(vectors));
  const uint32_t tiles = (rows + most - 1) / most, each_least = rows / tiles, more = rows % tiles;
  args.least = end.least;
  args.most = end.most;
  // The panel or block that follows is read in equal shares beside the tiles of this one.
  const size_t floats = args.taps * args.channels * kTileColumns;
  args.next = args.b + (tiles == 1 ? kAhead : floats);
  args.next_step = (static_cast<uint32_t>(kTileColumns) + tiles - 1) / tiles;
  args.next_tile = static_cast<uint32_t>(floats) / tiles;  // of at most 512 terms
  float* const* c = args.c;
  for (uint32_t bigger = 0; bigger < 2; ++bigger) {
    const size_t each = each_least + bigger;
    args.tiles = bigger != 0 ? more : tiles - more;
    if (args.tiles == 0) continue;
    kTiles<Product>[vectors - 1][each - 1](args);
    const size_t done = args.tiles * each;
    args.a += done;
    args.c += done;
    if (args.from != nullptr) args.from += done;
    args.next += args.tiles * args.next_tile;
  }
  if (end.after.activation == Activation::None) return;
  ActivateSums(c, rows, args.c_offset, args.columns, end.after);
}

// `b` is the first vector of the panel's piece that has these columns, from n on.
template <class Product>
void RunColumns(const IndirectF32& gemm, size_t n, size_t columns, const float* b, size_t second, const TileEnd& end) {
  constexpr size_t kDepth = 512;
  const size_t parts = std::max<size_t>((gemm.channels + kDepth - 1) / kDepth, 1);
  const size_t taps_each = parts == 1 && gemm.taps > 1 ? kDepth / std::max<size_t>(gemm.channels, 1) : 1;
  const TileEnd none;
  TileArgs args;
  args.a_rows = gemm.a_rows;
  args.second = second;
  args.c_offset = gemm.c_offset + n;
  args.columns = columns;
  size_t t = 0;
  do {
    const size_t taps = std::min(taps_each, gemm.taps - t);
    for (size_t part = 0; part < parts; ++part) {
      const size_t k = parts == 1 ? 0 : part * gemm.channels / parts;
      const size_t channels = (parts == 1 ? gemm.channels : (part + 1) * gemm.channels / parts) - k;
      const bool first = t == 0 && part == 0, last = t + taps == gemm.taps && part + 1 == parts;
      args.a = gemm.a + t * gemm.a_rows;
      args.a_offset = gemm.a_offset + k;
      args.taps = taps;
      args.channels = channels;
      args.b = b;
      args.bias = first && gemm.bias != nullptr ? gemm.bias + n : nullptr;
      args.from = first ? gemm.init : gemm.c;
      args.c = gemm.c;
      RunPanel<Product>(args, static_cast<uint32_t>(gemm.rows), last ? end : none);
      b += taps * channels * kTileColumns;
    }
    t += taps;
  } while (t < gemm.taps);
}

// Panels of B outermost. A block of K is several taps or a part of one, with a sum of its own, which is added to those
// of the blocks before: of long sums the error grows with the block and with the number of blocks, not with all terms.
// The last four vectors are two and two, where three and one would be slower.
template <class Product>
void Gemm(const IndirectF32& gemm) {
  const TileEnd end = TileEndOf(gemm.epilogue);
  if (gemm.rows == 0) return;
  const size_t panel = gemm.taps * gemm.channels * kTileColumns;
  const float* b = gemm.b;
  for (size_t n = 0; n < gemm.columns; n += kTileColumns, b += panel) {
    const size_t left = gemm.columns - n;
    if (kTileVectors == 3 && left > 3 * kTileLanes && left <= 4 * kTileLanes) {
      RunColumns<Product>(gemm, n, 2 * kTileLanes, b, kTileLanes, end);
      RunColumns<Product>(gemm, n + 2 * kTileLanes, left - 2 * kTileLanes, b + 2 * kTileLanes, panel - 2 * kTileLanes,
                          end);
      return;
    }
    RunColumns<Product>(gemm, n, std::min(kTileColumns, left), b, kTileLanes, end);
  }
}

inline constexpr GemmF32Kernels kGemmF32{.tile = kTileRows,
                                         .rows = kBlockRows,
                                         .columns = kTileColumns,
                                         .run = Gemm<ProductF32>,
                                         .pack = PackPanel<kTileColumns>};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
