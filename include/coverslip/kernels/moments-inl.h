// Code of the kernels that measure numbers and bring them to a mean and a deviation, once per target.
#if defined(COVERSLIP_KERNELS_MOMENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_MOMENTS_INL_H_
#undef COVERSLIP_KERNELS_MOMENTS_INL_H_
#else
#define COVERSLIP_KERNELS_MOMENTS_INL_H_
#endif

#include <cmath>

#include "coverslip/kernels/elementary-inl.h"
#include "coverslip/kernels/moments.hpp"
#include "coverslip/kernels/narrow-inl.h"
#include "coverslip/kernels/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The upper half is added to the lower again and again.
template <class D>
HWY_INLINE double SumOfHalves([[maybe_unused]] D d, hn::Vec<D> v) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (hn::MaxLanes(d) > 1) {
    const hn::Half<D> half;
    return SumOfHalves(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
#endif
  return hn::GetLane(v);
}

template <size_t kVectors>
HWY_INLINE double TotalOfParts(hn::Vec<PartTag> (&parts)[kVectors]) {
  for (size_t half = kVectors / 2; half > 0; half /= 2)
    for (size_t v = 0; v < half; ++v) parts[v] = hn::Add(parts[v], parts[v + half]);
  return SumOfHalves(PartTag(), parts[0]);
}

inline Moments MomentsAlong(const float* x, size_t n, float shift) {
  const PartTag d;
  const hn::Rebind<float, PartTag> df;
  const size_t lanes = hn::Lanes(d);
  constexpr size_t kVectors = kParts / hn::MaxLanes(PartTag());
  const auto shifts = hn::Set(d, double{shift});
  hn::Vec<PartTag> sums[kVectors], squares[kVectors];
  for (size_t v = 0; v < kVectors; ++v) sums[v] = squares[v] = hn::Zero(d);
  size_t i = 0;
  for (; i + kParts <= n; i += kParts)
    for (size_t v = 0; v < kVectors; ++v) {
      const auto moved = hn::Sub(hn::PromoteTo(d, hn::LoadU(df, x + i + v * lanes)), shifts);
      sums[v] = hn::Add(sums[v], moved);
      squares[v] = hn::Add(squares[v], hn::Mul(moved, moved));
    }
  for (size_t v = 0; v < kVectors && i < n; ++v, i += lanes) {
    const size_t count = HWY_MIN(lanes, n - i);
    const auto wide = hn::PromoteTo(d, hn::LoadN(df, x + i, count));
    const auto moved = hn::IfThenElseZero(hn::FirstN(d, count), hn::Sub(wide, shifts));
    sums[v] = hn::Add(sums[v], moved);
    squares[v] = hn::Add(squares[v], hn::Mul(moved, moved));
  }
  return {TotalOfParts(sums), TotalOfParts(squares)};
}

// kRows rows at once, so that sums are read and written once for all of them.
template <size_t kRows>
HWY_INLINE void MomentsOfRows(const float* x, ptrdiff_t step, size_t n, const float* shifts, double* sums,
                              double* squares) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const size_t lanes = hn::Lanes(d);
  for (size_t c = 0; c < n; c += lanes) {
    const size_t count = HWY_MIN(lanes, n - c);
    const bool full = count == lanes;
    const auto shift = hn::PromoteTo(d, full ? hn::LoadU(df, shifts + c) : hn::LoadN(df, shifts + c, count));
    auto sum = full ? hn::LoadU(d, sums + c) : hn::LoadN(d, sums + c, count);
    auto square = full ? hn::LoadU(d, squares + c) : hn::LoadN(d, squares + c, count);
    for (size_t r = 0; r < kRows; ++r) {
      const float* at = x + static_cast<ptrdiff_t>(r) * step + c;
      const auto moved = hn::Sub(hn::PromoteTo(d, full ? hn::LoadU(df, at) : hn::LoadN(df, at, count)), shift);
      sum = hn::Add(sum, moved);
      square = hn::Add(square, hn::Mul(moved, moved));
    }
    if (full) {
      hn::StoreU(sum, d, sums + c);
      hn::StoreU(square, d, squares + c);
    } else {
      hn::StoreN(sum, d, sums + c, count);
      hn::StoreN(square, d, squares + c, count);
    }
  }
}

inline void MomentsAcross(const float* x, const Rows& rows, const float* shifts, double* sums, double* squares) {
  size_t row = 0;
  for (; row + 4 <= rows.count; row += 4, x += 4 * rows.x_step)
    MomentsOfRows<4>(x, rows.x_step, rows.n, shifts, sums, squares);
  for (; row < rows.count; ++row, x += rows.x_step) MomentsOfRows<1>(x, 0, rows.n, shifts, sums, squares);
}

template <bool kScale, bool kBias>
HWY_INLINE void StandardizeRow(const float* x, float* y, size_t n, const Standardization& by) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto mean = hn::Set(d, by.mean), rest = hn::Set(d, by.rest), factor = hn::Set(d, by.factor);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto v = hn::Mul(hn::Sub(hn::Sub(hn::LoadU(d, x + i), mean), rest), factor);
    if constexpr (kScale) v = hn::Mul(v, hn::LoadU(d, by.scale + i));
    if constexpr (kBias) v = hn::Add(v, hn::LoadU(d, by.bias + i));
    hn::StoreU(v, d, y + i);
  }
  if (i == n) return;
  auto v = hn::Mul(hn::Sub(hn::Sub(hn::LoadN(d, x + i, n - i), mean), rest), factor);
  if constexpr (kScale) v = hn::Mul(v, hn::LoadN(d, by.scale + i, n - i));
  if constexpr (kBias) v = hn::Add(v, hn::LoadN(d, by.bias + i, n - i));
  hn::StoreN(v, d, y + i, n - i);
}

