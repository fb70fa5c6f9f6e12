// The activations as functions of a vector, once per target; no MulAdd, so that all targets give the same bits.
#if defined(COVERSLIP_KERNELS_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_EPILOGUE_INL_H_
#undef COVERSLIP_KERNELS_EPILOGUE_INL_H_
#else
#define COVERSLIP_KERNELS_EPILOGUE_INL_H_
#endif

#include "coverslip/kernels/epilogue.hpp"
#include "coverslip/kernels/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 1 / (1 + e^-x), without cancellation or overflow for either sign.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Logistic(D d, V x) {
  const V one = hn::Set(d, 1.0f), z = Exp(d, hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), z, one), hn::Add(one, z));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Activate(D d, V x, const Epilogue& epilogue) {
  const V zero = hn::Zero(d), alpha = hn::Set(d, epilogue.alpha), beta = hn::Set(d, epilogue.beta);
  switch (epilogue.activation) {
    case Activation::None: break;
    case Activation::Relu: return AtLeast(zero, x);
    case Activation::LeakyRelu: return hn::IfThenElse(hn::Lt(x, zero), hn::Mul(x, alpha), x);
    case Activation::Clip: return AtMost(beta, AtLeast(alpha, x));
    case Activation::Sigmoid: return Logistic(d, x);
    case Activation::HardSigmoid: return AtMost(hn::Set(d, 1.0f), AtLeast(zero, hn::Add(hn::Mul(x, alpha), beta)));
  }
  return x;
}

// The activation of n values that are still in the cache.
inline void ActivateRow(float* y, size_t n, const Epilogue& epilogue) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(Activate(d, hn::LoadU(d, y + i), epilogue), d, y + i);
  if (i < n) hn::StoreN(Activate(d, hn::LoadN(d, y + i, n - i), epilogue), d, y + i, n - i);
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
