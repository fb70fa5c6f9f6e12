// Code of the bf16 product on the tile registers of AMX, which some CPUs of one target have.
#if defined(COVERSLIP_KERNELS_GEMM_AMX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_GEMM_AMX_INL_H_
#undef COVERSLIP_KERNELS_GEMM_AMX_INL_H_
#else
#define COVERSLIP_KERNELS_GEMM_AMX_INL_H_
#endif

#undef COVERSLIP_AMX
#if HWY_TARGET == HWY_AVX3_SPR && HWY_ARCH_X86_64 && defined(__linux__)
#define COVERSLIP_AMX 1
#include <sys/syscall.h>
#include <unistd.h>
#else
#define COVERSLIP_AMX 0
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "coverslip/kernels/epilogue_bf16-inl.h"
#include "coverslip/kernels/gemm_bf16.hpp"
#include "coverslip/kernels/gemm_f32-inl.h"
#include "hwy/highway.h"

#if COVERSLIP_AMX
HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A tile has 16 rows of 64 bytes: sums [16][16], A [16][32 terms], B [16 pairs of terms][16 columns][2].
inline constexpr size_t kAmxRows = kBf16Rows, kAmxRowBytes = 64, kAmxTileBytes = kAmxRows * kAmxRowBytes;
// Four tiles of sums at once: 2 x 2, so that each tile of A and of B is loaded for two products, or 4 x 1. In scratch
// each has its rows behind each other.
inline constexpr size_t kAmxColumns = 32, kAmxBlockRows = 32, kAmxTileSums = kAmxRows * 16;
inline constexpr size_t kAmxScratchBytes = 4 * kAmxTileBytes;

// The system grants a process the tile registers when it asks for them.
inline bool AmxMayRun() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  uint32_t a = 7, b = 0, c = 0, d = 0;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  constexpr uint32_t kBf16 = 1u << 22, kTile = 1u << 24;
  if ((d & kBf16) == 0 || (d & kTile) == 0) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

struct AmxConfigured {
  AmxConfigured() {
    struct alignas(64) {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    for (size_t tile = 0; tile < 8; ++tile) {
      config.row_bytes[tile] = kAmxRowBytes;
      config.rows[tile] = kAmxRows;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(config));
  }
  AmxConfigured(const AmxConfigured&) = delete;
  AmxConfigured& operator=(const AmxConfigured&) = delete;
  ~AmxConfigured() { __asm__ volatile("tilerelease"); }
};

template <int kTile>
HWY_INLINE void AmxZero() {
  __asm__ volatile("tilezero %%tmm%c0" ::"i"(kTile));
}
template <int kTile>
HWY_INLINE void AmxLoad(const std::byte* from, size_t step) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(step), "i"(kTile) : "memory");
}
// `once`: what is not to drive other lines out of the L1 cache.
template <int kTile>
HWY_INLINE void AmxLoad(const std::byte* from, size_t step, bool once) {
  if (once)
    __asm__ volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(step), "i"(kTile) : "memory");
  else
    AmxLoad<kTile>(from, step);
}
template <int kTile>
HWY_INLINE void AmxStore(float* to, size_t step) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(step), "i"(kTile) : "memory");
}
template <int kSum, int kA, int kB>
HWY_INLINE void AmxProduct() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
}

template <class T>
HWY_INLINE hn::Vec<TileF32> AmxLoadN(const T* x, size_t n) {
  const TileF32 d;
  const hn::Rebind<T, TileF32> dt;
  const auto v = HWY_LIKELY(n >= kTileLanes) ? hn::LoadU(dt, x) : hn::LoadN(dt, x, n);
  if constexpr (sizeof(T) == sizeof(float))
    return v;
  else
    return hn::PromoteTo(d, v);
}
template <class T>
HWY_INLINE void AmxStoreN(hn::Vec<TileF32> v, T* y, size_t n) {
  const hn::Rebind<T, TileF32> dt;
  const auto store = [&](auto x)
                         HWY_ATTR { HWY_LIKELY(n >= kTileLanes) ? hn::StoreU(x, dt, y) : hn::StoreN(x, dt, y, n); };
  if constexpr (sizeof(T) == sizeof(float))
    store(v);
  else
    store(hn::DemoteTo(dt, v));
}

