// Code of attention in bf16 on the tile registers of AMX, which some CPUs of one target have.
#if defined(COVERSLIP_KERNELS_ATTENTION_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_ATTENTION_BF16_INL_H_
#undef COVERSLIP_KERNELS_ATTENTION_BF16_INL_H_
#else
#define COVERSLIP_KERNELS_ATTENTION_BF16_INL_H_
#endif

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "coverslip/kernels/attention_bf16.hpp"
#include "coverslip/kernels/elementary-inl.h"
#include "coverslip/kernels/gemm_amx-inl.h"
#include "coverslip/kernels/transpose-inl.h"

#if COVERSLIP_AMX
HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Operands of a product are padded to whole tiles of 32 terms, and to panels of 32 columns: [panels][terms / 2][32][2].
inline constexpr size_t kHeadTerms = 32, kHeadColumns = 32, kHeadRows = 32, kHeadQueries = 64;
inline constexpr size_t kHeadPanelRow = kHeadColumns * 4;  // bytes

constexpr size_t HeadTerms(size_t n) { return (n + kHeadTerms - 1) / kHeadTerms * kHeadTerms; }
constexpr size_t HeadPanelBytes(size_t terms) { return HeadTerms(terms) / 2 * kHeadPanelRow; }
constexpr size_t HeadPanels(size_t columns) { return (columns + kHeadColumns - 1) / kHeadColumns; }

using HeadFloats = hn::FixedTag<float, 16>;
using HeadPairs = hn::Repartition<hwy::bfloat16_t, HeadFloats>;

template <class T>
const T* HeadRow(const std::byte* from, ptrdiff_t step, size_t i) {
  return reinterpret_cast<const T*>(from + static_cast<ptrdiff_t>(i) * step);
}

// 16 numbers of which `left` are there.
template <class T>
HWY_INLINE hn::Vec<HeadFloats> HeadNumbers(const T* x, size_t left) {
  const HeadFloats d;
  const hn::Rebind<T, HeadFloats> dt;
  const auto v = HWY_LIKELY(left >= 16) ? hn::LoadU(dt, x) : hn::LoadN(dt, x, left);
  if constexpr (sizeof(T) == sizeof(float))
    return v;
  else
    return hn::PromoteTo(d, v);
}

// 32 of them in bf16, times `by`.
template <class T>
HWY_INLINE hn::Vec<HeadPairs> RoundedTerms(const T* x, size_t left, hn::Vec<HeadFloats> by) {
  const auto low = HeadNumbers(x, left), high = left > 16 ? HeadNumbers(x + 16, left - 16) : hn::Zero(HeadFloats());
  return hn::OrderedDemote2To(HeadPairs(), hn::Mul(low, by), hn::Mul(high, by));
}

// Columns of the product are keys, terms side by side in memory: words of two terms are transposed.
template <class T>
void PackHeadKeysOf(const HeadRows& keys, std::byte* to) {
  const HeadPairs pairs;
  const auto one = hn::Set(HeadFloats(), 1.0f);
  alignas(64) hwy::bfloat16_t tile[kHeadColumns * kHeadTerms];
  for (size_t row0 = 0; row0 < keys.rows; row0 += kHeadColumns)
    for (size_t k = 0; k < keys.size; k += kHeadTerms, to += kHeadTerms / 2 * kHeadPanelRow) {
      for (size_t i = 0; i < kHeadColumns; ++i) {
        const T* x = HeadRow<T>(keys.from, keys.step, row0 + i) + k;
        hn::Store(row0 + i < keys.rows ? RoundedTerms(x, keys.size - k, one) : hn::Zero(pairs), pairs,
                  tile + i * kHeadTerms);
      }
      TransposePlane<uint32_t>({.x = reinterpret_cast<const uint32_t*>(tile),
                                .x_step = kHeadTerms / 2,
                                .y = reinterpret_cast<uint32_t*>(to),
                                .y_step = kHeadColumns,
                                .rows = kHeadTerms / 2,
                                .n = kHeadColumns});
    }
}

