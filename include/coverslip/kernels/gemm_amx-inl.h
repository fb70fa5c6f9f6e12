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

#include "coverslip/kernels/gemm_f32-inl.h"
#include "hwy/highway.h"

#if COVERSLIP_AMX
HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A tile has 16 rows of 64 bytes: sums [16][16], A [16][32 terms], B [16 pairs of terms][16 columns][2].
inline constexpr size_t kAmxRows = 16, kAmxRowBytes = 64, kAmxTileBytes = kAmxRows * kAmxRowBytes;
// Four tiles of sums at once, so that each tile of A and of B is loaded for two products.
inline constexpr size_t kAmxColumns = 32, kAmxBlockRows = 32;
inline constexpr size_t kAmxSumBytes = kAmxBlockRows * kAmxColumns * sizeof(float);

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
template <int kTile>
HWY_INLINE void AmxStore(float* to, size_t step) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(step), "i"(kTile) : "memory");
}
template <int kSum, int kA, int kB>
HWY_INLINE void AmxProduct() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
}

// kRowTiles x kColumnTiles tiles of sums. `a`: tiles one below the other, each of all `steps`; `b`: a panel.
template <size_t kRowTiles, size_t kColumnTiles>
void AmxSums(const std::byte* a, const std::byte* b, size_t steps, float* sums) {
  constexpr size_t kPanelBytes = kAmxColumns * 4, kSumBytes = kAmxColumns * sizeof(float);
  AmxZero<0>(), AmxZero<1>(), AmxZero<2>(), AmxZero<3>();
  for (size_t k = 0; k < steps; ++k, a += kAmxTileBytes, b += kAmxRows * kPanelBytes) {
    AmxLoad<4>(a, kAmxRowBytes);
    AmxLoad<6>(b, kPanelBytes);
    AmxProduct<0, 4, 6>();
    if constexpr (kColumnTiles > 1) {
      AmxLoad<7>(b + kAmxRowBytes, kPanelBytes);
      AmxProduct<1, 4, 7>();
    }
    if constexpr (kRowTiles > 1) {
      AmxLoad<5>(a + steps * kAmxTileBytes, kAmxRowBytes);
      AmxProduct<2, 5, 6>();
      if constexpr (kColumnTiles > 1) AmxProduct<3, 5, 7>();
    }
  }
  AmxStore<0>(sums, kSumBytes);
  if constexpr (kColumnTiles > 1) AmxStore<1>(sums + 16, kSumBytes);
  if constexpr (kRowTiles > 1) AmxStore<2>(sums + kAmxRows * kAmxColumns, kSumBytes);
  if constexpr (kRowTiles > 1 && kColumnTiles > 1) AmxStore<3>(sums + kAmxRows * kAmxColumns + 16, kSumBytes);
}

// Rows of C, from their sums on.
inline void AmxRowsOfC(const IndirectF32& gemm, size_t first, size_t rows, size_t n, size_t columns, const float* sums,
                       const TileEnd& end) {
  const TileF32 d;
  const auto least = hn::Set(d, end.least), most = hn::Set(d, end.most);
  for (size_t v = 0; v < columns; v += kTileLanes) {
    const size_t count = std::min(columns - v, kTileLanes), at = gemm.c_offset + n + v;
    const auto bias = gemm.bias != nullptr ? hn::LoadU(d, gemm.bias + n + v) : hn::Zero(d);
    for (size_t m = 0; m < rows; ++m) {
      auto sum = hn::Add(hn::LoadU(d, sums + m * kAmxColumns + v), bias);
      float* c = gemm.c[first + m] + at;
      if (count == kTileLanes) {
        if (gemm.init != nullptr) sum = hn::Add(sum, hn::LoadU(d, gemm.init[first + m] + at));
        hn::StoreU(AtMost(most, AtLeast(least, sum)), d, c);
      } else {
        if (gemm.init != nullptr) sum = hn::Add(sum, hn::LoadN(d, gemm.init[first + m] + at, count));
        hn::StoreN(AtMost(most, AtLeast(least, sum)), d, c, count);
      }
    }
  }
}

// All columns for the rows from `first` on, which `a` holds.
inline void AmxColumns(const IndirectF32& gemm, size_t first, size_t rows, const std::byte* a, size_t steps,
                       float* sums, const TileEnd& end) {
  const auto* b = reinterpret_cast<const std::byte*>(gemm.b);
  for (size_t n = 0; n < gemm.columns; n += kAmxColumns, b += steps * kAmxRowBytes * kAmxColumns) {
    const size_t columns = std::min(kAmxColumns, gemm.columns - n);
    const bool narrow = columns <= 16;
    for (size_t m = 0; m < rows; m += kAmxBlockRows) {
      const size_t count = std::min(kAmxBlockRows, rows - m);
      const bool low = count <= kAmxRows;
      const std::byte* tiles = a + m / kAmxRows * steps * kAmxTileBytes;
      (low ? (narrow ? AmxSums<1, 1> : AmxSums<1, 2>) : (narrow ? AmxSums<2, 1> : AmxSums<2, 2>))(tiles, b, steps,
                                                                                                  sums);
      AmxRowsOfC(gemm, first + m, count, n, columns, sums, end);
    }
    if (end.after.activation != Activation::None)
      ActivateRows(gemm.c + first, rows, gemm.c_offset + n, columns, end.after);
  }
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
#endif