template <class T>
HWY_INLINE void AmxStorePair(hn::Vec<TileF32> low, hn::Vec<TileF32> high, T* y) {
  if constexpr (sizeof(T) == sizeof(float)) {
    const TileF32 d;
    hn::StoreU(low, d, y);
    hn::StoreU(high, d, y + kTileLanes);
  } else {
    const hn::Repartition<T, TileF32> dt;
    hn::StoreU(hn::OrderedDemote2To(dt, low, high), dt, y);
  }
}

// A block of sums that is done: those of rows `first`, ... and columns n, ..., in tiles `across` side by side.
struct AmxDone {
  size_t first = 0, rows = 0, n = 0, columns = 0, across = 0;
};

// What follows a sum: bounds, if any, an activation that is rough, or, in a pass of its own, another.
enum class AmxAfter : uint8_t { Nothing, Least, Bounds, Rough, Other };

// Rows [from, to) of a block, from sums to C.
template <class TInit, class TC, AmxAfter kAfter, Activation kA>
HWY_NOINLINE void AmxRowsOfC(const TilesBf16& work, const AmxDone& block, size_t from, size_t to, const TileEnd& end) {
  const TileF32 d;
  const auto least = hn::Set(d, end.least), most = hn::Set(d, end.most);
  const Epilogue after = end.after;
  const size_t at = work.c_offset + block.n, columns = block.columns;
  std::byte* const* c = work.c + block.first;
  const std::byte* const* init = work.init != nullptr ? work.init + block.first : nullptr;
  const auto sums_of = [&](size_t m) {
    return static_cast<float*>(work.scratch) + (m / kAmxRows * block.across * kAmxRows + m % kAmxRows) * kTileLanes;
  };
  const auto finish = [&](auto sum) HWY_ATTR {
    if constexpr (kAfter == AmxAfter::Least || kAfter == AmxAfter::Bounds) sum = AtLeast(least, sum);
    if constexpr (kAfter == AmxAfter::Bounds) sum = AtMost(most, sum);
    if constexpr (kAfter == AmxAfter::Rough) sum = Roughly<kA>(d, sum, after);
    return sum;
  };
  const auto bias_of = [&](size_t v) HWY_ATTR {
    return work.bias != nullptr ? hn::LoadU(d, work.bias + block.n + v) : hn::Zero(d);
  };
  if (kAfter != AmxAfter::Other && columns == kAmxColumns) {
    const auto low_bias = bias_of(0), high_bias = bias_of(kTileLanes);
    for (size_t m = from; m < to; ++m) {
      if (HWY_UNLIKELY(c[m] == nullptr)) continue;
      const float* sums = sums_of(m);
      auto low = hn::Add(hn::Load(d, sums), low_bias), high = hn::Add(hn::Load(d, sums + kAmxTileSums), high_bias);
      if (init != nullptr) {
        const TInit* more = reinterpret_cast<const TInit*>(init[m]) + at;
        low = hn::Add(low, AmxLoadN(more, kTileLanes));
        high = hn::Add(high, AmxLoadN(more + kTileLanes, kTileLanes));
      }
      AmxStorePair(finish(low), finish(high), reinterpret_cast<TC*>(c[m]) + at);
    }
    return;
  }
  for (size_t v = 0; v < columns; v += kTileLanes) {
    const auto bias = bias_of(v);
    const size_t n = std::min(kTileLanes, columns - v), tile = v / kTileLanes * kAmxTileSums;
    for (size_t m = from; m < to; ++m) {
      if (c[m] == nullptr) continue;
      float* sums = sums_of(m) + tile;
      auto sum = hn::Add(hn::Load(d, sums), bias);
      if (init != nullptr) sum = hn::Add(sum, AmxLoadN(reinterpret_cast<const TInit*>(init[m]) + at + v, n));
      if constexpr (kAfter == AmxAfter::Other) {
        hn::Store(sum, d, sums);
        ActivateSums(sums, 1, 0, n, after);
        sum = hn::Load(d, sums);
      }
      AmxStoreN(finish(sum), reinterpret_cast<TC*>(c[m]) + at + v, n);
    }
  }
}
using AmxRowsFunction = void (*)(const TilesBf16&, const AmxDone&, size_t, size_t, const TileEnd&);

