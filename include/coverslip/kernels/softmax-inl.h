// Code of the kernels of softmax, its logarithm and hardmax, once per target.
#if defined(COVERSLIP_KERNELS_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_SOFTMAX_INL_H_
#undef COVERSLIP_KERNELS_SOFTMAX_INL_H_
#else
#define COVERSLIP_KERNELS_SOFTMAX_INL_H_
#endif

#include <limits>

#include "coverslip/kernels/elementary-inl.h"
#include "coverslip/kernels/softmax.hpp"
#include "coverslip/kernels/sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Where the most is looked for, a NaN is less than any number; it makes sums NaN all the same.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V NumbersOf(D d, V x) {
  return hn::IfThenElse(hn::IsNaN(x), hn::Set(d, -std::numeric_limits<float>::infinity()), x);
}

inline float MostOf(const float* x, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto least = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto most = least;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) most = hn::Max(most, NumbersOf(d, hn::LoadU(d, x + i)));
  if (i < n)
    most = hn::Max(most, hn::IfThenElse(hn::FirstN(d, n - i), NumbersOf(d, hn::LoadN(d, x + i, n - i)), least));
  return hn::ReduceMax(d, most);
}

// y[i] = f(x[i])
template <class F>
HWY_INLINE void Each(const float* x, float* y, size_t n, const F& f) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(hn::LoadU(d, x + i)), d, y + i);
  if (i < n) hn::StoreN(f(hn::LoadN(d, x + i, n - i)), d, y + i, n - i);
}

// Calls each(e, i, count) with e^(x - most), and returns the sum.
template <class F>
HWY_INLINE float SumOfPowers(const float* x, size_t n, float most_of_all, const F& each) {
  const SumTag d;
  const size_t lanes = hn::Lanes(d);
  const auto most = hn::Set(d, most_of_all);
  SixteenSums sums;
  sums.ForEachVector(n, [&](size_t i, size_t count) HWY_ATTR {
    const bool whole = count == lanes;
    const auto e = Exp(d, hn::Sub(whole ? hn::LoadU(d, x + i) : hn::LoadN(d, x + i, count), most));
    each(e, i, count);
    return whole ? e : hn::IfThenElseZero(hn::FirstN(d, count), e);
  });
  return sums.Total();
}

inline void SoftmaxAlong(const float* x, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  const float total = SumOfPowers(x, n, MostOf(x, n), [y](auto e, size_t i, size_t count) HWY_ATTR {
    const SumTag ds;
    if (count == hn::Lanes(ds))
      hn::StoreU(e, ds, y + i);
    else
      hn::StoreN(e, ds, y + i, count);
  });
  const auto share = hn::Set(d, 1 / total);
  Each(y, y, n, [share](auto e) HWY_ATTR { return hn::Mul(e, share); });
}

inline void LogSoftmaxAlong(const float* x, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  const float most_of_all = MostOf(x, n);
  const auto log = Log(d, hn::Set(d, SumOfPowers(x, n, most_of_all, [](auto, size_t, size_t) HWY_ATTR {})));
  const auto most = hn::Set(d, most_of_all);
  Each(x, y, n, [most, log](auto v) HWY_ATTR { return hn::Sub(hn::Sub(v, most), log); });
}

inline void HardmaxAlong(const float* x, float* y, size_t n) {
  const float most = MostOf(x, n);
  size_t first = 0;
  while (first < n && !(x[first] >= most)) ++first;
  for (size_t i = 0; i < n; ++i) y[i] = 0;
  y[first < n ? first : 0] = 1;
}

inline void Along(AxisFunction f, const float* x, float* y, size_t n) {
  switch (f) {
    case AxisFunction::Softmax: return SoftmaxAlong(x, y, n);
    case AxisFunction::LogSoftmax: return LogSoftmaxAlong(x, y, n);
    case AxisFunction::Hardmax: return HardmaxAlong(x, y, n);
  }
}

