// Where along one axis a resized value takes its elements from, and how much each counts: ONNX's formulas, in double.
#pragma once
#include <cmath>

#include "coverslip/ops/op.hpp"
#include "coverslip/ops/windows/cubic.hpp"

namespace coverslip::inline v0::ops {

enum class ResizeMode : std::uint8_t { Nearest, Linear, Cubic };
enum class ResizeCoordinates : std::uint8_t {
  HalfPixel,
  HalfPixelSymmetric,
  PytorchHalfPixel,
  AlignCorners,
  Asymmetric,
  TfCropAndResize
};
enum class ResizeNearest : std::uint8_t { PreferFloor, PreferCeil, Floor, Ceil };

// The attributes that say how, the same for all axes.
struct ResizeRule {
  ResizeMode mode = ResizeMode::Nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::HalfPixel;
  ResizeNearest nearest = ResizeNearest::PreferFloor;
  bool antialias = false, exclude_outside = false;
  double cubic_a = -0.75;
};

inline ResizeRule resize_rule(const Node& node) {
  constexpr std::string_view kModes[] = {"nearest", "linear", "cubic"};
  constexpr std::string_view kCoordinates[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                               "align_corners", "asymmetric",           "tf_crop_and_resize"};
  constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  const auto pick = [&](const char* key, std::span<const std::string_view> names) {
    const auto name = node.attr(key, std::string(names[0]));
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw Error(Errc::Unsupported, node.label(), "attribute '", key, "' is '", name, "'");
    return found - names.begin();
  };
  const auto mode = static_cast<ResizeMode>(pick("mode", kModes));
  if (node.op == "Upsample") return {mode, ResizeCoordinates::Asymmetric, ResizeNearest::Floor};
  return {.mode = mode,
          .coordinates = static_cast<ResizeCoordinates>(pick("coordinate_transformation_mode", kCoordinates)),
          .nearest = static_cast<ResizeNearest>(pick("nearest_mode", kNearest)),
          .antialias = node.attr<Dim>("antialias", 0) != 0 && mode != ResizeMode::Nearest,
          .exclude_outside = node.attr<Dim>("exclude_outside", 0) != 0 && mode != ResizeMode::Nearest,
          .cubic_a = double{node.attr("cubic_coeff_a", -0.75f)}};
}

// An input element, and how much it counts: never 0.
struct ResizeTap {
  Dim place = 0;
  double weight = 1;
};

struct ResizeAxis {
  ResizeRule rule{};
  Dim inputs = 0, outputs = 0;
  bool active = false;        // false: output o is input o
  double length = 0;          // of the output as coordinates are scaled: may be a fraction
  double begin = 0, end = 1;  // of tf_crop_and_resize: the part of the axis that is taken

  static constexpr double kMost = 0x1p56;

  static ResizeAxis by_size(const Node& node, const ResizeRule& rule, Dim inputs, Dim outputs) {
    if (outputs < 0 || static_cast<double>(outputs) > kMost || (inputs == 0 && outputs > 0))
      throw Error(Errc::BadShape, node.label(), "an axis of ", inputs, " elements cannot be resized to ", outputs);
    return {rule, inputs, outputs, inputs != outputs, static_cast<double>(std::max<Dim>(outputs, 1))};
  }
  static ResizeAxis by_scale(const Node& node, const ResizeRule& rule, Dim inputs, float scale) {
    if (scale == 1) return {rule, inputs, inputs};
    const float outputs = std::floor(static_cast<float>(inputs) * scale);  // as float: 10 * 0.7f is 7
    if (!(scale > 0) || !(outputs < static_cast<float>(kMost)))
      throw Error(Errc::BadShape, node.label(), "an axis of ", inputs, " elements cannot be scaled by ", scale);
    return {rule, inputs, static_cast<Dim>(outputs), true, static_cast<double>(inputs) * double{scale}};
  }

  // The place of output o among the inputs; may lie outside. Divides last: a place that is a whole number is exact.
  double place(Dim output) const {
    const auto o = static_cast<double>(output), n = static_cast<double>(inputs), m = static_cast<double>(outputs);
    const double centre = (o + 0.5) * n / length - 0.5;
    switch (rule.coordinates) {
      case ResizeCoordinates::HalfPixel: break;
      case ResizeCoordinates::HalfPixelSymmetric: return (n - m * n / length) / 2 + centre;
      case ResizeCoordinates::PytorchHalfPixel: return outputs > 1 ? centre : 0;
      case ResizeCoordinates::AlignCorners: return outputs > 1 ? o * (n - 1) / (length - 1) : 0;
      case ResizeCoordinates::Asymmetric: return o * n / length;
      case ResizeCoordinates::TfCropAndResize:
        return outputs > 1 ? begin * (n - 1) + o * (end - begin) * (n - 1) / (length - 1) : (begin + end) / 2 * (n - 1);
    }
    return centre;
  }