// Columns of the product are the numbers of a value, terms are keys: two rows are interleaved.
template <class T>
void PackHeadValuesOf(const HeadRows& values, size_t most, std::byte* to) {
  const HeadPairs pairs;
  const hn::Repartition<uint16_t, HeadFloats> bits;
  alignas(64) uint16_t lanes[32];
  for (uint16_t i = 0; i < 32; ++i) lanes[i] = static_cast<uint16_t>(i / 2 + i % 2 * 16);
  const auto order = hn::SetTableIndices(bits, lanes);
  const size_t size = values.size;
  for (size_t n0 = 0; n0 < size; n0 += kHeadColumns)
    for (size_t row = 0; row < HeadTerms(most); row += 2)
      for (size_t n = n0; n < n0 + kHeadColumns; n += 16, to += 64) {
        const auto part = [&](size_t i) HWY_ATTR {
          if (i >= values.rows || n >= size) return hn::Zero(HeadFloats());
          return HeadNumbers(HeadRow<T>(values.from, values.step, i) + n, size - n);
        };
        const auto both = hn::BitCast(bits, hn::OrderedDemote2To(pairs, part(row), part(row + 1)));
        hn::Store(hn::TableLookupLanes(both, order), bits, reinterpret_cast<uint16_t*>(to));
      }
}

inline void PackHeadKeys(const HeadRows& keys, std::byte* to) {
  keys.bf16 ? PackHeadKeysOf<hwy::bfloat16_t>(keys, to) : PackHeadKeysOf<float>(keys, to);
}
inline void PackHeadValues(const HeadRows& values, size_t most, std::byte* to) {
  values.bf16 ? PackHeadValuesOf<hwy::bfloat16_t>(values, most, to) : PackHeadValuesOf<float>(values, most, to);
}

// A product's tiles: rows of `a` are a_row bytes apart, `b` is a panel, rows of c are c_row bytes apart.
struct HeadProduct {
  const std::byte* a;
  size_t a_row;
  const std::byte* b;
  size_t steps;
  float* c;
  size_t c_row;
};

template <size_t kRowTiles, size_t kColumnTiles>
HWY_INLINE void HeadTiles(const HeadProduct& p) {
  const std::byte *a = p.a, *b = p.b;
  AmxZero<0>();
  if constexpr (kColumnTiles > 1) AmxZero<1>();
  if constexpr (kRowTiles > 1) AmxZero<2>();
  if constexpr (kRowTiles > 1 && kColumnTiles > 1) AmxZero<3>();
  for (size_t k = 0; k < p.steps; ++k, a += kAmxRowBytes, b += kHeadTerms / 2 * kHeadPanelRow) {
    AmxLoad<4>(a, p.a_row);
    AmxLoad<6>(b, kHeadPanelRow);
    AmxProduct<0, 4, 6>();
    if constexpr (kColumnTiles > 1) {
      AmxLoad<7>(b + 64, kHeadPanelRow);
      AmxProduct<1, 4, 7>();
    }
    if constexpr (kRowTiles > 1) {
      AmxLoad<5>(a + 16 * p.a_row, p.a_row);
      AmxProduct<2, 5, 6>();
      if constexpr (kColumnTiles > 1) AmxProduct<3, 5, 7>();
    }
  }
  float* lower = p.c + 16 * p.c_row / sizeof(float);
  AmxStore<0>(p.c, p.c_row);
  if constexpr (kColumnTiles > 1) AmxStore<1>(p.c + 16, p.c_row);
  if constexpr (kRowTiles > 1) AmxStore<2>(lower, p.c_row);
  if constexpr (kRowTiles > 1 && kColumnTiles > 1) AmxStore<3>(lower + 16, p.c_row);
}

HWY_INLINE void MultiplyHead(const HeadProduct& p, size_t rows, size_t columns) {
  if (rows > 16)
    columns > 16 ? HeadTiles<2, 2>(p) : HeadTiles<2, 1>(p);
  else
    columns > 16 ? HeadTiles<1, 2>(p) : HeadTiles<1, 1>(p);
}

