// Which elements along one axis a sample between them is mixed of, and how much each counts: GridSample, DeformConv.
#pragma once
#include <array>
#include <cmath>

#include "coverslip/ops/op.hpp"
#include "coverslip/ops/windows/cubic.hpp"

namespace coverslip::inline v0::ops {

enum class GridMode : std::uint8_t { Nearest, Linear, Cubic };
enum class GridPadding : std::uint8_t { Zeros, Border, Reflection };

struct GridTaps {
  std::size_t count = 0;
  std::array<Dim, 4> places{};
  std::array<double, 4> weights{};  // none is 0
};

struct GridAxis {
  Dim inputs = 0;
  GridMode mode = GridMode::Linear;
  GridPadding padding = GridPadding::Zeros;
  bool align_corners = false;

  std::size_t most_taps() const { return mode == GridMode::Nearest ? 1 : mode == GridMode::Linear ? 2 : 4; }

  // Of a coordinate between -1 and 1. In float, as others do: nearest rounds ties to even, and must see the same ties.
  GridTaps of_normalized(float x) const {
    const auto length = static_cast<float>(inputs);
    const float at = align_corners ? (x + 1) / 2 * (length - 1) : ((x + 1) * length - 1) / 2;
    return of_place(double{mode == GridMode::Nearest ? std::nearbyint(at) : at});
  }

  // Of a place among the elements. What is no number lies nowhere, or at the first element.
  GridTaps of_place(double at) const {
    constexpr double kFar = 0x1p52;
    GridTaps taps;
    at = padded(at);
    if (inputs == 0 || !(std::abs(at) < kFar)) return taps;
    if (mode == GridMode::Nearest) {
      add(taps, static_cast<Dim>(at), 1);
      return taps;
    }
    const double low = std::floor(at), share = at - low;
    const auto first = static_cast<Dim>(low);
    if (mode == GridMode::Linear) {
      add(taps, first, 1 - share);
      add(taps, first + 1, share);
      return taps;
    }
    constexpr double kA = -0.75;
    for (Dim i = -1; i < 3; ++i) add(taps, first + i, cubic_weight(static_cast<double>(i) - share, kA));
    return taps;
  }

 private:
  double least() const { return align_corners ? 0 : -0.5; }
  double most() const { return static_cast<double>(inputs) - (align_corners ? 1 : 0.5); }

  double padded(double at) const {
    if (padding == GridPadding::Zeros || (at >= least() && at <= most())) return at;
    if (std::isnan(at)) return 0;
    if (padding == GridPadding::Border) return std::clamp(at, 0.0, static_cast<double>(inputs - 1));
    return reflected(at);
  }
  // To and fro between the borders.
  double reflected(double at) const {
    const double span = most() - least();
    if (!(span > 0) || !std::isfinite(at)) return 0;
    if (at >= least() && at <= most()) return at;
    const double beyond = std::fmod(at < least() ? least() - at : at - most(), 2 * span);
    const double back = beyond <= span ? beyond : 2 * span - beyond;
    return at < least() ? least() + back : most() - back;
  }
  void add(GridTaps& taps, Dim place, double weight) const {
    if (weight == 0) return;
    if (place < 0 || place >= inputs) {
      if (padding == GridPadding::Zeros) return;
      place = padding == GridPadding::Border ? std::clamp<Dim>(place, 0, inputs - 1)
                                             : static_cast<Dim>(reflected(static_cast<double>(place)));
    }
    taps.places[taps.count] = place;
    taps.weights[taps.count++] = weight;
  }
};

// Calls f(k, offset, weight) for the product of the taps of all axes, the last axis fastest; says how many there are.
template <class F>
std::size_t for_each_corner(std::span<const GridTaps> axes, const Dim* strides, const F& f) {
  std::size_t count = 1;
  for (const GridTaps& taps : axes) count *= taps.count;
  for (std::size_t k = 0; k < count; ++k) {
    Dim offset = 0;
    double weight = 1;
    std::size_t rest = k;
    for (std::size_t i = axes.size(); i-- > 0;) {
      const std::size_t tap = rest % axes[i].count;
      rest /= axes[i].count;
      offset += axes[i].places[tap] * strides[i];
      weight *= axes[i].weights[tap];
    }
    f(k, offset, weight);
  }
  return count;
}

}  // namespace coverslip::inline v0::ops
