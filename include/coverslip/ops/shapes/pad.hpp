// Pad: more elements before and after, along some axes; fewer, where pads are negative.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/shapes/extents.hpp"

namespace coverslip::inline v0::ops {

enum class PadMode : std::uint8_t { Constant, Edge, Reflect, Wrap };

inline PadMode pad_mode(const Node& node) {
  constexpr std::string_view kNames[] = {"constant", "edge", "reflect", "wrap"};
  const auto name = node.attr("mode", std::string("constant"));
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (name == kNames[i]) return static_cast<PadMode>(i);
  throw Error(Errc::Unsupported, node.label(), "mode '", name, "': wants constant, edge, reflect or wrap");
}

// Outputs side by side whose inputs are equally far apart: source + o * step for the o-th. Filled: there is no input.
struct PadPiece {
  Range outputs;
  Dim source = 0, step = 0;
  bool filled = false;
};

struct PadAxis {
  PadMode mode = PadMode::Constant;
  Dim extent = 0, before = 0, after = 0;

  // The piece that begins at `outputs.begin`, as far as it goes.
  PadPiece piece(const Range& outputs) const {
    const Dim place = outputs.begin - before;
    const auto make = [&](Dim count, Dim source, Dim step, bool filled = false) {
      return PadPiece{{outputs.begin, outputs.begin + std::min(count, outputs.extent())}, source, step, filled};
    };
    if (place >= 0 && place < extent) return make(extent - place, place, 1);
    const Dim outside = place < 0 ? -place : outputs.extent();
    const auto modulo = [place](Dim period) { return (place % period + period) % period; };
    switch (mode) {
      case PadMode::Constant: return make(outside, 0, 0, true);
      case PadMode::Reflect: {
        if (extent == 1) break;
        const Dim period = 2 * (extent - 1), at = modulo(period);
        return at < extent - 1 ? make(extent - 1 - at, at, 1) : make(period - at, period - at, -1);
      }
      case PadMode::Wrap: return make(extent - modulo(extent), modulo(extent), 1);
      case PadMode::Edge: break;
    }
    return make(outside, place < 0 ? 0 : extent - 1, 0);
  }

  Range needed(const Range& outputs) const {
    Range hull{extent, 0};
    for (Range rest = outputs; rest.extent() > 0;) {
      const PadPiece p = piece(rest);
      if (!p.filled) {
        const Dim last = p.source + (p.outputs.extent() - 1) * p.step;
        hull = {std::min({hull.begin, p.source, last}), std::max({hull.end, p.source + 1, last + 1})};
      }
      rest.begin = p.outputs.end;
    }
    return hull.begin < hull.end ? hull : Range{0, 0};
  }
};

// `list(i)` is input i as integers.
template <class F>
std::vector<PadAxis> pad_axes(const Node& node, const Shape& x, const F& list) {
  constexpr Dim kMost = Dim{1} << 56;
  const PadMode mode = pad_mode(node);
  std::vector<PadAxis> all;
  for (const Dim d : x) all.push_back({mode, d});
  const std::vector<Dim> pads = list(1);
  std::vector<Dim> named(x.rank());
  for (std::size_t i = 0; i < named.size(); ++i) named[i] = static_cast<Dim>(i);
  if (node.has(3)) named = list(3);
  const auto axes = axes_in(node, named, x.rank());
  if (pads.size() != 2 * axes.size())
    throw Error(Errc::BadShape, node.label(), "pads are ", pads.size(), " numbers, two for each of ", axes.size(),
                " axes wanted");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    PadAxis& axis = all[axes[i]];
    axis.before = pads[i];
    axis.after = pads[i + axes.size()];
    if (std::abs(axis.before / 2) > kMost || std::abs(axis.after / 2) > kMost ||
        axis.extent + axis.before + axis.after < 0)
      throw Error(Errc::BadShape, node.label(), "axis ", axes[i], " of ", axis.extent, " elements cannot be padded by ",
                  axis.before, " and ", axis.after);
    if (mode != PadMode::Constant && axis.extent == 0 && axis.before + axis.after > 0)
      throw Error(Errc::BadShape, node.label(), "axis ", axes[i], " has no elements to repeat");
  }
  return all;
}

inline std::vector<PadAxis> pad_axes(const Node& node, const Types& in, Constants constants) {
  return pad_axes(node, in[0].shape,
                  [&](std::size_t i) { return known_integers(node, in, constants, i, i == 1 ? "pads" : "axes"); });
}

inline Types pad_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 4);
  if (node.has(2) && (in[2].dtype != in[0].dtype || in[2].shape.elements() != 1))
    throw Error(Errc::BadShape, node.label(), "constant_value is ", to_string(in[2]), ", one ", in[0].dtype, " wanted");
  const auto axes = pad_axes(node, in, constants);
  TensorType type = in[0];
  for (std::size_t axis = 0; axis < axes.size(); ++axis) type.shape[axis] += axes[axis].before + axes[axis].after;
  return {bounded(node, type)};
}