template <class TInit, class TC>
AmxRowsFunction AmxRowsFunctionWith(Activation activation) {
  using enum Activation;
  switch (activation) {
    case None: return AmxRowsOfC<TInit, TC, AmxAfter::Nothing, None>;
    case Relu: return AmxRowsOfC<TInit, TC, AmxAfter::Least, None>;
    case Clip: return AmxRowsOfC<TInit, TC, AmxAfter::Bounds, None>;
    case Sigmoid: return AmxRowsOfC<TInit, TC, AmxAfter::Rough, Sigmoid>;
    case Swish: return AmxRowsOfC<TInit, TC, AmxAfter::Rough, Swish>;
    case Activation::Gelu: return AmxRowsOfC<TInit, TC, AmxAfter::Rough, Activation::Gelu>;
    case Activation::GeluTanh: return AmxRowsOfC<TInit, TC, AmxAfter::Rough, Activation::GeluTanh>;
    default: return AmxRowsOfC<TInit, TC, AmxAfter::Other, None>;
  }
}
inline AmxRowsFunction AmxRowsFunctionOf(const TilesBf16& work, Activation activation) {
  using Half = hwy::bfloat16_t;
  if (work.c_bf16)
    return work.init_bf16 ? AmxRowsFunctionWith<Half, Half>(activation) : AmxRowsFunctionWith<float, Half>(activation);
  return work.init_bf16 ? AmxRowsFunctionWith<Half, float>(activation) : AmxRowsFunctionWith<float, float>(activation);
}

// What is asked for beside products: in each step the first of every four lines; those beside it follow by themselves.
struct AmxNext {
  const std::byte* at;
  size_t step, count;
};

// A block's share of the panel that follows; of a single block, what it needs a little later.
inline constexpr size_t kAmxNextBytes = 4 * kAmxRowBytes;
inline AmxNext AmxNextOf(const std::byte* panel, size_t steps, size_t block, size_t blocks) {
  constexpr size_t kStep = kAmxColumns * kAmxRowBytes, kLater = 8;
  if (blocks == 1) return {panel + kLater * kStep, kStep, kStep / kAmxNextBytes};
  const size_t each = (kStep + blocks - 1) / blocks;
  return {panel + steps * (kStep + block * each), each, (each + kAmxNextBytes - 1) / kAmxNextBytes};
}

// What an AmxSums does beside its own sums, so that vectors and memory have work while tiles multiply.
struct AmxBeside {
  AmxNext next;
  AmxDone done;
  AmxRowsFunction rows;
  const TileEnd& end;
  bool once = false;  // whether tiles of B are read so
};

// Sums of the block before go to scratch as late as their tile is wanted for others: storing waits for no product then.
template <int kTile>
HWY_INLINE void AmxBegin(float* sums) {
  AmxStore<kTile>(sums + kTile * kAmxTileSums, kAmxRowBytes);
  AmxZero<kTile>();
}