  // True if the output is the attribute extrapolation_value.
  bool extrapolated(Dim output) const {
    if (!active || rule.coordinates != ResizeCoordinates::TfCropAndResize) return false;
    const double at = place(output);
    return !(at >= 0 && at <= static_cast<double>(inputs - 1));
  }

  // The inputs that output o is mixed of, in order. An element that counts nothing is not read, whatever it holds.
  void taps(Dim output, std::vector<ResizeTap>& to) const {
    to.clear();
    if (!active) return to.push_back({output, 1});
    if (extrapolated(output)) return;
    const double most = static_cast<double>(inputs - 1), at = place(output);
    if (rule.mode == ResizeMode::Nearest)
      return to.push_back({static_cast<Dim>(std::clamp(rounded(at), 0.0, most)), 1});
    // Far outside there is nothing but the edge.
    const double bounded = std::clamp(at, -2 * reach(), most + 2 * reach());
    double sum = 0;
    const auto first = static_cast<Dim>(std::ceil(bounded - reach()));
    for (Dim i = first; static_cast<double>(i) <= bounded + reach(); ++i) {
      const bool outside = i < 0 || i >= inputs;
      if (outside && rule.exclude_outside) continue;
      add(to, std::clamp<Dim>(i, 0, inputs - 1), filter((static_cast<double>(i) - bounded) * stretch()));
    }
    std::erase_if(to, [](const ResizeTap& tap) { return tap.weight == 0; });
    if (!rule.antialias && !rule.exclude_outside) return;
    for (const ResizeTap& tap : to) sum += tap.weight;
    for (ResizeTap& tap : to) tap.weight /= sum == 0 ? 1 : sum;
  }
  // That any output has, at most.
  double most_taps() const { return !active || rule.mode == ResizeMode::Nearest ? 1 : 2 * std::ceil(reach()); }

 private:
  // Antialiasing widens the filter when it makes less of more.
  double stretch() const {
    const auto n = static_cast<double>(inputs);
    return rule.antialias && length < n ? length / n : 1;
  }
  double reach() const { return (rule.mode == ResizeMode::Cubic ? 2 : 1) / stretch(); }
  double filter(double distance) const {
    if (rule.mode == ResizeMode::Cubic) return cubic_weight(distance, rule.cubic_a);
    return std::max(1 - std::abs(distance), 0.0);
  }
  static void add(std::vector<ResizeTap>& to, Dim place, double weight) {
    if (!to.empty() && to.back().place == place)
      to.back().weight += weight;
    else
      to.push_back({place, weight});
  }
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

// The taps of all outputs of an axis.
struct ResizeTable {
  std::vector<Dim> first{};  // output o has the taps first[o] to first[o + 1]
  std::vector<ResizeTap> taps{};
  std::vector<bool> extrapolated{};
  Dim most = 0;  // taps of an output

  explicit ResizeTable(const ResizeAxis& axis) : first{0} {
    std::vector<ResizeTap> some;
    for (Dim o = 0; o < axis.outputs; ++o) {
      axis.taps(o, some);
      taps.insert(taps.end(), some.begin(), some.end());
      first.push_back(static_cast<Dim>(taps.size()));
      extrapolated.push_back(axis.extrapolated(o));
      most = std::max(most, static_cast<Dim>(some.size()));
    }
  }
  std::span<const ResizeTap> of(Dim output) const {
    const auto o = static_cast<std::size_t>(output);
    return std::span(taps).subspan(static_cast<std::size_t>(first[o]),
                                   static_cast<std::size_t>(first[o + 1] - first[o]));
  }
  // The inputs that some outputs are made of; in order, or against it where a picture is turned round.
  Range needed(const Range& outputs) const {
    Range all{std::numeric_limits<Dim>::max(), 0};
    for (Dim o = outputs.begin; o < outputs.end; ++o)
      if (const auto some = of(o); !some.empty())
        all = {std::min(all.begin, some.front().place), std::max(all.end, some.back().place + 1)};
    return all.end == 0 ? Range{} : all;
  }
};

}  // namespace coverslip::inline v0::ops
