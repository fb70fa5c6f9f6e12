// Code of the running softmax, once per target; no MulAdd, so that all targets give the same bits.
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

// scores[i] = f(scores[i], bias[i]); without bias, f's second argument is 0.
template <class F>
HWY_INLINE void MapScores(float* scores, const float* bias, size_t n, const F& f) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < n; i += lanes) {
    const size_t count = HWY_MIN(lanes, n - i);
    const auto b = bias == nullptr ? hn::Zero(d) : hn::LoadN(d, bias + i, count);
    hn::StoreN(f(d, hn::LoadN(d, scores + i, count), b), d, scores + i, count);
  }
}

inline void ScoresOf(const AttentionRow& row, float* scores, const float* bias, size_t n) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  const float scale = row.scale, cap = row.softcap;
  if (cap != 0) {
    MapScores(scores, bias, n, [=](auto d, auto x, auto b) HWY_ATTR {
      const auto capped = hn::Mul(hn::Set(d, cap), Tanh(d, hn::Div(hn::Mul(x, hn::Set(d, scale)), hn::Set(d, cap))));
      return hn::IfThenElse(hn::Eq(b, hn::Set(d, kNone)), b, hn::Add(capped, b));
    });
  } else if (bias != nullptr) {
    MapScores(scores, bias, n, [=](auto d, auto x, auto b) HWY_ATTR {
      return hn::IfThenElse(hn::Eq(b, hn::Set(d, kNone)), b, hn::Add(hn::Mul(x, hn::Set(d, scale)), b));
    });
  } else {
    MapScores(scores, bias, n, [=](auto d, auto x, auto) HWY_ATTR { return hn::Mul(x, hn::Set(d, scale)); });
  }
}

// Where no key has taken part yet, scores are compared with 0 instead of -infinity, which would give NaN.
inline void AttentionUpdate(const AttentionRow& row) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  const SumTag d;
  const size_t n = row.end - row.begin, lanes = hn::Lanes(d);
  std::fill_n(row.scores, row.begin, 0.0f);
  std::fill(row.scores + row.end, row.scores + row.n, 0.0f);
  if (n == 0) return;
  float* scores = row.scores + row.begin;
  ScoresOf(row, scores, row.bias == nullptr ? nullptr : row.bias + row.begin, n);
  const float here = MostOf(scores, n), before = *row.most, most = here > before ? here : before;
  const float base = most == kNone ? 0 : most;
  SixteenSums sums;
  sums.ForEachVector(n, [&](size_t i, size_t count) HWY_ATTR {
    const auto e = Exp(d, hn::Sub(hn::LoadN(d, scores + i, count), hn::Set(d, base)));
    hn::StoreN(e, d, scores + i, count);
    return count == lanes ? e : hn::IfThenElseZero(hn::FirstN(d, count), e);
  });
  float change[hn::MaxLanes(d)];
  hn::StoreU(Exp(d, hn::Set(d, before - base)), d, change);
  *row.most = most;
  *row.sum = *row.sum * change[0] + sums.Total();
  if (change[0] == 1) return;
  MapScores(row.out, nullptr, row.out_n,
            [&](auto all, auto x, auto) HWY_ATTR { return hn::Mul(x, hn::Set(all, change[0])); });
}

inline constexpr AttentionKernels kAttention{.update = AttentionUpdate};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