// Scratch: queries in bf16, scores, sums of values. Rows of scores are no multiple of 1 KiB apart, which would put all
// rows of a tile in the same places of the cache.
struct HeadScratch {
  size_t q_row, score_row, sum_row;  // bytes
  std::byte *q, *scores, *sums;
  float* factors;  // of each query: the greatest score, then one over the sum of shares

  HeadScratch(size_t most, size_t size, size_t value_size, std::byte* scratch)
      : q_row(HeadTerms(size) * 2 + 64),
        score_row(HeadTerms(most) * sizeof(float) + 64),
        sum_row(HeadTerms(value_size) * sizeof(float) + 64),
        q(scratch),
        scores(q + kHeadQueries * q_row),
        sums(scores + kHeadQueries * score_row),
        factors(reinterpret_cast<float*>(sums + kHeadQueries * sum_row)) {}
  explicit HeadScratch(const AttentionBf16& work) : HeadScratch(work.most, work.size, work.value_size, work.scratch) {}
  static size_t Bytes(size_t most, size_t size, size_t value_size) {
    const HeadScratch all(most, size, value_size, nullptr);
    return kHeadQueries * (all.q_row + all.score_row + all.sum_row + sizeof(float));
  }
  HWY_INLINE float* RowOfScores(size_t i) const { return reinterpret_cast<float*>(scores + i * score_row); }
  HWY_INLINE float* RowOfSums(size_t i) const { return reinterpret_cast<float*>(sums + i * sum_row); }
};

// Whole panels of keys.
HWY_INLINE size_t FirstPanelKey(const AttentionBf16& work) { return work.first / kHeadColumns * kHeadColumns; }
HWY_INLINE size_t LastPanelKey(const AttentionBf16& work) { return HeadTerms(work.last); }

// 2^x within 2^-13 of itself of an x that is not above 0; below 2^-125 of an x below -126.
HWY_INLINE hn::Vec<HeadFloats> ShareBf16(hn::Vec<HeadFloats> x) {
  const HeadFloats d;
  const hn::RebindToSigned<HeadFloats> di;
  x = AtLeast(hn::Set(d, -126.0f), x);
  const auto shift = hn::Set(d, 0x1.8p23f), shifted = hn::Add(x, shift);
  const auto r = hn::Sub(x, hn::Sub(shifted, shift));
  auto sum = hn::MulAdd(r, hn::Set(d, 0.05517167f), hn::Set(d, 0.24261113f));
  sum = hn::MulAdd(sum, r, hn::Set(d, 0.69326099f));
  sum = hn::MulAdd(sum, r, hn::Set(d, 0.99992807f));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, sum), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
}

// Which lanes of a vector from key v on take part.
HWY_INLINE hn::Mask<HeadFloats> TakesPart(size_t v, size_t begin, size_t end) {
  const HeadFloats d;
  const auto before = hn::FirstN(d, begin > v ? begin - v : 0), all = hn::FirstN(d, end > v ? end - v : 0);
  return hn::AndNot(before, all);
}

