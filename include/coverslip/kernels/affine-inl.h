// Code of the kernel that moves and scales, once per target.
#if defined(COVERSLIP_KERNELS_AFFINE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_AFFINE_INL_H_
#undef COVERSLIP_KERNELS_AFFINE_INL_H_
#else
#define COVERSLIP_KERNELS_AFFINE_INL_H_
#endif

#include "coverslip/kernels/affine.hpp"
#include "coverslip/kernels/narrow-inl.h"
#include "coverslip/kernels/unary-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D, class V = hn::Vec<D>>
HWY_INLINE V MoveAndScale(D d, V x, V mean, V scale, V bias, const Epilogue& fixed) {
  return Activate(d, hn::Add(hn::Mul(hn::Sub(x, mean), scale), bias), fixed);
}

// One parameter of each for a row.
template <class T>
HWY_INLINE void AffineByRow(const T* x, T* y, const Rows& rows, const AffineParameters& p, const Epilogue& fixed) {
  const NarrowTag d;
  const size_t lanes = hn::Lanes(d), n = rows.n;
  for (size_t row = 0; row < rows.count; ++row, x += rows.x_step, y += rows.y_step) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(row) * p.step;
    const auto mean = hn::Set(d, p.mean[at]), scale = hn::Set(d, p.scale[at]), bias = hn::Set(d, p.bias[at]);
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) PutNumbers(MoveAndScale(d, GetNumbers(x + i), mean, scale, bias, fixed), y + i);
    if (i < n) PutNumbers(MoveAndScale(d, GetNumbers(x + i, n - i), mean, scale, bias, fixed), y + i, n - i);
  }
}

// Parameters along the row; they are loaded once for four rows.
template <class T>
HWY_INLINE void AffineByColumn(const T* x, T* y, const Rows& rows, const AffineParameters& p, const Epilogue& fixed) {
  const NarrowTag d;
  const size_t lanes = hn::Lanes(d), n = rows.n;
  size_t row = 0;
  for (; row + 4 <= rows.count; row += 4, x += 4 * rows.x_step, y += 4 * rows.y_step) {
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      const auto mean = hn::LoadU(d, p.mean + i), scale = hn::LoadU(d, p.scale + i), bias = hn::LoadU(d, p.bias + i);
      for (ptrdiff_t r = 0; r < 4; ++r) {
        const auto v = GetNumbers(x + r * rows.x_step + i);
        PutNumbers(MoveAndScale(d, v, mean, scale, bias, fixed), y + r * rows.y_step + i);
      }
    }
    if (i == n) continue;
    const auto mean = hn::LoadN(d, p.mean + i, n - i), scale = hn::LoadN(d, p.scale + i, n - i);
    const auto bias = hn::LoadN(d, p.bias + i, n - i);
    for (ptrdiff_t r = 0; r < 4; ++r) {
      const auto v = GetNumbers(x + r * rows.x_step + i, n - i);
      PutNumbers(MoveAndScale(d, v, mean, scale, bias, fixed), y + r * rows.y_step + i, n - i);
    }
  }
  for (; row < rows.count; ++row, x += rows.x_step, y += rows.y_step)
    for (size_t i = 0; i < n; i += lanes) {
      const size_t m = HWY_MIN(lanes, n - i);
      const auto mean = hn::LoadN(d, p.mean + i, m), scale = hn::LoadN(d, p.scale + i, m),
                 bias = hn::LoadN(d, p.bias + i, m);
      PutNumbers(MoveAndScale(d, GetNumbers(x + i, m), mean, scale, bias, fixed), y + i, m);
    }
}

// Activations that have no copy of the loops work on pieces that are still in the first cache.
inline void AffineByPieces(const float* x, float* y, const Rows& rows, const AffineParameters& p,
                           const Epilogue& epilogue) {
  constexpr size_t kPiece = 2048;
  for (size_t row = 0; row < rows.count; ++row, x += rows.x_step, y += rows.y_step)
    for (size_t i = 0; i < rows.n; i += kPiece) {
      const ptrdiff_t at = p.single ? static_cast<ptrdiff_t>(row) * p.step : static_cast<ptrdiff_t>(i);
      const AffineParameters here{p.mean + at, p.scale + at, p.bias + at, p.single, 0};
      const Rows piece{.count = 1, .n = HWY_MIN(kPiece, rows.n - i)};
      if (p.single)
        AffineByRow(x + i, y + i, piece, here, {});
      else
        AffineByColumn(x + i, y + i, piece, here, {});
      ActivateRows<RoundedTwice>(y + i, 1, 0, piece.n, epilogue);
    }
}

inline void Affine(const float* x, float* y, const Rows& rows, const AffineParameters& parameters,
                   const Epilogue& epilogue) {
  const bool done = WithActivation(epilogue.activation, [&](auto activation) HWY_ATTR {
    const Epilogue fixed{activation(), epilogue.alpha, epilogue.beta};
    if (parameters.single) return AffineByRow(x, y, rows, parameters, fixed);
    AffineByColumn(x, y, rows, parameters, fixed);
  });
  if (!done) AffineByPieces(x, y, rows, parameters, epilogue);
}

inline bool AffineNarrow(const void* x_data, void* y_data, const Rows& rows, const AffineParameters& parameters,
                         const Epilogue& epilogue) {
  const auto* x = static_cast<const uint16_t*>(x_data);
  auto* y = static_cast<uint16_t*>(y_data);
  return WithActivation(epilogue.activation, [&](auto activation) HWY_ATTR {
    const Epilogue fixed{activation(), epilogue.alpha, epilogue.beta};
    if (parameters.single) return AffineByRow(x, y, rows, parameters, fixed);
    AffineByColumn(x, y, rows, parameters, fixed);
  });
}

inline constexpr AffineKernels kAffine{.run = Affine, .narrow = AffineNarrow};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
