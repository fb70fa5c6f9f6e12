// Code of the elementwise kernels of two inputs, once per target.
#if defined(COVERSLIP_KERNELS_BINARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_BINARY_INL_H_
#undef COVERSLIP_KERNELS_BINARY_INL_H_
#else
#define COVERSLIP_KERNELS_BINARY_INL_H_
#endif

#include <type_traits>

#include "coverslip/kernels/binary.hpp"
#include "coverslip/kernels/epilogue-inl.h"
#include "coverslip/kernels/narrow-inl.h"
#include "coverslip/kernels/pow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The functions of two vectors; those that make bools return a mask.
template <BinaryOp kOp, class D, class V = hn::Vec<D>>
HWY_INLINE auto Of(D d, V a, V b) {
  using enum BinaryOp;
  constexpr bool kFloat = hwy::IsFloat<hn::TFromD<D>>();
  if constexpr (kOp == Add) return hn::Add(a, b);
  if constexpr (kOp == Sub) return hn::Sub(a, b);
  if constexpr (kOp == Mul) return hn::Mul(a, b);
  if constexpr (kOp == Div) return hn::Div(a, b);
  if constexpr (kOp == Min && !kFloat) return hn::Min(a, b);
  if constexpr (kOp == Max && !kFloat) return hn::Max(a, b);
  if constexpr (kOp == Min && kFloat) return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(b)), b, a);
  if constexpr (kOp == Max && kFloat) return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(b)), b, a);
  if constexpr (kOp == PRelu) return hn::IfThenElse(hn::Lt(a, hn::Zero(d)), hn::Mul(a, b), a);
  if constexpr (kOp == And) return hn::And(a, b);
  if constexpr (kOp == BinaryOp::Or) return hn::Or(a, b);
  if constexpr (kOp == BinaryOp::Xor) return hn::Xor(a, b);
  if constexpr (kOp == Equal) return hn::Eq(a, b);
  if constexpr (kOp == Unequal) return hn::Not(hn::Eq(a, b));  // of NaN, Ne differs from target to target
  if constexpr (kOp == Less) return hn::Lt(a, b);
  if constexpr (kOp == LessOrEqual) return hn::Le(a, b);
  if constexpr (kOp == SameSize) return hn::Eq(hn::Abs(a), b);
}

// A mask as n bytes of 0 or 1.
template <class D>
HWY_INLINE void StoreBools(D d, hn::Mask<D> mask, uint8_t* y, size_t n) {
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<uint8_t, D> d8;
  const auto ones = hn::BitCast(du, hn::VecFromMask(d, mask));
  hn::Vec<decltype(d8)> bytes;
  if constexpr (sizeof(hn::TFromD<D>) == 1)
    bytes = hn::And(ones, hn::Set(d8, uint8_t{1}));
  else
    bytes = hn::And(hn::TruncateTo(d8, ones), hn::Set(d8, uint8_t{1}));
  if (n == hn::Lanes(d))
    hn::StoreU(bytes, d8, y);
  else
    hn::StoreN(bytes, d8, y, n);
}

// An operand that is single lies in a vector of its own, from which all are read.
template <BinaryOp kOp, class T>
HWY_ATTR void Combine(const void* a_data, const void* b_data, void* y_data, const BinaryRows& all) {
  const hn::ScalableTag<T> d;
  using D = decltype(d);
  using Y = std::conditional_t<makes_bools(kOp), uint8_t, T>;
  const size_t lanes = hn::Lanes(d), n = all.rows.n;
  const size_t a_moves = all.a_single ? 0 : 1, b_moves = all.b_single ? 0 : 1;
  HWY_ALIGN T same_a[hn::MaxLanes(D())], same_b[hn::MaxLanes(D())];
  const T *a = static_cast<const T*>(a_data), *b = static_cast<const T*>(b_data);
  Y* y = static_cast<Y*>(y_data);
  for (size_t row = 0; row < all.rows.count; ++row) {
    if (all.a_single) hn::Store(hn::Set(d, *a), d, same_a);
    if (all.b_single) hn::Store(hn::Set(d, *b), d, same_b);
    const T *from_a = all.a_single ? same_a : a, *from_b = all.b_single ? same_b : b;
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      const auto v = Of<kOp>(d, hn::LoadU(d, from_a + i * a_moves), hn::LoadU(d, from_b + i * b_moves));
      if constexpr (makes_bools(kOp))
        StoreBools(d, v, y + i, lanes);
      else
        hn::StoreU(v, d, y + i);
    }
    if (const size_t left = n - i; left > 0) {
      const auto v = Of<kOp>(d, hn::LoadN(d, from_a + i * a_moves, left), hn::LoadN(d, from_b + i * b_moves, left));
      if constexpr (makes_bools(kOp))
        StoreBools(d, v, y + i, left);
      else
        hn::StoreN(v, d, y + i, left);
    }
    a += all.rows.x_step;
    b += all.b_step;
    y += all.rows.y_step;
  }
}

