// Where along one axis a resized value takes its elements from.
#pragma once
#include <cmath>

#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

enum class ResizeCoordinates : std::uint8_t {
  HalfPixel,
  HalfPixelSymmetric,
  PytorchHalfPixel,
  AlignCorners,
  Asymmetric
};
enum class ResizeNearest : std::uint8_t { PreferFloor, PreferCeil, Floor, Ceil };

struct ResizeRule {
  ResizeCoordinates coordinates = ResizeCoordinates::HalfPixel;
  ResizeNearest nearest = ResizeNearest::PreferFloor;
};

inline ResizeRule resize_rule(const Node& node) {
  constexpr std::string_view kCoordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                                               "align_corners", "asymmetric"};
  constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  const auto pick = [&](const char* key, std::span<const std::string_view> names) {
    const auto name = node.attr(key, std::string(names[0]));
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw Error(Errc::Unsupported, node.label(), "attribute '", key, "' is '", name, "'");
    return found - names.begin();
  };
  return {static_cast<ResizeCoordinates>(pick("coordinate_transformation_mode", kCoordinates)),
          static_cast<ResizeNearest>(pick("nearest_mode", kNearest))};
}

// Two places in the input, and how much the high one counts. For nearest both are the same.
struct ResizeTap {
  Dim low = 0, high = 0;
  double share = 0;
};

struct ResizeAxis {
  ResizeRule rule{};
  Dim inputs = 0, outputs = 0;
  bool active = false;  // false: output o is input o
  double ratio = 1;     // inputs to an output, as coordinates are scaled

  static constexpr double kMost = 0x1p56;

  static ResizeAxis by_size(const Node& node, const ResizeRule& rule, Dim inputs, Dim outputs) {
    if (outputs < 0 || static_cast<double>(outputs) > kMost || (inputs == 0 && outputs > 0))
      throw Error(Errc::BadShape, node.label(), "an axis of ", inputs, " elements cannot be resized to ", outputs);
    const double ratio = static_cast<double>(inputs) / static_cast<double>(std::max<Dim>(outputs, 1));
    return {rule, inputs, outputs, inputs != outputs, ratio};
  }
  static ResizeAxis by_scale(const Node& node, const ResizeRule& rule, Dim inputs, float scale) {
    if (scale == 1) return {rule, inputs, inputs};
    const float outputs = std::floor(static_cast<float>(inputs) * scale);  // as float: 10 * 0.7f is 7
    if (!(scale > 0) || !(outputs < static_cast<float>(kMost)))
      throw Error(Errc::BadShape, node.label(), "an axis of ", inputs, " elements cannot be scaled by ", scale);
    return {rule, inputs, static_cast<Dim>(outputs), true, 1 / double{scale}};
  }

  // The place of output o among the inputs; may lie outside.
  double place(Dim output) const {
    const auto o = static_cast<double>(output), n = static_cast<double>(inputs), m = static_cast<double>(outputs);
    const double centre = (o + 0.5) * ratio - 0.5;
    switch (rule.coordinates) {
      case ResizeCoordinates::HalfPixel: break;
      case ResizeCoordinates::HalfPixelSymmetric: return n / 2 * (1 - m * ratio / n) + centre;
      case ResizeCoordinates::PytorchHalfPixel: return outputs > 1 ? centre : 0;
      case ResizeCoordinates::AlignCorners: return outputs > 1 ? o * (n - 1) / (m - 1) : 0;
      case ResizeCoordinates::Asymmetric: return o * ratio;
    }
    return centre;
  }

  ResizeTap tap(Dim output, bool linear) const {
    if (!active) return {output, output, 0};
    const double most = static_cast<double>(inputs - 1), at = place(output);
    if (linear) {
      const double inside = std::clamp(at, 0.0, most), low = std::floor(inside);
      return {static_cast<Dim>(low), static_cast<Dim>(std::min(low + 1, most)), inside - low};
    }
    const auto nearest = static_cast<Dim>(std::clamp(rounded(at), 0.0, most));
    return {nearest, nearest, 0};
  }

 private:
  double rounded(double at) const {
    switch (rule.nearest) {
      case ResizeNearest::PreferFloor: break;
      case ResizeNearest::PreferCeil: return std::floor(at + 0.5);
      case ResizeNearest::Floor: return std::floor(at);
      case ResizeNearest::Ceil: return std::ceil(at);
    }
    return std::ceil(at - 0.5);
  }
};

}  // namespace coverslip::inline v0::ops
