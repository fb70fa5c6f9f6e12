// Code of the kernels that find out which elements the samples of a grid are mixed of, once per target.
#if defined(COVERSLIP_KERNELS_GRID_CORNERS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_GRID_CORNERS_INL_H_
#undef COVERSLIP_KERNELS_GRID_CORNERS_INL_H_
#else
#define COVERSLIP_KERNELS_GRID_CORNERS_INL_H_
#endif

#include "coverslip/kernels/grid_corners.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The place among the elements; what is far outside, or no number, lies just outside, or at the border.
template <bool kNearest, class D, class V>
HWY_INLINE V GridPlace(D d, V coordinate, const GridLine& line) {
  const auto length = static_cast<float>(line.inputs);
  const V from_zero = hn::Add(coordinate, hn::Set(d, 1.0f)), half = hn::Set(d, 0.5f);
  V at = line.align_corners ? hn::Mul(hn::Mul(from_zero, half), hn::Set(d, length - 1))
                            : hn::Mul(hn::Sub(hn::Mul(from_zero, hn::Set(d, length)), hn::Set(d, 1.0f)), half);
  if (kNearest) at = hn::Round(at);
  const V least = hn::Set(d, line.border ? 0.0f : -1.0f), most = hn::Set(d, line.border ? length - 1 : length);
  at = hn::IfThenElse(hn::Ge(at, least), at, least);
  return hn::IfThenElse(hn::Le(at, most), at, most);
}

template <bool kNearest>
void GridCorners(const float* coordinates, ptrdiff_t step, const GridLine* lines, size_t axes, size_t n,
                 int32_t* places, float* weights, size_t block) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const size_t lanes = hn::Lanes(d);
  const auto steps = hn::Mul(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(step)));
  for (size_t i = 0; i < n; i += lanes, coordinates += static_cast<ptrdiff_t>(lanes) * step) {
    const size_t some = HWY_MIN(lanes, n - i);
    size_t count = 1;
    hn::StoreU(hn::Zero(di), di, places + i);
    hn::StoreU(hn::Set(d, 1.0f), d, weights + i);
    for (size_t axis = 0; axis < axes; ++axis) {
      const GridLine& line = lines[axis];
      const auto coordinate = hn::GatherIndexN(d, coordinates + (axes - 1 - axis), steps, some);
      const auto at = GridPlace<kNearest>(d, coordinate, line);
      const auto low = hn::Floor(at), share = hn::Sub(at, low), zero = hn::Zero(d);
      const auto first = hn::ConvertTo(di, low), last = hn::Set(di, line.inputs - 1);
      const auto stride = hn::Set(di, line.stride);
      // A neighbour outside counts nothing; at a border its share is 0.
      const auto corner = [&](auto weight, auto place, size_t from, size_t to) HWY_ATTR {
        const auto bounded = hn::Min(hn::Max(place, hn::Zero(di)), last);
        const auto inside = hn::RebindMask(d, hn::Eq(bounded, place));
        const auto offset = hn::Mul(bounded, stride);
        const auto counts = hn::IfThenElse(inside, weight, zero);
        hn::StoreU(hn::Mul(hn::LoadU(d, weights + from * block + i), counts), d, weights + to * block + i);
        hn::StoreU(hn::Add(hn::LoadU(di, places + from * block + i), offset), di, places + to * block + i);
      };
      // From the last corner on: corner k becomes 2 k and 2 k + 1, and is read before it is written.
      for (size_t k = count; k-- > 0;) {
        if (kNearest) {
          corner(hn::Set(d, 1.0f), first, k, k);
        } else {
          corner(share, hn::Add(first, hn::Set(di, 1)), k, 2 * k + 1);
          corner(hn::Sub(hn::Set(d, 1.0f), share), first, k, 2 * k);
        }
      }
      count *= kNearest ? 1 : 2;
    }
  }
}

inline constexpr GridCornersKernels kGridCorners{.linear = GridCorners<false>, .nearest = GridCorners<true>};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
