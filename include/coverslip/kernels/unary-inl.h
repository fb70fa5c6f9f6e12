// Code of the elementwise kernels of one input, once per target.
#if defined(COVERSLIP_KERNELS_UNARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_UNARY_INL_H_
#undef COVERSLIP_KERNELS_UNARY_INL_H_
#else
#define COVERSLIP_KERNELS_UNARY_INL_H_
#endif

#include "coverslip/kernels/unary.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// y[i] = f(x[i]). The tail is one masked load and store, so there is no scalar loop.
template <class F>
void Map(const float* x, float* y, size_t n, const F& f) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(d, hn::LoadU(d, x + i)), d, y + i);
  if (i < n) hn::StoreN(f(d, hn::LoadN(d, x + i, n - i)), d, y + i, n - i);
}

inline void LeakyRelu(const float* x, float* y, size_t n, float slope) {
  Map(x, y, n, [slope](auto d, auto v) HWY_ATTR {
    return hn::IfThenElse(hn::Lt(v, hn::Zero(d)), hn::Mul(v, hn::Set(d, slope)), v);
  });
}

inline constexpr UnaryKernels kUnary{.leaky_relu = LeakyRelu};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
