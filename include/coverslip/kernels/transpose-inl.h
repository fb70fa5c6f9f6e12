// Code of the kernels that transpose a plane of elements of 2 or 4 bytes, once per target.
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
template <class T>
void TransposeElements(const Transposition<T>& t, size_t begin, size_t end, size_t first, size_t last) {
  for (size_t row = begin; row < end; ++row) {
    const T* x = t.x + row;
    T* y = t.y + static_cast<ptrdiff_t>(row) * t.y_step;
    for (size_t i = first; i < last; ++i) std::memcpy(y + i, x + static_cast<ptrdiff_t>(i) * t.x_step, sizeof *y);
  }
}

#if HWY_TARGET != HWY_SCALAR
// Rows of 2, 3 or 4 that follow each other; returns how many are done.
template <class T>
HWY_ATTR size_t Interleave(const Transposition<T>& t) {
  const hn::ScalableTag<T> d;
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
template <class T>
HWY_ATTR size_t Deinterleave(const Transposition<T>& t) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> v0, v1, v2, v3;
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

// As many elements as 16 bytes have: the edge of a block.
template <class T>
inline constexpr size_t kTransposeEdge = 16 / sizeof(T);

// An edge of each of the columns 0, 1 edge, 2 edges, ... in one vector.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> EdgeOfEach(D d, const T* x, ptrdiff_t step) {
  if constexpr (hn::MaxLanes(d) == kTransposeEdge<T>) {
    return hn::LoadU(d, x);
  } else {
    const hn::Half<D> half;
    const auto lower = EdgeOfEach(half, x, step);
    return hn::Combine(d, EdgeOfEach(half, x + static_cast<ptrdiff_t>(hn::MaxLanes(half)) * step, step), lower);
  }
}

// An edge of rows of a vector of columns, as blocks: the first half of the columns shuffled into the second, as often
// as the edge can be halved. Columns after `last` are as that.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void TransposeEdge(D d, const Transposition<T>& t, size_t row, size_t i, size_t last) {
  constexpr size_t kEdge = kTransposeEdge<T>;
  hn::Vec<D> v[kEdge], shuffled[kEdge];
#pragma GCC unroll 8
  for (size_t j = 0; j < kEdge; ++j)
    v[j] = EdgeOfEach(d, t.x + row + static_cast<ptrdiff_t>(std::min(i + j, last)) * t.x_step, t.x_step);
#pragma GCC unroll 3
  for (size_t left = kEdge; left > 1; left /= 2) {
#pragma GCC unroll 4
    for (size_t j = 0; j < kEdge / 2; ++j) {
      shuffled[2 * j] = hn::InterleaveLower(d, v[j], v[j + kEdge / 2]);
      shuffled[2 * j + 1] = hn::InterleaveUpper(d, v[j], v[j + kEdge / 2]);
    }
#pragma GCC unroll 8
    for (size_t j = 0; j < kEdge; ++j) v[j] = shuffled[j];
  }
#pragma GCC unroll 8
  for (size_t j = 0; j < kEdge; ++j) hn::StoreU(v[j], d, t.y + static_cast<ptrdiff_t>(row + j) * t.y_step + i);
}

// The last vector and the last rows begin so that they are whole, and move some elements twice.
template <class D, class T = hn::TFromD<D>>
HWY_ATTR void TransposeBlocks(D d, const Transposition<T>& t) {
  constexpr size_t kTransposedRows = 64, kEdge = kTransposeEdge<T>;
  const size_t lanes = hn::Lanes(d);
  for (size_t row0 = 0; row0 < t.rows; row0 += kTransposedRows)
    for (size_t i = 0; i < t.n; i += lanes)
      for (size_t row = row0; row < std::min(row0 + kTransposedRows, t.rows); row += kEdge)
        TransposeEdge(d, t, std::min(row, t.rows - kEdge), std::min(i, t.n - lanes), t.n);
}

// Fewer columns than an edge has, rows behind each other: what is written after a row the next ones overwrite. Returns
// how many rows are done.
template <class D, class T = hn::TFromD<D>>
HWY_ATTR size_t TransposeNarrow(D d, const Transposition<T>& t) {
  constexpr size_t kEdge = kTransposeEdge<T>;
  if (t.y_step != static_cast<ptrdiff_t>(t.n)) return 0;
  size_t row = 0;
  for (; row + 2 * kEdge <= t.rows; row += kEdge) TransposeEdge(d, t, row, 0, t.n - 1);
  return row;
}

template <class T>
HWY_ATTR void TransposePlane(const Transposition<T>& t) {
  constexpr size_t kEdge = kTransposeEdge<T>;
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, kEdge> narrow;
  if (t.n <= 4) return TransposeElements(t, Interleave(t), t.rows, 0, t.n);
  if (t.rows < kEdge) return TransposeElements(t, 0, t.rows, Deinterleave(t), t.n);
  if (t.n < kEdge) return TransposeElements(t, TransposeNarrow(narrow, t), t.rows, 0, t.n);
  if (t.n < hn::Lanes(d)) return TransposeBlocks(narrow, t);
  TransposeBlocks(d, t);
}

#else
template <class T>
void TransposePlane(const Transposition<T>& t) {
  TransposeElements(t, 0, t.rows, 0, t.n);
}
#endif

inline constexpr TransposeKernels kTranspose{.words = TransposePlane<uint32_t>, .halves = TransposePlane<uint16_t>};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