// Some columns: as many as a vector has lanes, or fewer.
struct Columns {
  const float* x;
  ptrdiff_t x_step;
  float* y;
  ptrdiff_t y_step;
  size_t n, width;

  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, size_t i) const {
    const float* from = x + static_cast<ptrdiff_t>(i) * x_step;
    return width == hn::Lanes(d) ? hn::LoadU(d, from) : hn::LoadN(d, from, width);
  }
  template <class D>
  HWY_INLINE void Store(D d, hn::Vec<D> v, size_t i) const {
    float* to = y + static_cast<ptrdiff_t>(i) * y_step;
    if (width == hn::Lanes(d))
      hn::StoreU(v, d, to);
    else
      hn::StoreN(v, d, to, width);
  }
};

// Of two numbers the greater one's power is 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void SoftmaxPairs(D d, const Columns& c) {
  const V a = c.Load(d, 0), b = c.Load(d, 1), most = hn::Max(a, b), one = hn::Set(d, 1.0f);
  const V e = Exp(d, hn::Neg(hn::Abs(hn::Sub(a, b))));
  const V greater = hn::Div(one, hn::Add(hn::Add(one, hn::Sub(most, most)), e)), less = hn::Mul(e, greater);
  const auto a_is_less = hn::Lt(a, b);
  c.Store(d, hn::IfThenElse(a_is_less, less, greater), 0);
  c.Store(d, hn::IfThenElse(a_is_less, greater, less), 1);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void SoftmaxColumns(D d, const Columns& c, V most) {
  auto sum = hn::Zero(d);
  for (size_t i = 0; i < c.n; ++i) {
    const V e = Exp(d, hn::Sub(c.Load(d, i), most));
    c.Store(d, e, i);
    sum = hn::Add(sum, e);
  }
  const Columns made{c.y, c.y_step, c.y, c.y_step, c.n, c.width};
  const V share = hn::Div(hn::Set(d, 1.0f), sum);
  for (size_t i = 0; i < c.n; ++i) c.Store(d, hn::Mul(made.Load(d, i), share), i);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void LogSoftmaxColumns(D d, const Columns& c, V most) {
  auto sum = hn::Zero(d);
  for (size_t i = 0; i < c.n; ++i) sum = hn::Add(sum, Exp(d, hn::Sub(c.Load(d, i), most)));
  const V log = Log(d, sum);
  for (size_t i = 0; i < c.n; ++i) c.Store(d, hn::Sub(hn::Sub(c.Load(d, i), most), log), i);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void HardmaxColumns(D d, const Columns& c, V most) {
  const V one = hn::Set(d, 1.0f);
  V open = one;  // 0 where the most has been found
  for (size_t i = 0; i < c.n; ++i) {
    const V here = hn::IfThenElseZero(hn::Ge(c.Load(d, i), most), open);
    c.Store(d, here, i);
    open = hn::Sub(open, here);
  }
  const Columns made{c.y, c.y_step, c.y, c.y_step, c.n, c.width};
  c.Store(d, hn::Add(made.Load(d, 0), open), 0);
}

inline void Across(AxisFunction f, const float* x, ptrdiff_t x_step, float* y, ptrdiff_t y_step, size_t n,
                   size_t columns) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t column = 0; column < columns; column += lanes) {
    const Columns c{x + column, x_step, y + column, y_step, n, HWY_MIN(lanes, columns - column)};
    if (f == AxisFunction::Softmax && n == 2) {
      SoftmaxPairs(d, c);
      continue;
    }
    auto most = NumbersOf(d, c.Load(d, 0));
    for (size_t i = 1; i < n; ++i) most = hn::Max(most, NumbersOf(d, c.Load(d, i)));
    switch (f) {
      case AxisFunction::Softmax: SoftmaxColumns(d, c, most); break;
      case AxisFunction::LogSoftmax: LogSoftmaxColumns(d, c, most); break;
      case AxisFunction::Hardmax: HardmaxColumns(d, c, most); break;
    }
  }
}

inline constexpr SoftmaxKernels kSoftmax{.along = Along, .across = Across};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
