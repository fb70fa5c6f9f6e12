// Code of Winograd's convolution, once per target: vectors lie along channels.
#if defined(COVERSLIP_KERNELS_WINOGRAD_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_WINOGRAD_F32_INL_H_
#undef COVERSLIP_KERNELS_WINOGRAD_F32_INL_H_
#else
#define COVERSLIP_KERNELS_WINOGRAD_F32_INL_H_
#endif

#include "coverslip/kernels/gemm_f32-inl.h"
#include "coverslip/kernels/winograd_f32.hpp"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The tile of a product: sums of kPointRows x kPointVectors vectors.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
inline constexpr size_t kPointRows = 14, kPointVectors = 2;
#else
inline constexpr size_t kPointRows = kTileRows, kPointVectors = kTileVectors;
#endif
inline constexpr size_t kPointColumns = kPointVectors * kTileLanes;

// Along one axis: the values at the points of the polynomial x(0), x(1), ...
template <size_t kOutputs, class X>
HWY_INLINE void ToPoints(const X& x, float* to, size_t to_step) {
  const TileF32 d;
  using V = hn::Vec<TileF32>;
  const auto put = [&](size_t i, V v) HWY_ATTR { hn::StoreU(v, d, to + i * to_step); };
  if constexpr (kOutputs == 1) {
    put(0, x(0));
  } else if constexpr (kOutputs == 2) {
    const V x0 = x(0), x1 = x(1), x2 = x(2), x3 = x(3);
    put(0, hn::Sub(x0, x2));
    put(1, hn::Add(x1, x2));
    put(2, hn::Sub(x2, x1));
    put(3, hn::Sub(x1, x3));
  } else {
    constexpr float kNear = kWinogradNear * kWinogradNear, kFar = kWinogradFar * kWinogradFar;
    const V near = hn::Set(d, kWinogradNear), far = hn::Set(d, kWinogradFar);
    const V near2 = hn::Set(d, kNear), far2 = hn::Set(d, kFar);
    const V product = hn::Set(d, kNear * kFar), sum = hn::Set(d, kNear + kFar);
    const V x0 = x(0), x1 = x(1), x2 = x(2), x3 = x(3), x4 = x(4), x5 = x(5);
    put(0, hn::MulAdd(x0, product, hn::NegMulAdd(x2, sum, x4)));
    const V near_even = hn::NegMulAdd(x2, far2, x4), near_odd = hn::NegMulAdd(x1, far2, x3);
    put(1, hn::MulAdd(near_odd, near, near_even));
    put(2, hn::NegMulAdd(near_odd, near, near_even));
    const V far_even = hn::NegMulAdd(x2, near2, x4), far_odd = hn::NegMulAdd(x1, near2, x3);
    put(3, hn::MulAdd(far_odd, far, far_even));
    put(4, hn::NegMulAdd(far_odd, far, far_even));
    put(5, hn::MulAdd(x1, product, hn::NegMulAdd(x3, sum, x5)));
  }
}

// And back: the outputs of a product's values.
template <size_t kOutputs>
HWY_INLINE void FromPoints(const float* from, size_t from_step, float* to, size_t to_step) {
  const TileF32 d;
  using V = hn::Vec<TileF32>;
  const auto x = [&](size_t i) HWY_ATTR { return hn::LoadU(d, from + i * from_step); };
  const auto put = [&](size_t i, V v) HWY_ATTR { hn::StoreU(v, d, to + i * to_step); };
  if constexpr (kOutputs == 1) {
    put(0, x(0));
  } else if constexpr (kOutputs == 2) {
    const V x1 = x(1), x2 = x(2);
    put(0, hn::Add(x(0), hn::Add(x1, x2)));
    put(1, hn::Sub(hn::Sub(x1, x2), x(3)));
  } else {
    constexpr float kNear = kWinogradNear, kFar = kWinogradFar;
    const V a = x(1), b = x(2), e = x(3), f = x(4);
    const V near_even = hn::Add(a, b), near_odd = hn::Sub(a, b), far_even = hn::Add(e, f), far_odd = hn::Sub(e, f);
    put(0, hn::Add(x(0), hn::Add(near_even, far_even)));
    put(1, hn::MulAdd(near_odd, hn::Set(d, kNear), hn::Mul(far_odd, hn::Set(d, kFar))));
    put(2, hn::MulAdd(near_even, hn::Set(d, kNear * kNear), hn::Mul(far_even, hn::Set(d, kFar * kFar))));
    put(3, hn::MulAdd(near_odd, hn::Set(d, kNear * kNear * kNear),
                      hn::MulAdd(far_odd, hn::Set(d, kFar * kFar * kFar), x(5))));
  }
}

