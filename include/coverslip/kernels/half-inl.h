// Code of the kernels that widen 16-bit floats and narrow to them, once per target, with the same bits on all of them.
#if defined(COVERSLIP_KERNELS_HALF_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_HALF_INL_H_
#undef COVERSLIP_KERNELS_HALF_INL_H_
#else
#define COVERSLIP_KERNELS_HALF_INL_H_
#endif

#include "coverslip/kernels/half.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Bits in, bits out, all in lanes of 32.
struct WidenF16 {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V Of(D d, V x) {
    const hn::RebindToFloat<D> df;
    const hn::RebindToSigned<D> di;
    const V sign = hn::ShiftLeft<16>(hn::And(x, hn::Set(d, 0x8000u))), rest = hn::And(x, hn::Set(d, 0x7FFFu));
    const V shifted = hn::ShiftLeft<13>(rest);
    const V normal = hn::Add(shifted, hn::Set(d, 0x38000000u)), beyond = hn::Add(shifted, hn::Set(d, 0x70000000u));
    const V subnormal = hn::BitCast(d, hn::Mul(hn::ConvertTo(df, hn::BitCast(di, rest)), hn::Set(df, 0x1p-24f)));
    const V finite = hn::IfThenElse(hn::Lt(rest, hn::Set(d, 0x400u)), subnormal, normal);
    return hn::Or(sign, hn::IfThenElse(hn::Lt(rest, hn::Set(d, 0x7C00u)), finite, beyond));
  }
};

struct WidenBF16 {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V Of(D, V x) {
    return hn::ShiftLeft<16>(x);
  }
};

struct NarrowF16 {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V Of(D d, V x) {
    const hn::RebindToFloat<D> df;
    const V sign = hn::ShiftRight<16>(hn::And(x, hn::Set(d, 0x80000000u))), size = hn::And(x, hn::Set(d, 0x7FFFFFFFu));
    const V odd = hn::And(hn::ShiftRight<13>(size), hn::Set(d, 1u));
    const V normal =
        hn::ShiftRight<13>(hn::Add(hn::Sub(size, hn::Set(d, 0x38000000u)), hn::Add(odd, hn::Set(d, 0xFFFu))));
    // Adding 0.5 leaves the result in the lowest bits, rounded by the addition itself.
    const V subnormal =
        hn::Sub(hn::BitCast(d, hn::Add(hn::BitCast(df, size), hn::Set(df, 0.5f))), hn::Set(d, 0x3F000000u));
    V rest = hn::IfThenElse(hn::Lt(size, hn::Set(d, 0x38800000u)), subnormal, normal);
    rest = hn::IfThenElse(hn::Lt(size, hn::Set(d, 0x477FF000u)), rest, hn::Set(d, 0x7C00u));  // rounds to infinity
    return hn::Or(sign, hn::IfThenElse(hn::Gt(size, hn::Set(d, 0x7F800000u)), hn::Set(d, 0x7E00u), rest));
  }
};

struct NarrowBF16 {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V Of(D d, V x) {
    const V size = hn::And(x, hn::Set(d, 0x7FFFFFFFu)), upper = hn::ShiftRight<16>(x);
    const V rounded = hn::ShiftRight<16>(hn::Add(x, hn::Add(hn::Set(d, 0x7FFFu), hn::And(upper, hn::Set(d, 1u)))));
    return hn::IfThenElse(hn::Gt(size, hn::Set(d, 0x7F800000u)), hn::Or(upper, hn::Set(d, 0x40u)), rounded);
  }
};

template <class F>
HWY_ATTR void WidenRow(const void* x_data, void* y_data, size_t n) {
  const hn::ScalableTag<uint32_t> d;
  const hn::Rebind<uint16_t, decltype(d)> d16;
  const size_t lanes = hn::Lanes(d);
  const auto* x = static_cast<const uint16_t*>(x_data);
  auto* y = static_cast<uint32_t*>(y_data);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(F::Of(d, hn::PromoteTo(d, hn::LoadU(d16, x + i))), d, y + i);
  if (i < n) hn::StoreN(F::Of(d, hn::PromoteTo(d, hn::LoadN(d16, x + i, n - i))), d, y + i, n - i);
}

template <class F>
HWY_ATTR void NarrowRow(const void* x_data, void* y_data, size_t n) {
  const hn::ScalableTag<uint32_t> d;
  const hn::Rebind<uint16_t, decltype(d)> d16;
  const size_t lanes = hn::Lanes(d);
  const auto* x = static_cast<const uint32_t*>(x_data);
  auto* y = static_cast<uint16_t*>(y_data);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::TruncateTo(d16, F::Of(d, hn::LoadU(d, x + i))), d16, y + i);
  if (i < n) hn::StoreN(hn::TruncateTo(d16, F::Of(d, hn::LoadN(d, x + i, n - i))), d16, y + i, n - i);
}

inline constexpr HalfKernels kHalf{.widen_f16 = WidenRow<WidenF16>,
                                   .widen_bf16 = WidenRow<WidenBF16>,
                                   .narrow_f16 = NarrowRow<NarrowF16>,
                                   .narrow_bf16 = NarrowRow<NarrowBF16>};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
