// Code of the running softmax, once per target.
#if defined(COVERSLIP_KERNELS_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_ATTENTION_INL_H_
#undef COVERSLIP_KERNELS_ATTENTION_INL_H_
#else
#define COVERSLIP_KERNELS_ATTENTION_INL_H_
#endif

#include <algorithm>
#include <limits>

#include "coverslip/kernels/attention.hpp"
#include "coverslip/kernels/elementary-inl.h"
#include "coverslip/kernels/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// scores[i] = f(scores[i], bias[i]); without bias, f's second argument is 0. Returns the greatest; NaN is none.
template <class F>
HWY_INLINE float MapScores(float* scores, const float* bias, size_t n, const F& f) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto none = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto most = none;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto score = f(d, hn::LoadU(d, scores + i), bias == nullptr ? hn::Zero(d) : hn::LoadU(d, bias + i));
    hn::StoreU(score, d, scores + i);
    most = hn::IfThenElse(hn::Gt(score, most), score, most);
  }
  if (i < n) {
    const auto here = hn::FirstN(d, n - i);
    const auto b = bias == nullptr ? hn::Zero(d) : hn::LoadN(d, bias + i, n - i);
    const auto score = f(d, hn::LoadN(d, scores + i, n - i), b);
    hn::StoreN(score, d, scores + i, n - i);
    most = hn::IfThenElse(hn::And(here, hn::Gt(score, most)), score, most);
  }
  return hn::ReduceMax(d, most);
}

inline float ScoresOf(float* scores, const float* bias, size_t n, float scale, float cap) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  if (cap != 0)
    return MapScores(scores, bias, n, [=](auto d, auto x, auto b) HWY_ATTR {
      const auto capped = hn::Mul(hn::Set(d, cap), Tanh(d, hn::Div(hn::Mul(x, hn::Set(d, scale)), hn::Set(d, cap))));
      return hn::IfThenElse(hn::Eq(b, hn::Set(d, kNone)), b, hn::Add(capped, b));
    });
  if (bias != nullptr)
    return MapScores(scores, bias, n, [=](auto d, auto x, auto b) HWY_ATTR {
      return hn::IfThenElse(hn::Eq(b, hn::Set(d, kNone)), b, hn::Add(hn::Mul(x, hn::Set(d, scale)), b));
    });
  return MapScores(scores, bias, n, [=](auto d, auto x, auto) HWY_ATTR { return hn::Mul(x, hn::Set(d, scale)); });
}

// e^x of an x that is not above 0; 0 below -64. Beside the 1 in each row's sum that is nothing, and numbers that are
// not normal, which masks of -100 would make, are slow.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Share(D d, V x) {
  const V power = PowerOfTwo<RoundedAtBest>(d, hn::Mul(x, hn::Set(d, 1.44269504f)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -64.0f)), power);
}

// Where no key has taken part yet, scores are compared with 0 instead of -infinity, which would give NaN.
inline void PowersOf(const AttentionRow& row) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  const SumTag d;
  const size_t n = row.end - row.begin, lanes = hn::Lanes(d);
  if (n == 0) return;
  float* scores = row.scores + row.begin;
  const float before = *row.most, most = row.here > before ? row.here : before;
  const auto base = hn::Set(d, most == kNone ? 0 : most);
  SixteenSums sums;
  sums.ForEachVector(n, [&](size_t i, size_t count) HWY_ATTR {
    if (count == lanes) {
      const auto e = Share(d, hn::Sub(hn::LoadU(d, scores + i), base));
      hn::StoreU(e, d, scores + i);
      return e;
    }
    const auto e = Share(d, hn::Sub(hn::LoadN(d, scores + i, count), base));
    hn::StoreN(e, d, scores + i, count);
    return hn::IfThenElseZero(hn::FirstN(d, count), e);
  });
  *row.most = most;
  if (before == kNone) {
    *row.sum = sums.Total();
    return;
  }
  const float change = hn::GetLane(Share(d, hn::Sub(hn::Set(d, before), base)));
  *row.sum = *row.sum * change + sums.Total();
  if (change == 1) return;
  MapScores(row.out, nullptr, row.out_n,
            [&](auto all, auto x, auto) HWY_ATTR { return hn::Mul(x, hn::Set(all, change)); });
}

// The greatest scores of all rows first: a processor computes those of several rows at the same time.
inline void AttentionUpdate(AttentionRow* rows, size_t count, float scale, float softcap) {
  for (size_t i = 0; i < count; ++i) {
    AttentionRow& row = rows[i];
    std::fill_n(row.scores, row.begin, 0.0f);
    std::fill(row.scores + row.end, row.scores + row.n, 0.0f);
    const float* bias = row.bias == nullptr ? nullptr : row.bias + row.begin;
    row.here = ScoresOf(row.scores + row.begin, bias, row.end - row.begin, scale, softcap);
  }
  for (size_t i = 0; i < count; ++i) PowersOf(rows[i]);
}

inline void AttentionDivide(float* y, size_t n, float by) {
  if (by == 0)
    std::fill_n(y, n, 0.0f);
  else
    MapScores(y, nullptr, n, [share = 1 / by](auto d, auto x, auto) HWY_ATTR { return hn::Mul(x, hn::Set(d, share)); });
}

inline constexpr AttentionKernels kAttention{.update = AttentionUpdate, .divide = AttentionDivide};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