// f32 numbers, which memory holds as X and Y.
template <BinaryOp kOp, class X, class Y>
HWY_ATTR void CombineNarrow(const void* a_data, const void* b_data, void* y_data, const BinaryRows& all) {
  const NarrowTag d;
  const size_t lanes = hn::Lanes(d), n = all.rows.n;
  const X *a = static_cast<const X*>(a_data), *b = static_cast<const X*>(b_data);
  Y* y = static_cast<Y*>(y_data);
  const auto first = [&](const X* x) HWY_ATTR { return hn::Set(d, hn::GetLane(GetNumbers(x, 1))); };
  for (size_t row = 0; row < all.rows.count; ++row) {
    const NarrowV same_a = first(a), same_b = first(b);
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      const NarrowV u = all.a_single ? same_a : GetNumbers(a + i), v = all.b_single ? same_b : GetNumbers(b + i);
      PutNumbers(Of<kOp>(d, u, v), y + i);
    }
    if (const size_t left = n - i; left > 0) {
      const NarrowV u = all.a_single ? same_a : GetNumbers(a + i, left),
                    v = all.b_single ? same_b : GetNumbers(b + i, left);
      PutNumbers(Of<kOp>(d, u, v), y + i, left);
    }
    a += all.rows.x_step;
    b += all.b_step;
    y += all.rows.y_step;
  }
}

template <BinaryOp kOp>
BinaryKernel NarrowBinaryOf(bool from, bool to) {
  if (from) return to ? CombineNarrow<kOp, uint16_t, uint16_t> : CombineNarrow<kOp, uint16_t, float>;
  return to ? CombineNarrow<kOp, float, uint16_t> : Combine<kOp, float>;
}

// Those of which networks are full.
inline BinaryKernel FindNarrowBinary(BinaryOp op, bool from, bool to) {
  if (op == BinaryOp::Add) return NarrowBinaryOf<BinaryOp::Add>(from, to);
  return op == BinaryOp::Mul ? NarrowBinaryOf<BinaryOp::Mul>(from, to) : nullptr;
}

// Where the sign of integers makes no difference.
template <BinaryOp kOp>
BinaryKernel OfBits(Element type) {
  switch (type) {
    case Element::i8:
    case Element::u8:
    case Element::boolean: return Combine<kOp, uint8_t>;
    case Element::i32: return Combine<kOp, uint32_t>;
    case Element::i64: return Combine<kOp, uint64_t>;
    default: return nullptr;
  }
}

template <BinaryOp kOp>
BinaryKernel OfIntegers(Element type) {
  switch (type) {
    case Element::i8: return Combine<kOp, int8_t>;
    case Element::u8: return Combine<kOp, uint8_t>;
    case Element::i32: return Combine<kOp, int32_t>;
    case Element::i64: return Combine<kOp, int64_t>;
    default: return nullptr;
  }
}

inline BinaryKernel FindBinary(BinaryOp op, Element type) {
  using enum BinaryOp;
  const bool f32 = type == Element::f32;
  switch (op) {
    case Add: return f32 ? Combine<Add, float> : OfBits<Add>(type);
    case Sub: return f32 ? Combine<Sub, float> : OfBits<Sub>(type);
    case Mul: return f32 ? Combine<Mul, float> : OfBits<Mul>(type);
    case Div: return f32 ? Combine<Div, float> : nullptr;
    case Min: return f32 ? Combine<Min, float> : OfIntegers<Min>(type);
    case Max: return f32 ? Combine<Max, float> : OfIntegers<Max>(type);
    case PRelu: return f32 ? Combine<PRelu, float> : OfIntegers<PRelu>(type);
    case Pow: return f32 ? PowRows : nullptr;
    case And: return OfBits<And>(type);
    case Or: return OfBits<Or>(type);
    case Xor: return OfBits<Xor>(type);
    case Equal: return f32 ? Combine<Equal, float> : OfBits<Equal>(type);
    case Unequal: return f32 ? Combine<Unequal, float> : nullptr;
    case Less: return f32 ? Combine<Less, float> : OfIntegers<Less>(type);
    case LessOrEqual: return f32 ? Combine<LessOrEqual, float> : OfIntegers<LessOrEqual>(type);
    case SameSize: return f32 ? Combine<SameSize, float> : nullptr;
    default: return nullptr;
  }
}

// Activations other than None work on pieces that are still in the first cache.
inline void AddActivated(const float* a, const float* b, float* y, const BinaryRows& all, const Epilogue& epilogue) {
  if (epilogue.activation == Activation::None) return Combine<BinaryOp::Add, float>(a, b, y, all);
  constexpr size_t kPiece = 2048;
  BinaryRows one = all;
  one.rows.count = 1;
  for (size_t row = 0; row < all.rows.count; ++row, a += all.rows.x_step, b += all.b_step, y += all.rows.y_step)
    for (size_t i = 0; i < all.rows.n; i += kPiece) {
      one.rows.n = HWY_MIN(kPiece, all.rows.n - i);
      Combine<BinaryOp::Add, float>(a + (all.a_single ? 0 : i), b + (all.b_single ? 0 : i), y + i, one);
      ActivateRows<RoundedTwice>(y + i, 1, 0, one.rows.n, epilogue);
    }
}

inline constexpr BinaryKernels kBinary{.find = FindBinary, .find_narrow = FindNarrowBinary, .add = AddActivated};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
