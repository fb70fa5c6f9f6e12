// A sliding window along one axis: what convolution and pooling have in common.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

inline constexpr Dim kMostOfWindow = 1 << 20;  // of taps, strides, dilations and pads: keeps all sums far from overflow

struct Window {
  Dim taps = 1, stride = 1, dilation = 1, before = 0, after = 0;  // before, after: padding
  bool ceil = false;  // a last window that reaches over the end counts, if it does not begin there

  Dim reach() const { return dilation * (taps - 1) + 1; }
  Dim outputs(Dim inputs) const {
    const Dim room = inputs + before + after - reach();
    if (room < 0) return 0;
    const Dim n = (room + (ceil ? stride - 1 : 0)) / stride + 1;
    return ceil && (n - 1) * stride >= inputs + before ? n - 1 : n;
  }
  Dim place(Dim output, Dim tap) const { return output * stride - before + tap * dilation; }  // may lie in the padding
  Range inside(Dim output, Dim inputs) const {                                                // the taps that do not
    const Dim first = place(output, 0);
    const Dim begin = first < 0 ? (-first + dilation - 1) / dilation : 0;
    const Dim end = first < inputs ? std::min(taps, (inputs - 1 - first) / dilation + 1) : 0;
    return {std::min(begin, end), end};
  }
  Range needed(const Range& output, Dim inputs) const {
    const Dim begin = std::clamp<Dim>(place(output.begin, 0), 0, inputs);
    return {begin, std::clamp<Dim>(place(output.end - 1, taps - 1) + 1, begin, inputs)};
  }
};

// An attribute of `count` numbers between `least` and `most`.
inline std::vector<Dim> list_attr(const Node& node, const char* key, std::size_t count, Dim fallback, Dim least,
                                  Dim most) {
  const auto list = node.attr(key, std::vector<Dim>(count, fallback));
  if (list.size() != count)
    throw Error(Errc::BadModel, node.label(), "attribute '", key, "' wants ", count, " numbers, got ", list.size());
  for (const Dim d : list)
    if (d < least || d > most)
      throw Error(Errc::BadModel, node.label(), "attribute '", key, "' holds ", d, ", wants ", least, " to ", most);
  return list;
}

// Of spatial axis `axis` among `axes`, from ONNX's strides, dilations, pads and auto_pad. `inputs`: the input's extent.
inline Window window_of(const Node& node, std::size_t axis, std::size_t axes, Dim taps, Dim inputs) {
  const auto pick = [&](const char* key, std::size_t count, std::size_t at, Dim least) {
    const auto* list = node.find<std::vector<Dim>>(key);
    if (list == nullptr) return least;
    if (list->size() != count)
      throw Error(Errc::BadModel, node.label(), "attribute '", key, "' wants ", count, " numbers, got ", list->size());
    const Dim number = (*list)[at];
    if (number < least || number > kMostOfWindow)
      throw Error(Errc::BadModel, node.label(), "attribute '", key, "' holds ", number, ", wants ", least, " to ",
                  kMostOfWindow);
    return number;
  };
  if (taps < 1 || taps > kMostOfWindow)
    throw Error(Errc::BadModel, node.label(), "a window of ", taps, " taps, wants 1 to ", kMostOfWindow);
  Window window{.taps = taps, .stride = pick("strides", axes, axis, 1), .dilation = pick("dilations", axes, axis, 1)};
  const auto rule = node.attr("auto_pad", std::string("NOTSET"));
  if (rule == "NOTSET") {
    window.before = pick("pads", 2 * axes, axis, 0);
    window.after = pick("pads", 2 * axes, axis + axes, 0);
  } else if (rule == "SAME_UPPER" || rule == "SAME_LOWER") {
    const Dim outputs = (inputs + window.stride - 1) / window.stride;
    const Dim padding = std::max<Dim>((outputs - 1) * window.stride + window.reach() - inputs, 0);
    window.before = rule == "SAME_LOWER" ? padding - padding / 2 : padding / 2;
    window.after = padding - window.before;
  } else if (rule != "VALID") {
    throw Error(Errc::BadModel, node.label(), "auto_pad '", rule, "': wants NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  }
  return window;
}

// How threads share a convolution, best cut first: rows of the map, or channels where it is heavy, that is, where
// weights are more than all else. A thread that has rows reads all weights; one that has channels reads all of the
// input, and others will read what it made.
inline std::vector<Cut> conv_cuts(const Types& in, const Shape& y, Dim weights, Dim channel_multiple) {
  const bool heavy = weights > in[0].shape.elements() + y.elements();
  const Cut channels{.axis = 1, .multiple = channel_multiple, .repeats = true};
  std::vector<Cut> cuts;
  if (heavy) cuts.push_back(channels);
  if (y.rank() > 2) cuts.push_back({2});
  cuts.push_back({0});
  if (!heavy) cuts.push_back(channels);
  for (std::size_t axis = 3; axis < y.rank(); ++axis) cuts.push_back({axis});
  return cuts;
}

}  // namespace coverslip::inline v0::ops
