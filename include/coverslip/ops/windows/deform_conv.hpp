// DeformConv: a convolution whose taps are moved by an offset each, and may count less; over any number of axes.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/conv.hpp"
#include "coverslip/ops/windows/grid_axis.hpp"
#include "coverslip/ops/windows/in_f32.hpp"

namespace coverslip::inline v0::ops {

inline Dim offset_groups_of(const Node& node) {
  const Dim groups = node.attr<Dim>("offset_group", 1);
  if (groups < 1)
    throw Error(Errc::BadModel, node.label(), "attribute 'offset_group' is ", groups, ", wants 1 or more");
  return groups;
}

// Inputs: X, W, offset, and perhaps B and a mask.
inline Types deform_conv_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 3, 5);
  want_same_float(node, in);
  const Shape &x = in[0].shape, &w = in[1].shape;
  if (x.rank() < 3 || w.rank() != x.rank())
    throw Error(Errc::BadShape, node.label(), "input ", x, " and weights ", w, ": wants the same rank, at least 3");
  const auto kernel = node.attr("kernel_shape", std::vector<Dim>(w.begin() + 2, w.end()));
  if (!std::equal(kernel.begin(), kernel.end(), w.begin() + 2, w.end()))
    throw Error(Errc::BadModel, node.label(), "attribute 'kernel_shape' is not that of weights ", w);
  const Dim groups = groups_of(node), offsets = offset_groups_of(node);
  if (x[1] % groups != 0 || x[1] / groups != w[1] || w[0] % groups != 0 || x[1] % offsets != 0)
    throw Error(Errc::BadShape, node.label(), "input ", x, " in ", groups, " groups, of offsets ", offsets,
                ", does not fit weights ", w);
  Shape y{x[0], w[0]}, moves{x[0], offsets}, mask;
  for (const Window& window : conv_windows(node, in)) {
    y.push_back(window.outputs(x[y.rank()]));
    moves[1] *= window.taps;
  }
  want_outputs(node, in, y);
  for (std::size_t axis = 2; axis < y.rank(); ++axis) moves.push_back(y[axis]);
  mask = moves;
  moves[1] *= static_cast<Dim>(x.rank()) - 2;
  const std::pair<std::size_t, Shape> wanted[] = {{2, moves}, {3, Shape{w[0]}}, {4, mask}};
  for (const auto& [i, shape] : wanted)
    if (node.has(i) && in[i].shape != shape)
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", in[i].shape, ", wants ", shape);
  return {{in[0].dtype, y}};
}

// X between its elements, 0 outside.
inline double sample_between(const View& x, Index at, std::span<const double> places) {
  const std::size_t axes = places.size();
  std::array<GridTaps, kMaxRank> taps;
  Box corners(axes, Range{});
  for (std::size_t i = 0; i < axes; ++i) {
    taps[i] = GridAxis{.inputs = x.shape()[i + 2]}.of_place(places[i]);
    corners[i].end = static_cast<Dim>(taps[i].count);
  }
  double sum = 0;
  for_each(corners, [&](const Index& corner) {
    double weight = 1;
    for (std::size_t i = 0; i < axes; ++i) {
      const auto tap = static_cast<std::size_t>(corner[i]);
      at[i + 2] = taps[i].places[tap];
      weight *= taps[i].weights[tap];
    }
    sum += weight * double{*x.as<float>(at)};
  });
  return sum;
}

inline void deform_conv(const Node& node, Inputs in, Outputs out) {
  const View &x = in[0], &w = in[1];
  const auto windows = conv_windows(node, {{DType::f32, x.shape()}, {DType::f32, w.shape()}});
  const std::size_t axes = windows.size();
  const Dim group_outputs = w.shape()[0] / groups_of(node), offset_channels = x.shape()[1] / offset_groups_of(node);
  Box taps(w.shape());
  const Dim taps_each = taps.shape().elements() / std::max<Dim>(w.shape()[0] * w.shape()[1], 1);
  for_each(out[0].held(), [&](const Index& y) {
    double sum = node.has(3) ? *in[3].as<float>({y[1]}) : 0.0;
    taps[0] = {y[1], y[1] + 1};
    Dim t = 0;  // which tap of its channel
    for_each(taps, [&](const Index& tap) {
      Index from = y, move = y;
      from[1] = y[1] / group_outputs * w.shape()[1] + tap[1];
      const Dim moved = from[1] / offset_channels * taps_each + t++ % taps_each;
      std::array<double, kMaxRank> places{};
      for (std::size_t i = 0; i < axes; ++i) {
        move[1] = moved * static_cast<Dim>(axes) + static_cast<Dim>(i);
        places[i] = static_cast<double>(windows[i].place(y[i + 2], tap[i + 2])) + double{*in[2].as<float>(move)};
      }
      move[1] = moved;
      const double mask = node.has(4) ? *in[4].as<float>(move) : 1.0;
      sum += mask * double{*w.as<float>(tap)} * sample_between(x, from, std::span(places).first(axes));
    });
    *out[0].as<float>(y) = static_cast<float>(sum);
  });
}

inline std::vector<Case> deform_conv_cases() {
  using List = std::vector<Dim>;
  const TensorType half{DType::f16, {1, 1, 3, 3}};
  return {{"DeformConv", {}, {data({1, 1, 3, 3}), weights({1, 1, 2, 2}), data({1, 8, 2, 2})}},
          {"DeformConv",
           {{"pads", List{1, 0, 1, 1}}, {"strides", List{2, 1}}, {"group", Dim{2}}, {"offset_group", Dim{2}}},
           {data({2, 4, 5, 4}), weights({6, 2, 3, 2}), data({2, 24, 3, 4}), weights({6}), data({2, 12, 3, 4})}},
          {"DeformConv",
           {{"dilations", List{2}}},
           {data({1, 3, 7}), weights({2, 3, 2}), data({1, 2, 5}), absent(), data({1, 2, 5})}},
          {"DeformConv", {}, {data({0, 1, 3, 3}), weights({1, 1, 2, 2}), data({0, 8, 2, 2})}},
          {"DeformConv", {}, {data({1, 2, 3, 3, 3}), weights({1, 2, 2, 2, 2}), data({1, 24, 2, 2, 2})}},
          {"DeformConv",
           {},
           {data(half), data(TensorType{DType::f16, {1, 1, 2, 2}}), data(TensorType{DType::f16, {1, 8, 2, 2}})}}};
}

inline constexpr OpDef kDeformConv[] = {
    {.name = "DeformConv",
     .infer = deform_conv_type,
     .needed = whole_inputs,
     .reference = in_f32<deform_conv>,
     .tolerance = exact,
     .cases = deform_conv_cases},
};

}  // namespace coverslip::inline v0::ops
