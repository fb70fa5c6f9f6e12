// Code of the kernels that say where the most or the least of some numbers stands, or what is beyond a number, once per
// target.
#if defined(COVERSLIP_KERNELS_EXTREME_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_EXTREME_INL_H_
#undef COVERSLIP_KERNELS_EXTREME_INL_H_
#else
#define COVERSLIP_KERNELS_EXTREME_INL_H_
#endif

#include "coverslip/kernels/extreme.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The best so far, lane by lane. Numbers come in the order in which the first of equals is wanted; those whose least is
// wanted come with their signs changed.
template <class D>
struct BestOf {
  using DI = hn::RebindToSigned<D>;
  hn::Vec<D> value;
  hn::Vec<DI> place;

  HWY_INLINE void Join(hn::Vec<D> x, hn::Vec<DI> at) {
    const auto is_new_nan = hn::AndNot(hn::IsNaN(value), hn::IsNaN(x));
    const auto better = hn::Or(hn::Gt(x, value), is_new_nan);
    value = hn::IfThenElse(better, x, value);
    place = hn::IfThenElse(hn::RebindMask(DI(), better), at, place);
  }
};

template <class D>
HWY_INLINE hn::Vec<D> Turned(D d, hn::Vec<D> x, const Extreme& which) {
  return hn::Xor(x, hn::Set(d, which.least ? -0.0f : 0.0f));
}

// One vector of columns. The last of equals is the first from the other end.
template <class D>
HWY_INLINE void ExtremeOfColumns(D d, const float* x, const Rows& rows, size_t count, int64_t* y,
                                 const Extreme& which) {
  const typename BestOf<D>::DI di;
  const auto row = [&](size_t i) { return which.last ? rows.count - 1 - i : i; };
  const auto load = [&](size_t r) HWY_ATTR {
    const float* at = x + static_cast<ptrdiff_t>(r) * rows.x_step;
    return Turned(d, count == hn::Lanes(d) ? hn::LoadU(d, at) : hn::LoadN(d, at, count), which);
  };
  BestOf<D> best{load(row(0)), hn::Set(di, static_cast<int32_t>(row(0)))};
  for (size_t i = 1; i < rows.count; ++i) best.Join(load(row(i)), hn::Set(di, static_cast<int32_t>(row(i))));
  HWY_ALIGN int32_t places[hn::MaxLanes(D())];
  hn::Store(best.place, di, places);
  for (size_t c = 0; c < count; ++c) y[c] = places[c];
}

inline void ExtremeAcross(const float* x, const Rows& rows, int64_t* y, Extreme which) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t c = 0; c < rows.n; c += lanes) ExtremeOfColumns(d, x + c, rows, HWY_MIN(lanes, rows.n - c), y + c, which);
}

// Rows of one vector each, whose columns are then compared; what is left over comes one by one.
inline size_t ExtremeAlong(const float* x, size_t n, Extreme which) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const size_t lanes = hn::Lanes(d), whole = n / lanes;
  int64_t places[hn::MaxLanes(d)] = {};
  if (whole > 0)
    ExtremeOfColumns(d, x, {.count = whole, .n = lanes, .x_step = static_cast<ptrdiff_t>(lanes)}, lanes, places, which);
  size_t best = n;
  const auto join = [&](size_t at) HWY_ATTR {
    if (best == n) {
      best = at;
      return;
    }
    const float a = hn::GetLane(Turned(one, hn::Set(one, x[best]), which));
    const float b = hn::GetLane(Turned(one, hn::Set(one, x[at]), which));
    const bool same = a == b || (a != a && b != b);
    if (same ? (at > best) == which.last : b > a || (b != b && a == a)) best = at;
  };
  for (size_t lane = 0; whole > 0 && lane < lanes; ++lane) join(static_cast<size_t>(places[lane]) * lanes + lane);
  for (size_t i = whole * lanes; i < n; ++i) join(i);
  return best;
}

template <class V>
HWY_INLINE auto IsMore(V a, V b) {
  return hn::Or(hn::Gt(a, b), hn::AndNot(hn::IsNaN(b), hn::IsNaN(a)));
}

inline size_t FirstBeyond(const float* x, size_t n, float than, bool least) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto bound = hn::Set(d, than);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    const intptr_t found = hn::FindFirstTrue(d, least ? IsMore(bound, v) : IsMore(v, bound));
    if (found >= 0) return i + static_cast<size_t>(found);
  }
  if (i == n) return n;
  const auto v = hn::LoadN(d, x + i, n - i);
  const auto beyond = hn::And(least ? IsMore(bound, v) : IsMore(v, bound), hn::FirstN(d, n - i));
  const intptr_t found = hn::FindFirstTrue(d, beyond);
  return found >= 0 ? i + static_cast<size_t>(found) : n;
}

inline constexpr ExtremeKernels kExtreme{.along = ExtremeAlong, .across = ExtremeAcross, .beyond = FirstBeyond};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
