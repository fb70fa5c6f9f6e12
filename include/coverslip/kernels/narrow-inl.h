// Vectors of f32 numbers from and to memory that holds them as f32 or as bf16, once per target.
#if defined(COVERSLIP_KERNELS_NARROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_NARROW_INL_H_
#undef COVERSLIP_KERNELS_NARROW_INL_H_
#else
#define COVERSLIP_KERNELS_NARROW_INL_H_
#endif

#include <cstdint>

#include "coverslip/kernels/dot_bf16-inl.h"
#include "coverslip/kernels/half-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using NarrowTag = hn::ScalableTag<float>;
using NarrowV = hn::Vec<NarrowTag>;

HWY_INLINE NarrowV GetNumbers(const float* x) { return hn::LoadU(NarrowTag(), x); }
HWY_INLINE NarrowV GetNumbers(const float* x, size_t n) { return hn::LoadN(NarrowTag(), x, n); }
HWY_INLINE void PutNumbers(NarrowV v, float* y) { hn::StoreU(v, NarrowTag(), y); }
HWY_INLINE void PutNumbers(NarrowV v, float* y, size_t n) { hn::StoreN(v, NarrowTag(), y, n); }

// bf16. Where an instruction rounds, it takes subnormal numbers for zeros.
using NarrowBits = hn::RebindToUnsigned<NarrowTag>;
using NarrowHalf = hn::Rebind<uint16_t, NarrowTag>;
HWY_INLINE NarrowV WideOf(hn::Vec<NarrowHalf> v) {
  return hn::BitCast(NarrowTag(), WidenBF16::Of(NarrowBits(), hn::PromoteTo(NarrowBits(), v)));
}
HWY_INLINE hn::Vec<NarrowHalf> NarrowOf(NarrowV v) {
#if COVERSLIP_DOT_BF16
  return hn::BitCast(NarrowHalf(), hn::DemoteTo(hn::Rebind<hwy::bfloat16_t, NarrowTag>(), v));
#else
  return hn::TruncateTo(NarrowHalf(), NarrowBF16::Of(NarrowBits(), hn::BitCast(NarrowBits(), v)));
#endif
}
HWY_INLINE NarrowV GetNumbers(const uint16_t* x) { return WideOf(hn::LoadU(NarrowHalf(), x)); }
HWY_INLINE NarrowV GetNumbers(const uint16_t* x, size_t n) { return WideOf(hn::LoadN(NarrowHalf(), x, n)); }
HWY_INLINE void PutNumbers(NarrowV v, uint16_t* y) { hn::StoreU(NarrowOf(v), NarrowHalf(), y); }
HWY_INLINE void PutNumbers(NarrowV v, uint16_t* y, size_t n) { hn::StoreN(NarrowOf(v), NarrowHalf(), y, n); }

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