// Transforms of a tile of k0 x k1 x k2 outputs.
template <size_t k0, size_t k1, size_t k2>
struct WinogradTile {
  static_assert(k0 == 1 || k0 == 2);
  static constexpr size_t kP0 = winograd_points(k0), kP1 = winograd_points(k1), kP2 = winograd_points(k2);
  static constexpr size_t kPoints = kP0 * kP1 * kP2;

  static void Weights(const WinogradWeightsF32& work) {
    constexpr size_t kT0 = k0 == 1 ? 1 : 3, kT1 = k1 == 1 ? 1 : 3, kT2 = k2 == 1 ? 1 : 3;
    const hn::ScalableTag<double> d;
    const hn::Rebind<float, decltype(d)> single;
    using V = hn::Vec<decltype(d)>;
    const double *along0 = work.factors[0], *along1 = work.factors[1], *along2 = work.factors[2];
    for (size_t n = 0; n < work.width; n += hn::Lanes(d))
      for (size_t k = 0; k < kP2; ++k) {
        V lines[kT0][kT1];
#pragma GCC unroll 3
        for (size_t a = 0; a < kT0; ++a)
#pragma GCC unroll 3
          for (size_t b = 0; b < kT1; ++b)
            lines[a][b] = SumOfTaps<kT2>(along2 + k * kT2, [&](size_t i) HWY_ATTR {
              return hn::PromoteTo(d, hn::LoadU(single, work.taps + ((a * kT1 + b) * kT2 + i) * work.width + n));
            });
        for (size_t j = 0; j < kP1; ++j) {
          V planes[kT0];
#pragma GCC unroll 3
          for (size_t a = 0; a < kT0; ++a)
            planes[a] = SumOfTaps<kT1>(along1 + j * kT1, [&](size_t b) HWY_ATTR { return lines[a][b]; });
          for (size_t i = 0; i < kP0; ++i) {
            const V sum = SumOfTaps<kT0>(along0 + i * kT0, [&](size_t a) HWY_ATTR { return planes[a]; });
            hn::StoreU(hn::DemoteTo(single, sum), single, work.u + ((i * kP1 + j) * kP2 + k) * work.point_step + n);
          }
        }
      }
  }

  template <size_t kTaps, class X>
  static HWY_INLINE auto SumOfTaps(const double* factors, const X& x) {
    const hn::ScalableTag<double> d;
    auto sum = hn::Zero(d);
#pragma GCC unroll 3
    for (size_t t = 0; t < kTaps; ++t)
      if (factors[t] != 0) sum = hn::Add(sum, hn::Mul(hn::Set(d, factors[t]), x(t)));
    return sum;
  }

  static void Forward(const WinogradForwardF32& in) {
    const size_t blocks = (in.channels + kTileLanes - 1) / kTileLanes, step = kPointRows * kTileLanes;
    HWY_ALIGN float tile[kPoints * kTileLanes];
    HWY_ALIGN float gathered[kPoints * kTileLanes];
    const bool whole =
        in.end[0] - in.begin[0] == kP0 && in.end[1] - in.begin[1] == kP1 && in.end[2] - in.begin[2] == kP2;
    for (size_t block = 0; block < blocks; ++block) {
      const float* x = in.x + block * kTileLanes;
      const size_t left = in.channels - block * kTileLanes;
      if (HWY_LIKELY(whole && left >= kTileLanes)) {
        Planes(x, in.strides, tile);
      } else {
        Gather(in, x, left, gathered);
        Planes(gathered, {kP1 * kP2 * kTileLanes, kP2 * kTileLanes, kTileLanes}, tile);
      }
      float* v = in.v + block * kPoints * step;
      for (size_t i = 0; i < kP0 * kP1; ++i)
        ToPoints<k2>(Line(tile + i * kP2 * kTileLanes, kTileLanes), v + i * kP2 * step, step);
    }
  }

  static HWY_INLINE auto Line(const float* from, ptrdiff_t step) {
    return [=](ptrdiff_t i) HWY_ATTR { return hn::LoadU(TileF32(), from + i * step); };
  }

