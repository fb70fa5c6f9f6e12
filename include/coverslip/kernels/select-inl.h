// Code of the kernels that choose between two values, once per target.
#if defined(COVERSLIP_KERNELS_SELECT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_SELECT_INL_H_
#undef COVERSLIP_KERNELS_SELECT_INL_H_
#else
#define COVERSLIP_KERNELS_SELECT_INL_H_
#endif

#include "coverslip/kernels/select.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Operands that are single lie in vectors of their own, from which all are read.
template <class T>
HWY_ATTR void Select(const uint8_t* condition, const void* a_data, const void* b_data, void* y_data,
                     const SelectRows& all) {
  const hn::ScalableTag<T> d;
  using D = decltype(d);
  const hn::Rebind<uint8_t, D> d8;
  const size_t lanes = hn::Lanes(d), n = all.n;
  HWY_ALIGN T same_a[hn::MaxLanes(D())], same_b[hn::MaxLanes(D())];
  HWY_ALIGN uint8_t same_condition[hn::MaxLanes(D())];
  const size_t condition_moves = all.condition_single ? 0 : 1;
  const size_t a_moves = all.a_single ? 0 : 1, b_moves = all.b_single ? 0 : 1;
  const T *a = static_cast<const T*>(a_data), *b = static_cast<const T*>(b_data);
  T* y = static_cast<T*>(y_data);
  const auto choose = [d](auto bytes, auto u, auto v) HWY_ATTR {
    if constexpr (sizeof(T) == 1)
      return hn::IfThenElse(hn::Ne(bytes, hn::Zero(d)), u, v);
    else
      return hn::IfThenElse(hn::Ne(hn::PromoteTo(d, bytes), hn::Zero(d)), u, v);
  };
  for (size_t row = 0; row < all.count; ++row) {
    hn::Store(hn::Set(d, *a), d, same_a);
    hn::Store(hn::Set(d, *b), d, same_b);
    hn::StoreU(hn::Set(d8, *condition), d8, same_condition);
    const T *from_a = all.a_single ? same_a : a, *from_b = all.b_single ? same_b : b;
    const uint8_t* from_condition = all.condition_single ? same_condition : condition;
    size_t i = 0;
    for (; i + lanes <= n; i += lanes)
      hn::StoreU(choose(hn::LoadU(d8, from_condition + i * condition_moves), hn::LoadU(d, from_a + i * a_moves),
                        hn::LoadU(d, from_b + i * b_moves)),
                 d, y + i);
    if (const size_t left = n - i; left > 0)
      hn::StoreN(choose(hn::LoadN(d8, from_condition + i * condition_moves, left),
                        hn::LoadN(d, from_a + i * a_moves, left), hn::LoadN(d, from_b + i * b_moves, left)),
                 d, y + i, left);
    condition += all.condition_step;
    a += all.a_step;
    b += all.b_step;
    y += all.y_step;
  }
}

inline constexpr SelectKernels kSelect{.of_1_byte = Select<uint8_t>,
                                       .of_2_bytes = Select<uint16_t>,
                                       .of_4_bytes = Select<uint32_t>,
                                       .of_8_bytes = Select<uint64_t>};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