// The box's pieces from `axis` on; `from` is the source and its strides along the axes before. No heap: this runs.
inline void pad_pieces(const std::vector<PadAxis>& axes, std::size_t axis, const View& x, const std::byte* fill,
                       View& y, const Box& box, const Index& from, const Index& strides) {
  if (axis == axes.size())
    return move_elements(y.dtype(), x.at(from), strides, y.at(box.origin()), y.strides(), box.shape());
  for (Range rest = box[axis]; rest.extent() > 0;) {
    const PadPiece piece = axes[axis].piece(rest);
    Box part = box;
    part[axis] = piece.outputs;
    Index source = from, steps = strides;
    source[axis] = piece.source;
    steps[axis] *= piece.step;
    if (piece.filled) {
      move_elements(y.dtype(), fill, Index(axes.size(), 0), y.at(part.origin()), y.strides(), part.shape());
    } else {
      pad_pieces(axes, axis + 1, x, fill, y, part, source, steps);
    }
    rest.begin = piece.outputs.end;
  }
}

inline void pad_box(const std::vector<PadAxis>& axes, bool has_fill, Inputs in, View& y, const Box& box) {
  constexpr std::byte kZero[8] = {};
  if (box.shape().elements() == 0) return;
  const std::byte* fill = has_fill ? in[2].at(in[2].origin()) : kZero;
  pad_pieces(axes, 0, in[0], fill, y, box, box.origin(), in[0].strides());
}

// Element by element, each place brought inside by what its mode says.
inline void pad(const Node& node, Inputs in, Outputs out) {
  const auto axes = pad_axes(node, in[0].shape(), [&](std::size_t i) { return integers_of(in[i]); });
  const std::size_t size = size_of(out[0].dtype());
  for_each(out[0].held(), [&](const Index& at) {
    Index from = at;
    bool filled = false;
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      const auto& [mode, extent, before, after] = axes[axis];
      Dim& place = from[axis] -= before;
      if (place >= 0 && place < extent) continue;
      filled = filled || mode == PadMode::Constant;
      if (mode == PadMode::Wrap) place = (place % extent + extent) % extent;
      if (mode == PadMode::Edge || extent == 1) place = std::clamp<Dim>(place, 0, std::max<Dim>(extent - 1, 0));
      while (mode == PadMode::Reflect && (place < 0 || place >= extent))
        place = place < 0 ? -place : 2 * (extent - 1) - place;
    }
    if (!filled)
      std::memcpy(out[0].at(at), in[0].at(from), size);
    else if (node.has(2))
      std::memcpy(out[0].at(at), in[2].at(in[2].origin()), size);
    else
      std::memset(out[0].at(at), 0, size);
  });
}

inline std::vector<Step> plan_pad(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = pad_type(node, in, constants)[0];
  const auto axes = pad_axes(node, in, constants);
  return in_each_layout(in.size(), 1,
                        {.kernel = "pad",
                         .cuts = any_axis(type.shape.rank()),
                         .nanoseconds = pass_nanoseconds(2 * type.bytes()),
                         .needed =
                             [axes, in](const Box& output) {
                               auto boxes = whole_inputs({}, in, output);
                               for (std::size_t axis = 0; axis < axes.size(); ++axis)
                                 boxes[0][axis] = axes[axis].needed(output[axis]);
                               return boxes;
                             },
                         .run = [axes, has_fill = node.has(2)](Inputs x, Outputs y, const Box& box,
                                                               std::byte*) { pad_box(axes, has_fill, x, y[0], box); }});
}

inline std::vector<Case> pad_cases() {
  const auto list = [](std::initializer_list<std::int64_t> numbers) {
    return given(Tensor({static_cast<Dim>(numbers.size())}, numbers));
  };
  const auto mode = [](const char* name) { return Attributes{{"mode", std::string(name)}}; };
  std::vector<Case> cases{
      {"Pad", {}, {data({1, 17, 3, 4}), list({0, 0, 1, 2, 0, 0, 0, 3}), given(Tensor({}, {2.5f}))}},
      {"Pad", {}, {data({2, 3, 4}), list({1, 0, 2, 0, 1, 0})}},
      {"Pad", {}, {data({1, 3, 5, 4}), list({0, 1, -1, -2, 0, 0, 2, -1})}},
      {"Pad", {}, {data({1, 2, 0, 4}), list({0, 0, 1, 0, 0, 0, 1, 0})}},
      {"Pad", {}, {data(TensorType{DType::u8, {1, 3, 4}}), list({2, 1}), absent(), list({-1})}},
      {"Pad", {}, {data(TensorType{DType::i64, {3}}), list({1, 1}), given(Tensor({}, {std::int64_t{7}}))}}};
  for (const char* name : {"edge", "reflect", "wrap"}) {
    cases.push_back({"Pad", mode(name), {data({1, 17, 4, 5}), list({0, 0, 2, 3, 0, 0, 1, 4})}});
    cases.push_back({"Pad", mode(name), {data({2, 3, 1}), list({0, 1, 2, 1, 0, 3})}});
    cases.push_back({"Pad", mode(name), {data({1, 2, 3}), list({0, 0, 8, 0, 0, 9})}});
    cases.push_back({"Pad", mode(name), {data({1, 2, 5}), list({0, 0, -2, 0, 0, 3})}});
  }
  return cases;
}

inline constexpr OpDef kPad[] = {
    {.name = "Pad",
     .infer = pad_type,
     .needed = whole_inputs,
     .reference = pad,
     .plan = plan_pad,
     .tolerance = exact,
     .cases = pad_cases,
     .of_contents = 0b1010,
     .any_type = 0b101},
};

}  // namespace coverslip::inline v0::ops