  // The first two axes. Where the first has two outputs, its points are sums of two planes, made on the way.
  static HWY_INLINE void Planes(const float* x, const std::array<ptrdiff_t, 3>& strides, float* tile) {
    const TileF32 d;
    constexpr size_t kRow = kP2 * kTileLanes, kPlane = kP1 * kRow;
    for (size_t i = 0; i < kP0; ++i)
      for (size_t k = 0; k < kP2; ++k) {
        float* to = tile + i * kPlane + k * kTileLanes;
        const float* from = x + static_cast<ptrdiff_t>(k) * strides[2];
        if constexpr (k0 == 1) {
          ToPoints<k1>(Line(from, strides[1]), to, kRow);
        } else {
          constexpr ptrdiff_t kFirst[] = {0, 1, 2, 1}, kSecond[] = {2, 2, 1, 3};
          const auto sign = hn::Set(d, i == 1 ? 1.0f : -1.0f);
          const auto first = Line(from + kFirst[i] * strides[0], strides[1]);
          const auto second = Line(from + kSecond[i] * strides[0], strides[1]);
          ToPoints<k1>([&](ptrdiff_t j) HWY_ATTR { return hn::MulAdd(second(j), sign, first(j)); }, to, kRow);
        }
      }
  }

  static void Gather(const WinogradForwardF32& in, const float* x, size_t left, float* tile) {
    const TileF32 d;
    for (size_t i = 0; i < kPoints; ++i) hn::StoreU(hn::Zero(d), d, tile + i * kTileLanes);
    for (size_t i = in.begin[0]; i < in.end[0]; ++i)
      for (size_t j = in.begin[1]; j < in.end[1]; ++j)
        for (size_t k = in.begin[2]; k < in.end[2]; ++k) {
          const float* from = x + static_cast<ptrdiff_t>(i - in.begin[0]) * in.strides[0] +
                              static_cast<ptrdiff_t>(j - in.begin[1]) * in.strides[1] +
                              static_cast<ptrdiff_t>(k - in.begin[2]) * in.strides[2];
          hn::StoreU(left >= kTileLanes ? hn::LoadU(d, from) : hn::LoadN(d, from, left), d,
                     tile + ((i * kP1 + j) * kP2 + k) * kTileLanes);
        }
  }

  static void Back(const WinogradBackF32& out) {
    const TileF32 d;
    const TileEnd end = TileEndOf(out.epilogue);
    const auto least = hn::Set(d, end.least), most = hn::Set(d, end.most);
    const size_t step = kPointRows * out.width;
    HWY_ALIGN float tile[kP0 * kP1 * k2 * kTileLanes];
    for (size_t n = 0; n < out.columns; n += kTileLanes) {
      for (size_t i = 0; i < kP0 * kP1; ++i)
        FromPoints<k2>(out.m + n + i * kP2 * step, step, tile + i * k2 * kTileLanes, kTileLanes);
      if constexpr (k0 > 1)
        for (size_t j = 0; j < kP1 * k2; ++j)
          FromPoints<k0>(tile + j * kTileLanes, kP1 * k2 * kTileLanes, tile + j * kTileLanes, kP1 * k2 * kTileLanes);
      for (size_t i = 0; i < k0; ++i)
        for (size_t k = 0; k < k2; ++k) {
          float* line = tile + (i * kP1 * k2 + k) * kTileLanes;
          FromPoints<k1>(line, k2 * kTileLanes, line, k2 * kTileLanes);
        }
      const auto bias = out.bias != nullptr ? hn::LoadU(d, out.bias + n) : hn::Zero(d);
      const size_t left = out.columns - n;
      for (size_t i = 0; i < out.outputs[0]; ++i)
        for (size_t j = 0; j < out.outputs[1]; ++j)
          for (size_t k = 0; k < out.outputs[2]; ++k) {
            const auto place = [&](const std::array<ptrdiff_t, 3>& strides) {
              return static_cast<ptrdiff_t>(n) + static_cast<ptrdiff_t>(i) * strides[0] +
                     static_cast<ptrdiff_t>(j) * strides[1] + static_cast<ptrdiff_t>(k) * strides[2];
            };
            float* y = out.y + place(out.strides);
            auto sum = hn::Add(hn::LoadU(d, tile + ((i * kP1 + j) * k2 + k) * kTileLanes), bias);
            if (out.init != nullptr) {
              const float* init = out.init + place(out.init_strides);
              sum = hn::Add(sum, left >= kTileLanes ? hn::LoadU(d, init) : hn::LoadN(d, init, left));
            }
            sum = AtMost(most, AtLeast(least, sum));
            left >= kTileLanes ? hn::StoreU(sum, d, y) : hn::StoreN(sum, d, y, left);
          }
    }
    if (end.after.activation == Activation::None) return;
    for (size_t i = 0; i < out.outputs[0]; ++i)
      for (size_t j = 0; j < out.outputs[1]; ++j)
        ActivateSums(out.y + static_cast<ptrdiff_t>(i) * out.strides[0] + static_cast<ptrdiff_t>(j) * out.strides[1],
                     out.outputs[2], out.strides[2], out.columns, end.after);
  }

  static constexpr WinogradTileF32 kKernels{
      .outputs = {k0, k1, k2}, .weights = Weights, .forward = Forward, .back = Back};
};

