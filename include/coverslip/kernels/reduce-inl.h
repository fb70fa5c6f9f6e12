// Code of the kernels that make one number out of many, once per target; no MulAdd, so that all give the same bits.
#if defined(COVERSLIP_KERNELS_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_REDUCE_INL_H_
#undef COVERSLIP_KERNELS_REDUCE_INL_H_
#else
#define COVERSLIP_KERNELS_REDUCE_INL_H_
#endif

#include <limits>

#include "coverslip/kernels/exp-inl.h"
#include "coverslip/kernels/reduce.hpp"
#include "coverslip/kernels/to_float-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kParts = 8;
using PartTag = hn::CappedTag<double, kParts>;

template <Term kTerm>
constexpr double FirstOf() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return kTerm == Term::Factor ? 1 : kTerm == Term::Most ? -kInfinity : kTerm == Term::Least ? kInfinity : 0;
}

template <Term kTerm, class D, class F>
HWY_INLINE hn::Vec<D> TermOf(D d, F x, F shift) {
  if constexpr (kTerm == Term::Exponential) return hn::PromoteTo(d, Exp(hn::Rebind<float, D>(), hn::Sub(x, shift)));
  const auto wide = hn::PromoteTo(d, x);
  if constexpr (kTerm == Term::Absolute) return hn::Abs(wide);
  if constexpr (kTerm == Term::Square) return hn::Mul(wide, wide);
  return wide;
}

template <Term kTerm, class V>
HWY_INLINE V JoinTerms(V a, V x) {
  if constexpr (kTerm == Term::Factor) return hn::Mul(a, x);
  if constexpr (kTerm == Term::Most) return hn::IfThenElse(hn::Or(hn::Lt(a, x), hn::IsNaN(x)), x, a);
  if constexpr (kTerm == Term::Least) return hn::IfThenElse(hn::Or(hn::Lt(x, a), hn::IsNaN(x)), x, a);
  return hn::Add(a, x);
}

template <Term kTerm>
double TermsAlong(const float* x, size_t n, float shift) {
  const PartTag d;
  const hn::Rebind<float, PartTag> df;
  const size_t lanes = hn::Lanes(d);
  constexpr size_t kVectors = kParts / hn::MaxLanes(PartTag());
  const auto shifts = hn::Set(df, shift);
  const auto first = hn::Set(d, FirstOf<kTerm>());
  hn::Vec<PartTag> parts[kVectors];
  for (size_t v = 0; v < kVectors; ++v) parts[v] = first;
  size_t i = 0;
  for (; i + kParts <= n; i += kParts)
    for (size_t v = 0; v < kVectors; ++v)
      parts[v] = JoinTerms<kTerm>(parts[v], TermOf<kTerm>(d, hn::LoadU(df, x + i + v * lanes), shifts));
  for (size_t v = 0; v < kVectors && i < n; ++v, i += lanes) {
    const size_t count = HWY_MIN(lanes, n - i);
    const auto term = TermOf<kTerm>(d, hn::LoadN(df, x + i, count), shifts);
    parts[v] = JoinTerms<kTerm>(parts[v], hn::IfThenElse(hn::FirstN(d, count), term, first));
  }
  double all[kParts];
  for (size_t v = 0; v < kVectors; ++v) hn::StoreU(parts[v], d, all + v * lanes);
  const hn::CappedTag<double, 1> one;
  for (size_t half = kParts / 2; half > 0; half /= 2)
    for (size_t p = 0; p < half; ++p)
      hn::StoreU(JoinTerms<kTerm>(hn::LoadU(one, all + p), hn::LoadU(one, all + p + half)), one, all + p);
  return all[0];
}

// kRows rows at once, so that results are read and written once for all of them.
template <Term kTerm, size_t kRows>
HWY_INLINE void RowsAcross(const float* x, ptrdiff_t step, size_t n, double* results, const float* shift) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const size_t lanes = hn::Lanes(d);
  for (size_t c = 0; c < n; c += lanes) {
    const size_t count = HWY_MIN(lanes, n - c);
    auto shifts = hn::Zero(df);
    if constexpr (kTerm == Term::Exponential) shifts = hn::LoadN(df, shift + c, count);
    if (count == lanes) {
      auto result = hn::LoadU(d, results + c);
      for (size_t r = 0; r < kRows; ++r)
        result =
            JoinTerms<kTerm>(result, TermOf<kTerm>(d, hn::LoadU(df, x + static_cast<ptrdiff_t>(r) * step + c), shifts));
      hn::StoreU(result, d, results + c);
    } else {
      auto result = hn::LoadN(d, results + c, count);
      for (size_t r = 0; r < kRows; ++r)
        result = JoinTerms<kTerm>(
            result, TermOf<kTerm>(d, hn::LoadN(df, x + static_cast<ptrdiff_t>(r) * step + c, count), shifts));
      hn::StoreN(result, d, results + c, count);
    }
  }
}

template <Term kTerm>
void TermsAcross(const float* x, const Rows& rows, double* results, const float* shift) {
  size_t row = 0;
  for (; row + 4 <= rows.count; row += 4, x += 4 * rows.x_step)
    RowsAcross<kTerm, 4>(x, rows.x_step, rows.n, results, shift);
  for (; row < rows.count; ++row, x += rows.x_step) RowsAcross<kTerm, 1>(x, 0, rows.n, results, shift);
}

template <Term kTerm>
void RunningTerms(const float* x, const Rows& rows, double* results, float* y, bool exclusive) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const size_t lanes = hn::Lanes(d);
  for (size_t row = 0; row < rows.count; ++row, x += rows.x_step, y += rows.y_step)
    for (size_t c = 0; c < rows.n; c += lanes) {
      const size_t count = HWY_MIN(lanes, rows.n - c);
      const bool full = count == lanes;
      const auto before = full ? hn::LoadU(d, results + c) : hn::LoadN(d, results + c, count);
      const auto term = hn::PromoteTo(d, full ? hn::LoadU(df, x + c) : hn::LoadN(df, x + c, count));
      const auto after = JoinTerms<kTerm>(before, term);
      const auto kept = ToFloat(df, d, exclusive ? before : after);
      if (full) {
        hn::StoreU(after, d, results + c);
        hn::StoreU(kept, df, y + c);
      } else {
        hn::StoreN(after, d, results + c, count);
        hn::StoreN(kept, df, y + c, count);
      }
    }
}

inline constexpr ReduceKernels kReduce{
    .along = {TermsAlong<Term::Plain>, TermsAlong<Term::Absolute>, TermsAlong<Term::Square>,
              TermsAlong<Term::Exponential>, TermsAlong<Term::Factor>, TermsAlong<Term::Most>, TermsAlong<Term::Least>},
    .across = {TermsAcross<Term::Plain>, TermsAcross<Term::Absolute>, TermsAcross<Term::Square>,
               TermsAcross<Term::Exponential>, TermsAcross<Term::Factor>, TermsAcross<Term::Most>,
               TermsAcross<Term::Least>},
    .running = {RunningTerms<Term::Plain>, RunningTerms<Term::Factor>}};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