inline void Standardize(const float* x, float* y, size_t n, const Standardization& by) {
  if (by.scale == nullptr) return StandardizeRow<false, false>(x, y, n, by);
  if (by.bias == nullptr) return StandardizeRow<true, false>(x, y, n, by);
  StandardizeRow<true, true>(x, y, n, by);
}

struct SumsOfRow {
  float sum = 0, squares = 0;
};

// Of x - shift; four sums at once.
template <bool kSquares, class X>
HWY_INLINE SumsOfRow SumsAround(const X* x, size_t n, float shift) {
  const NarrowTag d;
  const size_t lanes = hn::Lanes(d);
  const NarrowV shifts = hn::Set(d, shift);
  NarrowV sums[4], squares[4];
  for (size_t i = 0; i < 4; ++i) sums[i] = squares[i] = hn::Zero(d);
  const auto add = [&](NarrowV moved, size_t i) HWY_ATTR {
    sums[i] = hn::Add(sums[i], moved);
    if constexpr (kSquares) squares[i] = hn::MulAdd(moved, moved, squares[i]);
  };
  size_t at = 0;
  for (; at + 4 * lanes <= n; at += 4 * lanes)
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) add(hn::Sub(GetNumbers(x + at + i * lanes), shifts), i);
  for (; at + lanes <= n; at += lanes) add(hn::Sub(GetNumbers(x + at), shifts), 0);
  if (const size_t left = n - at; left > 0)
    add(hn::IfThenElseZero(hn::FirstN(d, left), hn::Sub(GetNumbers(x + at, left), shifts)), 1);
  const auto total = [&](const NarrowV(&parts)[4]) HWY_ATTR {
    return hn::ReduceSum(d, hn::Add(hn::Add(parts[0], parts[1]), hn::Add(parts[2], parts[3])));
  };
  return {total(sums), kSquares ? total(squares) : 0};
}

template <class X, class Y>
HWY_INLINE void StandardizeNarrow(const X* x, Y* y, size_t n, const Standardization& by) {
  const NarrowTag d;
  const size_t lanes = hn::Lanes(d);
  const NarrowV mean = hn::Set(d, by.mean), rest = hn::Set(d, by.rest), factor = hn::Set(d, by.factor);
  const auto move = [&](NarrowV v) HWY_ATTR { return hn::Mul(hn::Sub(hn::Sub(v, mean), rest), factor); };
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    PutNumbers(hn::MulAdd(move(GetNumbers(x + i)), GetNumbers(by.scale + i), GetNumbers(by.bias + i)), y + i);
  if (const size_t left = n - i; left > 0) {
    const NarrowV scale = GetNumbers(by.scale + i, left), bias = GetNumbers(by.bias + i, left);
    PutNumbers(hn::MulAdd(move(GetNumbers(x + i, left)), scale, bias), y + i, left);
  }
}

// Some rows at a time, step by step: what a processor waits for in one row it can spend on others.
template <class X, class Y>
HWY_ATTR void NormRowsAs(const NormRows& work) {
  constexpr size_t kRows = 8;
  const size_t n = work.rows.n;
  const auto numbers = static_cast<float>(n);
  const X* x = static_cast<const X*>(work.x);
  Y* y = static_cast<Y*>(work.y);
  Standardization by[kRows];
  for (size_t row = 0; row < work.rows.count; row += kRows) {
    const size_t count = HWY_MIN(kRows, work.rows.count - row);
    const auto from = [&](size_t r) { return x + static_cast<ptrdiff_t>(row + r) * work.rows.x_step; };
    for (size_t r = 0; r < count; ++r) by[r].mean = SumsAround<false>(from(r), n, 0).sum / numbers;
    for (size_t r = 0; r < count; ++r) {
      const SumsOfRow sums = SumsAround<true>(from(r), n, by[r].mean);
      by[r].rest = sums.sum / numbers;
      const float variance = HWY_MAX(sums.squares / numbers - by[r].rest * by[r].rest, 0.0f);
      by[r].factor = 1 / std::sqrt(variance + work.epsilon);
      by[r].scale = work.scale;
      by[r].bias = work.bias;
    }
    for (size_t r = 0; r < count; ++r)
      StandardizeNarrow(from(r), y + static_cast<ptrdiff_t>(row + r) * work.rows.y_step, n, by[r]);
  }
}

inline void NormRowsNarrow(const NormRows& work) {
  if (work.x_bf16) return work.y_bf16 ? NormRowsAs<uint16_t, uint16_t>(work) : NormRowsAs<uint16_t, float>(work);
  return work.y_bf16 ? NormRowsAs<float, uint16_t>(work) : NormRowsAs<float, float>(work);
}

inline void Damp(const float* x, const float* bases, float* y, size_t n, float exponent) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto power = hn::Set(d, -exponent);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), Exp(d, hn::Mul(power, Log(d, hn::LoadU(d, bases + i))))), d, y + i);
  if (i == n) return;
  const auto factor = Exp(d, hn::Mul(power, Log(d, hn::LoadN(d, bases + i, n - i))));
  hn::StoreN(hn::Mul(hn::LoadN(d, x + i, n - i), factor), d, y + i, n - i);
}

inline constexpr MomentKernels kMoments{.along = MomentsAlong,
                                        .across = MomentsAcross,
                                        .standardize = Standardize,
                                        .norm_narrow = NormRowsNarrow,
                                        .damp = Damp};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