// kRowTiles x kColumnTiles tiles of sums, of the tiles of A from `a` on and the panel b. They stay in tiles; those that
// were there before, of beside.done, become C.
template <size_t kRowTiles, size_t kColumnTiles>
HWY_NOINLINE void AmxSums(const TilesBf16& work, const std::byte* const* a, const std::byte* b,
                          const AmxBeside& beside) {
  static_assert(kColumnTiles == 1 ? kRowTiles <= 4 : kRowTiles <= 2);
  constexpr size_t kPanelBytes = kAmxColumns * 4, kLeast = 2;
  auto* const sums = static_cast<float*>(work.scratch);
  const std::byte* from[kRowTiles];
  for (size_t i = 0; i < kRowTiles; ++i) from[i] = a[i] + work.a_offset;
  const size_t a_step = work.a_step, rows = beside.done.rows, asked = beside.next.count, next_step = beside.next.step;
  const size_t share = std::max((rows + work.steps - 1) / work.steps, kLeast);
  const std::byte* next = beside.next.at;
  const bool once = beside.once;
  size_t row = 0;
  const auto step = [&](size_t k, auto begin) HWY_ATTR __attribute__((always_inline)) {
    constexpr bool kBegin = decltype(begin)::value;
    for (size_t i = 0; i < asked; ++i) __builtin_prefetch(next + kAmxNextBytes * i, 0, 2);
    const size_t at = work.pieces[k];
    const auto product = [&]<int kSum, int kA, int kB>() HWY_ATTR {
      if constexpr (kBegin) AmxBegin<kSum>(sums);
      AmxProduct<kSum, kA, kB>();
    };
    AmxLoad<6>(b, kPanelBytes, once);
    AmxLoad<4>(from[0] + at, a_step);
    product.template operator()<0, 4, 6>();
    if constexpr (kColumnTiles == 2) {
      AmxLoad<7>(b + kAmxRowBytes, kPanelBytes, once);
      product.template operator()<1, 4, 7>();
    }
    if constexpr (kRowTiles > 1) {
      AmxLoad<5>(from[1] + at, a_step);
      product.template operator()<kColumnTiles, 5, 6>();
      if constexpr (kColumnTiles == 2) product.template operator()<3, 5, 7>();
    }
    if constexpr (kRowTiles > 2) {
      AmxLoad<7>(from[2] + at, a_step);
      product.template operator()<2, 7, 6>();
    }
    if constexpr (kRowTiles > 3) {
      AmxLoad<4>(from[3] + at, a_step);
      product.template operator()<3, 4, 6>();
    }
    if constexpr (kBegin) {
      constexpr size_t kTiles = kRowTiles * kColumnTiles;
      if constexpr (kTiles < 2) AmxBegin<1>(sums);
      if constexpr (kTiles < 3) AmxBegin<2>(sums);
      if constexpr (kTiles < 4) AmxBegin<3>(sums);
    }
    if (row < rows) {
      const size_t end = std::min(row + share, rows);
      beside.rows(work, beside.done, row, end, beside.end);
      row = end;
    }
    b += kAmxRows * kPanelBytes, next += next_step;
  };
  step(0, std::true_type());
  for (size_t k = 1; k < work.steps; ++k) step(k, std::false_type());
}
using AmxSumsFunction = decltype(&AmxSums<1, 1>);
inline constexpr AmxSumsFunction kAmxSums[2][4] = {{AmxSums<1, 1>, AmxSums<2, 1>, AmxSums<3, 1>, AmxSums<4, 1>},
                                                   {AmxSums<1, 2>, AmxSums<2, 2>}};

// Some tiles by all panels, so that lines of C are made side by side, where all of B is small; long panels pass by two
// tiles of A, which stay in the L1 cache. Else panels outermost, each asked for while the one before is used. Sums
// become C while those of the following block are made.
inline void AmxTiles(const TilesBf16& work) {
  constexpr size_t kSmall = 256 << 10, kNear = 24 << 10;
  if (work.tiles == 0 || work.columns == 0) return;
  const TileEnd end = TileEndOf(work.epilogue);
  AmxBeside beside{{}, {}, AmxRowsFunctionOf(work, work.epilogue.activation), end};
  const size_t panel = work.steps * kAmxColumns * kAmxRowBytes;
  const bool small = (work.columns + kAmxColumns - 1) / kAmxColumns * panel <= kSmall;
  const bool abreast = work.abreast;
  beside.once = small && panel > kNear && (abreast || work.columns > 16);
  const size_t at_once = beside.once ? 2 : small ? 4 : work.tiles;
  const AmxConfigured configured;
  for (size_t begin = 0; begin < work.tiles; begin += at_once) {
    const size_t all = std::min(at_once, work.tiles - begin);
    const auto* b = reinterpret_cast<const std::byte*>(work.b);
    for (size_t n = 0; n < work.columns; n += kAmxColumns, b += panel) {
      const size_t columns = std::min(kAmxColumns, work.columns - n), across = abreast || columns > 16 ? 2 : 1;
      const size_t most = 4 / across, of_c = abreast ? 2 : 1;  // of_c: tiles of rows of C for one of A
      const size_t blocks = (all + most - 1) / most;
      for (size_t block = 0; block < blocks; ++block) {
        const size_t first = begin + block * most, tiles = std::min(most, begin + all - first);
        if (!small) beside.next = AmxNextOf(b, work.steps, block, blocks);
        kAmxSums[across - 1][tiles - 1](work, work.a + first, b, beside);
        beside.done = {of_c * first * kAmxRows, of_c * tiles * kAmxRows, n, columns, across / of_c};
      }
    }
  }
  auto* const sums = static_cast<float*>(work.scratch);
  AmxBegin<0>(sums), AmxBegin<1>(sums), AmxBegin<2>(sums), AmxBegin<3>(sums);
  beside.rows(work, beside.done, 0, beside.done.rows, end);
}

