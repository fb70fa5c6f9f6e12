// Code of the bf16 matrix kernel, once per target: rows of A in bf16, and their product on dot products of pairs.
#if defined(COVERSLIP_KERNELS_GEMM_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_GEMM_BF16_INL_H_
#undef COVERSLIP_KERNELS_GEMM_BF16_INL_H_
#else
#define COVERSLIP_KERNELS_GEMM_BF16_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "coverslip/kernels/dot_bf16-inl.h"
#include "coverslip/kernels/gemm_amx-inl.h"
#include "coverslip/kernels/gemm_bf16.hpp"
#include "coverslip/kernels/gemm_f32-inl.h"
#include "coverslip/kernels/half-inl.h"

#if COVERSLIP_DOT_BF16
HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Where rows of A in bf16 go: pieces of kBf16Terms.
struct Bf16Rows {
  std::byte* data;
  size_t row_step, piece_step;  // in bytes
};

// A piece of n floats, and zeros after them.
HWY_INLINE void RoundPiece(const float* x, size_t n, std::byte* to) {
  const hn::ScalableTag<hwy::bfloat16_t> d;
  const hn::Repartition<float, decltype(d)> df;
  const size_t lanes = hn::Lanes(df);
  const auto part = [&](size_t at) HWY_ATTR { return hn::LoadN(df, x + std::min(at, n), n - std::min(at, n)); };
  for (size_t i = 0; i < kBf16Terms; i += 2 * lanes) {
    const bool whole = n >= kBf16Terms;
    const auto lower = whole ? hn::LoadU(df, x + i) : part(i);
    const auto upper = whole ? hn::LoadU(df, x + i + lanes) : part(i + lanes);
    hn::StoreU(hn::OrderedDemote2To(d, lower, upper), d, reinterpret_cast<hwy::bfloat16_t*>(to) + i);
  }
}

// Rows of A, of `taps` times n floats; with several taps n is a multiple of kBf16Terms.
inline void RoundRows(const float* const* a, size_t a_rows, size_t offset, size_t rows, size_t taps, size_t n,
                      Bf16Rows to) {
  const size_t pieces = (n + kBf16Terms - 1) / kBf16Terms;
  for (size_t t = 0; t < taps; ++t, a += a_rows, to.data += pieces * to.piece_step)
    for (size_t m = 0; m < rows; ++m) {
      const float* x = a[m] + offset;
      std::byte* at = to.data + m * to.row_step;
      size_t k = 0;
      for (; k + kBf16Terms <= n; k += kBf16Terms, at += to.piece_step) RoundPiece(x + k, kBf16Terms, at);
      if (k < n) RoundPiece(x + k, n - k, at);
    }
}

// All pieces of a row side by side.
inline void CopyTaps(const IndirectF32& gemm, size_t m, float* to) {
  const TileF32 d;
  for (size_t t = 0; t < gemm.taps; ++t, to += gemm.channels) {
    const float* x = gemm.a[t * gemm.a_rows + m] + gemm.a_offset;
    size_t k = 0;
    for (; k + kTileLanes <= gemm.channels; k += kTileLanes) hn::StoreU(hn::LoadU(d, x + k), d, to + k);
    if (k < gemm.channels) hn::StoreN(hn::LoadN(d, x + k, gemm.channels - k), d, to + k, gemm.channels - k);
  }
}

// Rows of A from row m on. `whole` holds a row in f32.
inline void RoundA(const IndirectF32& gemm, size_t m, size_t rows, float* whole, Bf16Rows to) {
  if (gemm.taps == 1 || gemm.channels % kBf16Terms == 0)
    return RoundRows(gemm.a + m, gemm.a_rows, gemm.a_offset, rows, gemm.taps, gemm.channels, to);
  for (size_t i = 0; i < rows; ++i, to.data += to.row_step) {
    CopyTaps(gemm, m + i, whole);
    RoundRows(&whole, 1, 0, 1, 1, gemm.taps * gemm.channels, to);
  }
}

constexpr size_t Bf16Steps(size_t terms) { return (terms + kBf16Terms - 1) / kBf16Terms; }

template <size_t kColumns>
void PairPanel(const float* panel, size_t terms, float* pairs) {
  const TileF32 d;
  const hn::RebindToUnsigned<TileF32> bits;
  for (size_t k = 0; k < Bf16Steps(terms) * kBf16Terms; k += 2)
    for (size_t n = 0; n < kColumns; n += kTileLanes) {
      const auto row = [&](size_t i) HWY_ATTR {
        return NarrowBF16::Of(bits,
                              i < terms ? hn::BitCast(bits, hn::LoadU(d, panel + i * kColumns + n)) : hn::Zero(bits));
      };
      const auto pair = hn::Or(row(k), hn::ShiftLeft<16>(row(k + 1)));
      hn::StoreU(hn::BitCast(d, pair), d, pairs + k / 2 * kColumns + n);
    }
}

// Rows of A that are rounded at once: they stay in the L2 cache while all of B passes, which may be far bigger.
#if COVERSLIP_AMX
inline constexpr size_t kRoundedBlock = kAmxBlockRows;
#else
inline constexpr size_t kRoundedBlock = kBlockRows;
#endif
constexpr size_t RoundedRows(size_t steps) {
  constexpr size_t kBytes = 256 << 10, kMost = 1024, kLeast = 64;
  const size_t rows = std::min(kBytes / (std::max<size_t>(steps, 1) * kBf16Terms * 2), kMost);
  return (std::max(rows, kLeast) + kRoundedBlock - 1) / kRoundedBlock * kRoundedBlock;
}

#if COVERSLIP_AMX

