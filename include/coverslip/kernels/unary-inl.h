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

// Calls f(activation) with the activation as a constant, so that a loop has no branch in it.
template <class F>
HWY_INLINE void WithActivation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::None: return f(std::integral_constant<Activation, Activation::None>());
    case Activation::Relu: return f(std::integral_constant<Activation, Activation::Relu>());
    case Activation::LeakyRelu: return f(std::integral_constant<Activation, Activation::LeakyRelu>());
    case Activation::Clip: return f(std::integral_constant<Activation, Activation::Clip>());
    case Activation::Sigmoid: return f(std::integral_constant<Activation, Activation::Sigmoid>());
    case Activation::HardSigmoid: return f(std::integral_constant<Activation, Activation::HardSigmoid>());
  }
}

inline void Activated(const float* x, float* y, const Rows& rows, const Epilogue& epilogue) {
  WithActivation(epilogue.activation, [&](auto activation) HWY_ATTR {
    const hn::ScalableTag<float> d;
    const Epilogue fixed{activation(), epilogue.alpha, epilogue.beta};
    const size_t lanes = hn::Lanes(d);
    for (size_t row = 0; row < rows.count; ++row, x += rows.x_step, y += rows.y_step) {
      size_t i = 0;
      for (; i + lanes <= rows.n; i += lanes) hn::StoreU(Activate(d, hn::LoadU(d, x + i), fixed), d, y + i);
      // The tail is one masked load and store, so there is no scalar loop.
      if (i < rows.n) hn::StoreN(Activate(d, hn::LoadN(d, x + i, rows.n - i), fixed), d, y + i, rows.n - i);
    }
  });
}

inline constexpr UnaryKernels kUnary{.activate = Activated};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
