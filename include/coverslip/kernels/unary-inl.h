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

// Calls f(activation) with the activation as a constant, so that a loop has no branch in it; with None for what is not
// worth a copy of the loop.
template <class F>
HWY_INLINE void WithActivation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::Relu: return f(std::integral_constant<Activation, Activation::Relu>());
    case Activation::LeakyRelu: return f(std::integral_constant<Activation, Activation::LeakyRelu>());
    case Activation::Clip: return f(std::integral_constant<Activation, Activation::Clip>());
    case Activation::Sigmoid: return f(std::integral_constant<Activation, Activation::Sigmoid>());
    case Activation::HardSigmoid: return f(std::integral_constant<Activation, Activation::HardSigmoid>());
    default: return f(std::integral_constant<Activation, Activation::None>());
  }
}

inline void Activated(const float* x, float* y, const Rows& rows, const Epilogue& epilogue) {
  RowsFunctionOf(epilogue.activation)(x, y, rows, epilogue);
}

inline constexpr UnaryKernels kUnary{.activate = Activated};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
