// Activations of results whose operands were rounded to 8 bits, as rough as that allows; once per target.
#if defined(COVERSLIP_KERNELS_EPILOGUE_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_EPILOGUE_BF16_INL_H_
#undef COVERSLIP_KERNELS_EPILOGUE_BF16_INL_H_
#else
#define COVERSLIP_KERNELS_EPILOGUE_BF16_INL_H_
#endif

#include "coverslip/kernels/epilogue-inl.h"
#include "coverslip/kernels/epilogue_bf16.hpp"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 1 / (1 + 2^minus), within 2^-12 of itself, and near 1/2 of 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V RoughGate(D d, V minus) {
  const hn::RebindToSigned<D> di;
  const V shift = hn::Set(d, 0x1.8p23f), one = hn::Set(d, 1.0f);
  minus = AtMost(hn::Set(d, 64.0f), AtLeast(hn::Set(d, -64.0f), minus));
  const V shifted = hn::Add(minus, shift), r = hn::Sub(minus, hn::Sub(shifted, shift));
  V power = hn::MulAdd(r, hn::Set(d, 0.0550089329f), hn::Set(d, 0.242210954f));
  power = hn::MulAdd(power, r, hn::Set(d, 0.693282902f));
  power = hn::MulAdd(power, r, one);
  power = hn::BitCast(d, hn::Add(hn::BitCast(di, power), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
  const V under = hn::Add(one, power), near = hn::ApproximateReciprocal(under);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  return near;  // within 2^-14
#else
  return hn::Mul(near, hn::NegMulAdd(under, near, hn::Set(d, 2.0f)));  // a step of Newton's
#endif
}

// How far these are from the functions is said beside kRoughUnit.
template <Activation kA, class D, class V = hn::Vec<D>>
HWY_INLINE V Roughly(D d, V x, const Epilogue& epilogue) {
  constexpr float kLog2E = 1.44269504f;
  if constexpr (kA == Activation::Gelu) {
    // The normal distribution is 1/2 + t P(t^2), where t is x but for tails: our own least-maximum fit that ends at 0
    // and 1.
    const V t = AtMost(hn::Set(d, 3.5f), AtLeast(hn::Set(d, -3.5f), x)), u = hn::Mul(t, t);
    V p = hn::MulAdd(u, hn::Set(d, -6.791312330278743e-07f), hn::Set(d, 3.4130262065446004e-05f));
    p = hn::MulAdd(p, u, hn::Set(d, -0.0007199877290986478f));
    p = hn::MulAdd(p, u, hn::Set(d, 0.008502040058374405f));
    p = hn::MulAdd(p, u, hn::Set(d, -0.06438722461462021f));
    p = hn::MulAdd(p, u, hn::Set(d, 0.398062527179718f));
    return hn::Mul(x, hn::MulAdd(p, t, hn::Set(d, 0.5f)));
  } else if constexpr (kA == Activation::GeluTanh) {
    // (1 + tanh z) / 2 is 1 / (1 + e^(-2 z)).
    const V inner = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715f), hn::Set(d, 1.0f));
    return hn::Mul(x, RoughGate(d, hn::Mul(hn::Mul(inner, x), hn::Set(d, -2 * 0.797884561f * kLog2E))));
  } else if constexpr (kA == Activation::Swish) {
    return hn::Mul(x, RoughGate(d, hn::Mul(x, hn::Set(d, -kLog2E * epilogue.alpha))));
  } else {
    static_assert(kA == Activation::Sigmoid);
    return RoughGate(d, hn::Mul(x, hn::Set(d, -kLog2E)));
  }
}

template <Activation kA>
HWY_ATTR void RoughRows(const float* x, float* y, const Rows& rows, const Epilogue& epilogue) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t row = 0; row < rows.count; ++row, x += rows.x_step, y += rows.y_step) {
    size_t i = 0;
    for (; i + lanes <= rows.n; i += lanes) hn::StoreU(Roughly<kA>(d, hn::LoadU(d, x + i), epilogue), d, y + i);
    if (const size_t left = rows.n - i; left > 0)
      hn::StoreN(Roughly<kA>(d, hn::LoadN(d, x + i, left), epilogue), d, y + i, left);
  }
}

inline RowsFunction RoughRowsFunctionOf(Activation activation) {
  switch (activation) {
    case Activation::Sigmoid: return RoughRows<Activation::Sigmoid>;
    case Activation::Swish: return RoughRows<Activation::Swish>;
    case Activation::Gelu: return RoughRows<Activation::Gelu>;
    case Activation::GeluTanh: return RoughRows<Activation::GeluTanh>;
    default: return RowsFunctionOf<RoundedAtBest>(activation);
  }
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
