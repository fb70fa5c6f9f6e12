// Code of the kernel that transposes a plane of 4-byte elements, once per target.
#if defined(COVERSLIP_KERNELS_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_TRANSPOSE_INL_H_
#undef COVERSLIP_KERNELS_TRANSPOSE_INL_H_
#else
#define COVERSLIP_KERNELS_TRANSPOSE_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "coverslip/kernels/transpose.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows [begin, end) of columns [first, last), element by element.
inline void TransposeElements(const Transposition& t, size_t begin, size_t end, size_t first, size_t last) {
  for (size_t row = begin; row < end; ++row) {
    const uint32_t* x = t.x + row;
    uint32_t* y = t.y + static_cast<ptrdiff_t>(row) * t.y_step;
    for (size_t i = first; i < last; ++i) std::memcpy(y + i, x + static_cast<ptrdiff_t>(i) * t.x_step, sizeof *y);
  }
}

#if HWY_TARGET != HWY_SCALAR
using WordTag = hn::ScalableTag<uint32_t>;

// Rows of 2, 3 or 4 that follow each other; returns how many are done.
inline size_t Interleave(const Transposition& t) {
  const WordTag d;
  const size_t lanes = hn::Lanes(d);
  const auto at = [&](ptrdiff_t i, size_t row) HWY_ATTR { return hn::LoadU(d, t.x + i * t.x_step + row); };
  size_t row = 0;
  if (t.y_step != static_cast<ptrdiff_t>(t.n)) return 0;
  if (t.n == 2)
    for (; row + lanes <= t.rows; row += lanes) hn::StoreInterleaved2(at(0, row), at(1, row), d, t.y + 2 * row);
  if (t.n == 3)
    for (; row + lanes <= t.rows; row += lanes)
      hn::StoreInterleaved3(at(0, row), at(1, row), at(2, row), d, t.y + 3 * row);
  if (t.n == 4)
    for (; row + lanes <= t.rows; row += lanes)
      hn::StoreInterleaved4(at(0, row), at(1, row), at(2, row), at(3, row), d, t.y + 4 * row);
  return row;
}

// The same the other way round: 2, 3 or 4 rows; returns how many columns are done.
inline size_t Deinterleave(const Transposition& t) {
  const WordTag d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<WordTag> v0, v1, v2, v3;
  const auto put = [&](auto v, ptrdiff_t row, size_t i) HWY_ATTR { hn::StoreU(v, d, t.y + row * t.y_step + i); };
  size_t i = 0;
  if (t.x_step != static_cast<ptrdiff_t>(t.rows)) return 0;
  if (t.rows == 2)
    for (; i + lanes <= t.n; i += lanes) {
      hn::LoadInterleaved2(d, t.x + 2 * i, v0, v1);
      put(v0, 0, i), put(v1, 1, i);
    }
  if (t.rows == 3)
    for (; i + lanes <= t.n; i += lanes) {
      hn::LoadInterleaved3(d, t.x + 3 * i, v0, v1, v2);
      put(v0, 0, i), put(v1, 1, i), put(v2, 2, i);
    }
  if (t.rows == 4)
    for (; i + lanes <= t.n; i += lanes) {
      hn::LoadInterleaved4(d, t.x + 4 * i, v0, v1, v2, v3);
      put(v0, 0, i), put(v1, 1, i), put(v2, 2, i), put(v3, 3, i);
    }
  return i;
}

// Four numbers from each of the columns 0, 4, ... of `x` in one vector.
template <class D>
HWY_INLINE hn::Vec<D> FourWordsOfEach(D d, const uint32_t* x, ptrdiff_t step) {
  if constexpr (hn::MaxLanes(d) == 4) {
    return hn::LoadU(d, x);
  } else {
    const hn::Half<D> half;
    const auto lower = FourWordsOfEach(half, x, step);
    return hn::Combine(d, FourWordsOfEach(half, x + static_cast<ptrdiff_t>(hn::MaxLanes(half)) * step, step), lower);
  }
}

// Four rows of a vector of columns, as blocks of 4 x 4.
HWY_INLINE void TransposeFour(const Transposition& t, size_t row, size_t i) {
  const WordTag d;
  const hn::Repartition<uint64_t, WordTag> pairs;
  const auto column = [&](ptrdiff_t j) HWY_ATTR {
    return FourWordsOfEach(d, t.x + row + (static_cast<ptrdiff_t>(i) + j) * t.x_step, t.x_step);
  };
  const auto a = column(0), b = column(1), c = column(2), e = column(3);
  const auto ab = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
  const auto ce = hn::BitCast(pairs, hn::InterleaveLower(d, c, e));
  const auto ab_upper = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
  const auto ce_upper = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
  uint32_t* y = t.y + static_cast<ptrdiff_t>(row) * t.y_step + i;
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ce)), d, y);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ce)), d, y + t.y_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_upper, ce_upper)), d, y + 2 * t.y_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_upper, ce_upper)), d, y + 3 * t.y_step);
}

// The last vector and the last four rows begin so that they are whole, and move some elements twice.
inline void TransposeWords(const Transposition& t) {
  constexpr size_t kTransposedRows = 64;
  const size_t lanes = hn::Lanes(WordTag());
  if (t.n <= 4) return TransposeElements(t, Interleave(t), t.rows, 0, t.n);
  if (t.rows < 4 || t.n < lanes) return TransposeElements(t, 0, t.rows, Deinterleave(t), t.n);
  for (size_t row0 = 0; row0 < t.rows; row0 += kTransposedRows)
    for (size_t i = 0; i < t.n; i += lanes)
      for (size_t row = row0; row < std::min(row0 + kTransposedRows, t.rows); row += 4)
        TransposeFour(t, std::min(row, t.rows - 4), std::min(i, t.n - lanes));
}

inline constexpr TransposeKernels kTranspose{.words = TransposeWords};
#else
inline constexpr TransposeKernels kTranspose{
    .words = [](const Transposition& t) { TransposeElements(t, 0, t.rows, 0, t.n); }};
#endif

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
