// Code of the elementwise kernels of two inputs, once per target.
#if defined(COVERSLIP_KERNELS_BINARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_BINARY_INL_H_
#undef COVERSLIP_KERNELS_BINARY_INL_H_
#else
#define COVERSLIP_KERNELS_BINARY_INL_H_
#endif

#include "coverslip/kernels/binary.hpp"
#include "coverslip/kernels/unary-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// y = f(a, b); the operands that are single are known when compiling.
template <bool kASingle, bool kBSingle, class F>
HWY_INLINE void Combine(const float* a, const float* b, float* y, const BinaryRows& all, const F& f) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d), n = all.rows.n;
  for (size_t row = 0; row < all.rows.count; ++row) {
    const auto one_a = hn::Set(d, *a), one_b = hn::Set(d, *b);
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      auto va = one_a, vb = one_b;
      if constexpr (!kASingle) va = hn::LoadU(d, a + i);
      if constexpr (!kBSingle) vb = hn::LoadU(d, b + i);
      hn::StoreU(f(d, va, vb), d, y + i);
    }
    if (i < n) {
      auto va = one_a, vb = one_b;
      if constexpr (!kASingle) va = hn::LoadN(d, a + i, n - i);
      if constexpr (!kBSingle) vb = hn::LoadN(d, b + i, n - i);
      hn::StoreN(f(d, va, vb), d, y + i, n - i);
    }
    a += all.rows.x_step;
    b += all.b_step;
    y += all.rows.y_step;
  }
}

template <class F>
HWY_INLINE void Combine(const float* a, const float* b, float* y, const BinaryRows& rows, const F& f) {
  if (rows.a_single && rows.b_single) return Combine<true, true>(a, b, y, rows, f);
  if (rows.a_single) return Combine<true, false>(a, b, y, rows, f);
  if (rows.b_single) return Combine<false, true>(a, b, y, rows, f);
  return Combine<false, false>(a, b, y, rows, f);
}

inline void Binary(BinaryOp op, const float* a, const float* b, float* y, const BinaryRows& rows) {
  switch (op) {
    case BinaryOp::Add: return Combine(a, b, y, rows, [](auto, auto u, auto v) HWY_ATTR { return hn::Add(u, v); });
    case BinaryOp::Sub: return Combine(a, b, y, rows, [](auto, auto u, auto v) HWY_ATTR { return hn::Sub(u, v); });
    case BinaryOp::Mul: return Combine(a, b, y, rows, [](auto, auto u, auto v) HWY_ATTR { return hn::Mul(u, v); });
    case BinaryOp::Div: return Combine(a, b, y, rows, [](auto, auto u, auto v) HWY_ATTR { return hn::Div(u, v); });
  }
}

inline void AddActivated(const float* a, const float* b, float* y, const BinaryRows& rows, const Epilogue& epilogue) {
  WithActivation(epilogue.activation, [&](auto activation) HWY_ATTR {
    const Epilogue fixed{activation(), epilogue.alpha, epilogue.beta};
    Combine(a, b, y, rows, [&fixed](auto d, auto u, auto v) HWY_ATTR { return Activate(d, hn::Add(u, v), fixed); });
  });
}

inline constexpr BinaryKernels kBinary{.run = Binary, .add = AddActivated};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