// Some groups of the same size at one point.
struct PointArgs {
  const float* v;  // [groups], v_step apart: [blocks][kPointRows][lanes]
  size_t v_step;
  const float* u;  // [channels][kVectors * lanes]
  float* m;        // [groups], m_step apart: [kPointRows][kVectors * lanes]
  size_t m_step, groups, channels, v_block;
};

template <size_t kRows, size_t kVectors>
HWY_NOINLINE void PointTiles(const PointArgs& args) {
  const TileF32 d;
  using V = hn::Vec<TileF32>;
  constexpr size_t kWidth = kVectors * kTileLanes;
  for (size_t g = 0; g < args.groups; ++g) {
    const float* HWY_RESTRICT v = args.v + g * args.v_step;
    const float* HWY_RESTRICT u = args.u;
    V sum[kRows][kVectors];
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (size_t n = 0; n < kVectors; ++n) sum[r][n] = hn::Zero(d);
    const float* ahead = u + (args.channels * kVectors + g * args.channels) * kTileLanes;
    const size_t ahead_step = g < kVectors ? kTileLanes : 0;
    for (size_t left = args.channels; left > 0; v += args.v_block - kTileLanes) {
      const size_t channels = std::min(left, kTileLanes);
      left -= channels;
      const float* const next = v + channels;
#pragma GCC unroll 2
      for (; v < next; ++v, u += kWidth) {
        V weights[kVectors];
        hwy::Prefetch(ahead);
        ahead += ahead_step;
#pragma GCC unroll 16
        for (size_t n = 0; n < kVectors; ++n) weights[n] = hn::LoadU(d, u + n * kTileLanes);
#pragma GCC unroll 16
        for (size_t r = 0; r < kRows; ++r) {
          const V x = hn::Set(d, v[r * kTileLanes]);
#pragma GCC unroll 16
          for (size_t n = 0; n < kVectors; ++n) sum[r][n] = hn::MulAdd(x, weights[n], sum[r][n]);
        }
      }
    }
    float* m = args.m + g * args.m_step;
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (size_t n = 0; n < kVectors; ++n) hn::StoreU(sum[r][n], d, m + r * kWidth + n * kTileLanes);
  }
}

using PointFunction = void (*)(const PointArgs&);
template <size_t kVectors, size_t... kRows>
constexpr auto PointsOf(std::index_sequence<kRows...>) {
  return std::array<PointFunction, sizeof...(kRows)>{PointTiles<kRows + 1, kVectors>...};
}
template <size_t... kVectors>
constexpr auto AllPoints(std::index_sequence<kVectors...>) {
  return std::array{PointsOf<kVectors + 1>(std::make_index_sequence<kPointRows>())...};
}
inline constexpr auto kPointTiles = AllPoints(std::make_index_sequence<kPointVectors>());  // [vectors - 1][rows - 1]

inline void WinogradProduct(const WinogradProductF32& work) {
  const size_t blocks = (work.channels + kTileLanes - 1) / kTileLanes, v_point = kPointRows * kTileLanes;
  const size_t m_point = kPointRows * work.width, each = work.tiles / work.groups, bigger = work.tiles % work.groups;
  const auto& kernels = kPointTiles[work.width / kTileLanes - 1];
  PointArgs args{.v = work.v,
                 .v_step = v_point * work.points * blocks,
                 .u = work.u,
                 .m = work.m,
                 .m_step = m_point * work.points,
                 .groups = work.groups - bigger,
                 .channels = work.channels,
                 .v_block = v_point * work.points};
  for (size_t point = 0; point < work.wanted; ++point) {
    args.u = work.u + point * work.channels * work.width;
    args.v = work.v + point * v_point;
    args.m = work.m + point * m_point;
    args.groups = work.groups - bigger;
    kernels[each - 1](args);
    if (bigger == 0) continue;
    args.v += args.groups * args.v_step;
    args.m += args.groups * args.m_step;
    args.groups = bigger;
    kernels[each](args);
  }
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
inline constexpr size_t kWinogradBlock = 1200 << 10;  // CPUs with such vectors have L2 caches of 1 to 2 MB
#else
inline constexpr size_t kWinogradBlock = 320 << 10;
#endif

inline constexpr WinogradF32Kernels kWinogradF32{
    .rows = kPointRows,
    .lanes = kTileLanes,
    .columns = kPointColumns,
    .block_bytes = kWinogradBlock,
    .product = WinogradProduct,
    .tiles = {WinogradTile<1, 2, 2>::kKernels, WinogradTile<1, 4, 4>::kKernels, WinogradTile<2, 2, 2>::kKernels,
              WinogradTile<2, 4, 4>::kKernels}};

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