// Scores of the row, in units of log 2; the greatest of them.
template <bool kBias, bool kCap>
HWY_INLINE float HeadScores(const AttentionBf16& work, float* scores, const float* bias, size_t begin, size_t end) {
  const HeadFloats d;
  const auto none = hn::Set(d, -std::numeric_limits<float>::infinity()), unit = hn::Set(d, 1.44269504f);
  const auto cap = hn::Set(d, work.softcap), cap_units = hn::Mul(cap, unit);
  const auto score_of = [&](size_t v, auto b) HWY_ATTR {
    auto score = hn::Load(d, scores + v);
    if constexpr (kCap) score = hn::Mul(cap_units, Tanh(d, hn::Div(score, cap)));
    if constexpr (kBias) score = hn::IfThenElse(hn::Eq(b, none), none, hn::MulAdd(b, unit, score));
    return score;
  };
  const auto edge = [&](size_t v) HWY_ATTR {
    const auto part = TakesPart(v, begin, end);
    const auto b = kBias ? hn::MaskedLoad(part, d, bias + v) : none;
    const auto score = hn::IfThenElse(part, score_of(v, b), none);
    hn::Store(score, d, scores + v);
    return score;
  };
  size_t v = begin / 16 * 16;
  auto most = none;
  if (v < begin) most = edge(v), v += 16;
  for (; v + 16 <= end; v += 16) {
    const auto score = score_of(v, kBias ? hn::LoadU(d, bias + v) : none);
    if constexpr (kBias || kCap) hn::Store(score, d, scores + v);
    most = hn::Max(most, score);
  }
  if (v < end) most = hn::Max(most, edge(v));
  return hn::ReduceMax(d, most);
}

// The row's shares, in bf16 where its scores were, zeros among the keys [first, last) that take no part. Returns their
// sum.
HWY_INLINE float HeadShares(float* scores, float most, size_t begin, size_t end, size_t first, size_t last) {
  const HeadFloats d;
  const HeadPairs pairs;
  auto* to = reinterpret_cast<hwy::bfloat16_t*>(scores);
  const auto base = hn::Set(d, most);
  const auto share = [&](size_t v) HWY_ATTR { return ShareBf16(hn::Sub(hn::Load(d, scores + v), base)); };
  auto sum = hn::Zero(d);
  for (size_t v = first; v < last; v += 32) {
    auto low = share(v), high = share(v + 16);
    if (HWY_UNLIKELY(v < begin || v + 32 > end)) {
      low = hn::IfThenElseZero(TakesPart(v, begin, end), low);
      high = hn::IfThenElseZero(TakesPart(v + 16, begin, end), high);
    }
    sum = hn::Add(sum, hn::Add(low, high));
    hn::Store(hn::OrderedDemote2To(pairs, low, high), pairs, to + v);
  }
  return hn::ReduceSum(d, sum);
}

// The greatest scores of all rows first: a processor computes those of several rows at the same time.
template <bool kBias, bool kCap>
void HeadSoftmax(const AttentionBf16& work) {
  const HeadScratch room(work);
  for (size_t i = 0; i < work.queries; ++i) {
    const float* bias = kBias ? work.bias + static_cast<ptrdiff_t>(i) * work.bias_step : nullptr;
    room.factors[i] = HeadScores<kBias, kCap>(work, room.RowOfScores(i), bias, work.begin[i], work.end[i]);
  }
  const size_t first = FirstPanelKey(work), last = LastPanelKey(work);
  for (size_t i = 0; i < work.queries; ++i) {
    const float most = room.factors[i];
    const bool none = most == -std::numeric_limits<float>::infinity();
    const size_t begin = none ? work.end[i] : work.begin[i];
    const float sum = HeadShares(room.RowOfScores(i), none ? 0 : most, begin, work.end[i], first, last);
    room.factors[i] = none ? 0 : 1 / sum;
  }
}

inline void HeadShareRows(const AttentionBf16& work) {
  const bool cap = work.softcap != 0;
  (work.bias == nullptr ? (cap ? HeadSoftmax<false, true> : HeadSoftmax<false, false>)
                        : (cap ? HeadSoftmax<true, true> : HeadSoftmax<true, false>))(work);
}

template <class T>
void HeadRoundQueries(const AttentionBf16& work) {
  const HeadScratch room(work);
  const auto scale = hn::Set(HeadFloats(), work.softcap != 0 ? work.scale : work.scale * 1.44269504f);
  for (size_t i = 0; i < work.queries; ++i) {
    const T* q = HeadRow<T>(work.q, work.q_step, i);
    auto* to = reinterpret_cast<hwy::bfloat16_t*>(room.q + i * room.q_row);
    for (size_t k = 0; k < work.size; k += kHeadTerms)
      hn::Store(RoundedTerms(q + k, work.size - k, scale), HeadPairs(), to + k);
  }
}