inline size_t Bf16ScratchBytes(size_t terms) {
  const size_t steps = Bf16Steps(terms), rows = RoundedRows(steps);
  return kAmxScratchBytes + steps * kBf16Terms * (sizeof(float) + 2 * rows) +
         (steps + 2 * rows + rows / kAmxRows) * sizeof(void*);
}

inline void GemmBf16(const IndirectF32& gemm) {
  const size_t steps = Bf16Steps(gemm.taps * gemm.channels), most = RoundedRows(steps);
  float* whole = static_cast<float*>(gemm.scratch) + kAmxScratchBytes / sizeof(float);
  auto* a = reinterpret_cast<std::byte*>(whole + steps * kBf16Terms);
  auto* pieces = reinterpret_cast<size_t*>(a + steps * kBf16Terms * 2 * most);
  auto** tiles = reinterpret_cast<const std::byte**>(pieces + steps);
  auto** inits = tiles + most / kAmxRows;
  auto** c = const_cast<std::byte**>(inits + most);
  for (size_t k = 0; k < steps; ++k) pieces[k] = k * kAmxTileBytes;
  for (size_t first = 0; first < gemm.rows; first += most) {
    const size_t rows = std::min(most, gemm.rows - first), count = (rows + kAmxRows - 1) / kAmxRows;
    for (size_t t = 0; t < count; ++t) {
      tiles[t] = a + t * steps * kAmxTileBytes;
      const size_t m = t * kAmxRows;
      RoundA(gemm, first + m, std::min(kAmxRows, rows - m), whole,
             {a + t * steps * kAmxTileBytes, kAmxRowBytes, kAmxTileBytes});
    }
    for (size_t m = 0; m < count * kAmxRows; ++m) {
      c[m] = m < rows ? reinterpret_cast<std::byte*>(gemm.c[first + m]) : nullptr;
      if (m < rows && gemm.init != nullptr) inits[m] = reinterpret_cast<const std::byte*>(gemm.init[first + m]);
    }
    AmxTiles({.a = tiles,
              .a_offset = 0,
              .a_step = kAmxRowBytes,
              .pieces = pieces,
              .steps = steps,
              .tiles = count,
              .columns = gemm.columns,
              .b = gemm.b,
              .bias = gemm.bias,
              .init = gemm.init != nullptr ? inits : nullptr,
              .c = c,
              .c_offset = gemm.c_offset,
              .init_bf16 = false,
              .c_bf16 = false,
              .epilogue = gemm.epilogue,
              .scratch = gemm.scratch});
  }
}

inline constexpr GemmBf16Kernels kGemmBf16{.rows = kRoundedBlock,
                                           .columns = kAmxColumns,
                                           .speed = 10,
                                           .run = GemmBf16,
                                           .scratch_bytes = Bf16ScratchBytes,
                                           .pair = PairPanel<kAmxColumns>,
                                           .may_run = AmxMayRun,
                                           .tiles = AmxTiles,
                                           .tiles_scratch_bytes = kAmxScratchBytes,
                                           .round = AmxRound};

// Where the target that has AMX cannot use it there is no kernel: on CPUs of that target dot products are slower than
// f32.
#elif HWY_TARGET != HWY_AVX3_SPR

struct ProductBf16 {
  template <class V>
  static HWY_INLINE V Add(V x, V w, V sum) {
    const TileF32 d;
    const hn::Repartition<hwy::bfloat16_t, TileF32> pairs;
    V rest = hn::Zero(d);
    return hn::ReorderWidenMulAccumulate(d, hn::BitCast(pairs, x), hn::BitCast(pairs, w), sum, rest);
  }
};

inline size_t Bf16ScratchBytes(size_t terms) {
  const size_t steps = Bf16Steps(terms), rows = RoundedRows(steps);
  return steps * kBf16Terms * (sizeof(float) + 2 * rows) + rows * sizeof(float*);
}

inline void GemmBf16(const IndirectF32& gemm) {
  const size_t steps = Bf16Steps(gemm.taps * gemm.channels), most = RoundedRows(steps), pairs = steps * kBf16Terms / 2;
  auto* whole = static_cast<float*>(gemm.scratch);
  float* a = whole + steps * kBf16Terms;
  auto** pointers = reinterpret_cast<const float**>(a + most * pairs);
  for (size_t first = 0; first < gemm.rows; first += most) {
    const size_t rows = std::min(most, gemm.rows - first);
    for (size_t m = 0; m < rows; ++m) pointers[m] = a + m * pairs;
    RoundA(gemm, first, rows, whole, {reinterpret_cast<std::byte*>(a), 4 * pairs, 2 * kBf16Terms});
    IndirectF32 block = gemm;
    block.a = pointers;
    block.a_rows = block.rows = rows;
    block.a_offset = 0;
    block.taps = 1;
    block.channels = pairs;
    block.c += first;
    if (block.init != nullptr) block.init += first;
    Gemm<ProductBf16>(block);
  }
}

inline constexpr GemmBf16Kernels kGemmBf16{.rows = kRoundedBlock,
                                           .columns = kTileColumns,
                                           .speed = 1.7,
                                           .run = GemmBf16,
                                           .scratch_bytes = Bf16ScratchBytes,
                                           .pair = PairPanel<kTileColumns>,
                                           .may_run = [] { return true; }};
#endif

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
#if !COVERSLIP_DOT_BF16 || (HWY_TARGET == HWY_AVX3_SPR && !COVERSLIP_AMX)
namespace coverslip::inline v0::HWY_NAMESPACE {
inline constexpr GemmBf16Kernels kGemmBf16{};
}
#endif
#endif
