// Code of the elementwise kernels of one input, once per target.
#if defined(COVERSLIP_KERNELS_UNARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_UNARY_INL_H_
#undef COVERSLIP_KERNELS_UNARY_INL_H_
#else
#define COVERSLIP_KERNELS_UNARY_INL_H_
#endif

#include <type_traits>

#include "coverslip/kernels/epilogue-inl.h"
#include "coverslip/kernels/unary.hpp"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls f(activation) with the activation as a constant, so that a loop has no branch in it. False, and no call, for
// what is not worth a copy of the loop.
template <class F>
HWY_INLINE bool WithActivation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::None: f(std::integral_constant<Activation, Activation::None>()); return true;
    case Activation::Relu: f(std::integral_constant<Activation, Activation::Relu>()); return true;
    case Activation::LeakyRelu: f(std::integral_constant<Activation, Activation::LeakyRelu>()); return true;
    case Activation::Clip: f(std::integral_constant<Activation, Activation::Clip>()); return true;
    case Activation::Sigmoid: f(std::integral_constant<Activation, Activation::Sigmoid>()); return true;
    case Activation::HardSigmoid: f(std::integral_constant<Activation, Activation::HardSigmoid>()); return true;
    default: return false;
  }
}

inline void Activated(const float* x, float* y, const Rows& rows, const Epilogue& epilogue) {
  RowsFunctionOf<RoundedTwice>(epilogue.activation)(x, y, rows, epilogue);
}

inline void ActivatedSums(const float* x, float* y, const Rows& rows, const Epilogue& epilogue) {
  RowsFunctionOf<RoundedAtBest>(epilogue.activation)(x, y, rows, epilogue);
}

inline constexpr UnaryKernels kUnary{.activate = Activated, .activate_sums = ActivatedSums};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