inline void HeadMultiplyKeys(const AttentionBf16& work) {
  const HeadScratch room(work);
  for (size_t i = 0; i < work.queries; i += kHeadRows)
    for (size_t key = FirstPanelKey(work); key < LastPanelKey(work); key += kHeadColumns)
      MultiplyHead({.a = room.q + i * room.q_row,
                    .a_row = room.q_row,
                    .b = work.keys + key / kHeadColumns * HeadPanelBytes(work.size),
                    .steps = HeadTerms(work.size) / kHeadTerms,
                    .c = room.RowOfScores(i) + key,
                    .c_row = room.score_row},
                   work.queries - i, work.most - key);
}

inline void HeadMultiplyValues(const AttentionBf16& work) {
  const HeadScratch room(work);
  const size_t first = FirstPanelKey(work), last = LastPanelKey(work);
  for (size_t i = 0; i < work.queries; i += kHeadRows)
    for (size_t n = 0; n < work.value_size; n += kHeadColumns)
      MultiplyHead({.a = reinterpret_cast<const std::byte*>(room.RowOfScores(i)) + 2 * first,
                    .a_row = room.score_row,
                    .b = work.values + n / kHeadColumns * HeadPanelBytes(work.most) + first / 2 * kHeadPanelRow,
                    .steps = (last - first) / kHeadTerms,
                    .c = room.RowOfSums(i) + n,
                    .c_row = room.sum_row},
                   work.queries - i, work.value_size - n);
}

template <class T>
void HeadOutputs(const AttentionBf16& work) {
  const HeadFloats d;
  const hn::Rebind<T, HeadFloats> dt;
  const HeadScratch room(work);
  for (size_t i = 0; i < work.queries; ++i) {
    const auto by = hn::Set(d, room.factors[i]);
    T* y = const_cast<T*>(HeadRow<T>(work.y, work.y_step, i));
    const float* sums = room.RowOfSums(i);
    for (size_t v = 0; v < work.value_size; v += 16) {
      const auto value = hn::Mul(hn::Load(d, sums + v), by);
      const auto store = [&](auto x) HWY_ATTR {
        const size_t left = work.value_size - v;
        left >= 16 ? hn::StoreU(x, dt, y + v) : hn::StoreN(x, dt, y + v, left);
      };
      if constexpr (sizeof(T) == sizeof(float))
        store(value);
      else
        store(hn::DemoteTo(dt, value));
    }
  }
}

inline void RunHead(const AttentionBf16& work) {
  work.q_bf16 ? HeadRoundQueries<hwy::bfloat16_t>(work) : HeadRoundQueries<float>(work);
  HeadMultiplyKeys(work);
  HeadShareRows(work);
  HeadMultiplyValues(work);
  work.y_bf16 ? HeadOutputs<hwy::bfloat16_t>(work) : HeadOutputs<float>(work);
}

// Tiles stay configured until AmxRelease.
inline void AmxConfigure() {
  alignas(AmxConfigured) std::byte room[sizeof(AmxConfigured)];
  new (room) AmxConfigured;
}
inline void AmxRelease() { __asm__ volatile("tilerelease"); }

inline constexpr AttentionBf16Kernels kAttentionBf16{
    .queries = kHeadQueries,
    .run = RunHead,
    .begin = AmxConfigure,
    .end = AmxRelease,
    .pack_keys = PackHeadKeys,
    .pack_values = PackHeadValues,
    .keys_bytes = [](size_t rows, size_t size) { return HeadPanels(rows) * HeadPanelBytes(size); },
    .values_bytes = [](size_t rows, size_t size) { return HeadPanels(size) * HeadPanelBytes(rows); },
    .scratch_bytes = HeadScratch::Bytes};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#else
namespace coverslip::inline v0::HWY_NAMESPACE {
inline constexpr AttentionBf16Kernels kAttentionBf16{};
}
#endif
#endif