template <class T>
HWY_INLINE void AmxScaleRow(const RowsBf16& rows, const T* x, hwy::bfloat16_t* y) {
  const hn::Repartition<hwy::bfloat16_t, TileF32> d;
  const auto least = hn::Zero(TileF32());
  const auto scaled = [&](size_t k, size_t n) HWY_ATTR {
    return AtLeast(least, hn::MulAdd(AmxLoadN(x + k, n), AmxLoadN(rows.scale + k, n), AmxLoadN(rows.shift + k, n)));
  };
  size_t k = 0;
  for (; k + 2 * kTileLanes <= rows.n; k += 2 * kTileLanes)
    hn::StoreU(hn::OrderedDemote2To(d, scaled(k, kTileLanes), scaled(k + kTileLanes, kTileLanes)), d, y + k);
  if (k == rows.n) return;
  const size_t n = rows.n - k, lower = std::min(kTileLanes, n);
  hn::StoreN(hn::OrderedDemote2To(d, scaled(k, lower), scaled(k + lower, n - lower)), d, y + k, n);
}

// Short rows are a masked vector each.
inline void AmxCopyRows(const RowsBf16& rows, size_t count, size_t n) {
  const hn::ScalableTag<uint16_t> d;
  const size_t lanes = hn::Lanes(d);
  const std::byte* from = rows.x;
  std::byte* to = rows.to;
  for (size_t i = 0; i < count; ++i, from += rows.x_step, to += rows.to_step) {
    const auto* x = reinterpret_cast<const uint16_t*>(from);
    auto* y = reinterpret_cast<uint16_t*>(to);
    size_t k = 0;
    for (; k + lanes < n; k += lanes) hn::StoreU(hn::LoadU(d, x + k), d, y + k);
    hn::StoreN(hn::LoadN(d, x + k, n - k), d, y + k, n - k);
  }
}

inline void AmxRoundRow(const float* x, hwy::bfloat16_t* y, size_t n) {
  const hn::ScalableTag<hwy::bfloat16_t> d;
  const hn::Repartition<float, decltype(d)> df;
  const size_t lanes = hn::Lanes(df);
  size_t k = 0;
  for (; k + 2 * lanes <= n; k += 2 * lanes)
    hn::StoreU(hn::OrderedDemote2To(d, hn::LoadU(df, x + k), hn::LoadU(df, x + k + lanes)), d, y + k);
  if (k == n) return;
  const size_t lower = std::min(lanes, n - k), upper = n - k - lower;
  hn::StoreN(hn::OrderedDemote2To(d, hn::LoadN(df, x + k, lower), hn::LoadN(df, x + k + lower, upper)), d, y + k,
             n - k);
}

inline void AmxRound(const RowsBf16& rows) {
  using Half = hwy::bfloat16_t;
  const size_t bytes = rows.n * (rows.x_bf16 ? sizeof(Half) : sizeof(float));
  const bool dense = rows.scale == nullptr && rows.x_step == static_cast<ptrdiff_t>(bytes) &&
                     rows.to_step == static_cast<ptrdiff_t>(2 * rows.n);
  const size_t count = dense ? 1 : rows.rows, n = dense ? rows.rows * rows.n : rows.n;
  if (rows.scale == nullptr && rows.x_bf16) return AmxCopyRows(rows, count, n);
  const std::byte* from = rows.x;
  std::byte* to = rows.to;
  for (size_t i = 0; i < count; ++i, from += rows.x_step, to += rows.to_step) {
    auto* const y = reinterpret_cast<Half*>(to);
    if (rows.scale == nullptr)
      AmxRoundRow(reinterpret_cast<const float*>(from), y, n);
    else if (rows.x_bf16)
      AmxScaleRow(rows, reinterpret_cast<const Half*>(from), y);
    else
      AmxScaleRow(rows, reinterpret_cast<const float*>(from), y);
  }
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
#endif
