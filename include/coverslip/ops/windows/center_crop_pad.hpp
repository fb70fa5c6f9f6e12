// CenterCropPad: the middle of a value, with zeros around it where it is too small.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

inline Shape centered_shape(const Node& node, const Shape& x, const std::vector<Dim>& wanted) {
  std::vector<Dim> named(x.rank());
  for (std::size_t axis = 0; axis < named.size(); ++axis) named[axis] = static_cast<Dim>(axis);
  const auto axes = axes_in(node, node.attr("axes", named), x.rank());
  if (axes.size() != wanted.size())
    throw Error(Errc::BadShape, node.label(), "shape has ", wanted.size(), " numbers for ", axes.size(), " axes");
  Shape y = x;
  for (std::size_t i = 0; i < axes.size(); ++i) y[axes[i]] = wanted[i];
  y.elements();
  return y;
}

inline Types center_crop_pad_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  return {{in[0].dtype, centered_shape(node, in[0].shape, known_integers(node, in, constants, 1, "shape"))}};
}

inline void center_crop_pad(const Node&, Inputs in, Outputs out) {
  const Shape &x = in[0].shape(), &y = out[0].shape();
  const std::size_t size = size_of(out[0].dtype());
  for_each(out[0].held(), [&](const Index& at) {
    Index from = at;
    for (std::size_t axis = 0; axis < at.rank(); ++axis)
      from[axis] += x[axis] > y[axis] ? (x[axis] - y[axis]) / 2 : -((y[axis] - x[axis]) / 2);
    if (in[0].held().contains(from))
      std::memcpy(out[0].at(at), in[0].at(from), size);
    else
      std::memset(out[0].at(at), 0, size);
  });
}

// What is cut off by Slice, what is added by Pad.
inline std::optional<Graph> expand_center_crop_pad(const Node& node, const Types& in, Constants constants) {
  const Shape& x = in[0].shape;
  const Shape y = center_crop_pad_type(node, in, constants)[0].shape;
  const std::size_t rank = x.rank();
  if (rank == 0) return {};
  const auto axes = static_cast<Dim>(rank);
  Tensor starts({DType::i64, {axes}}), ends({DType::i64, {axes}}), pads({DType::i64, {2 * axes}});
  bool cuts = false, adds = false;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const Dim cut = std::max<Dim>(x[axis] - y[axis], 0), added = std::max<Dim>(y[axis] - x[axis], 0);
    starts.values<std::int64_t>()[axis] = cut / 2;
    ends.values<std::int64_t>()[axis] = cut / 2 + x[axis] - cut;
    pads.values<std::int64_t>()[axis] = added / 2;
    pads.values<std::int64_t>()[axis + rank] = added - added / 2;
    cuts = cuts || cut > 0;
    adds = adds || added > 0;
  }
  Graph graph;
  ValueId v = graph.input(in[0]);
  graph.input(in[1]);
  if (cuts) v = graph.append("Slice", "crop", {v, graph.constant(std::move(starts)), graph.constant(std::move(ends))});
  if (adds) v = graph.append("Pad", "pad", {v, graph.constant(std::move(pads))});
  graph.outputs = {cuts || adds ? v : graph.append("Identity", "same", {v})};
  return graph;
}

inline std::vector<Case> center_crop_pad_cases() {
  using List = std::vector<Dim>;
  const auto list = [](std::initializer_list<std::int64_t> numbers) {
    return given(Tensor({static_cast<Dim>(numbers.size())}, numbers));
  };
  return {{"CenterCropPad", {}, {data({20, 10, 3}), list({10, 7, 3})}},
          {"CenterCropPad", {}, {data({10, 7, 3}), list({20, 10, 3})}},
          {"CenterCropPad", {{"axes", List{-1, 1}}}, {data({2, 5, 4, 8}), list({5, 8})}},
          {"CenterCropPad", {}, {data(TensorType{DType::u8, {4, 5}}), list({4, 5})}},
          {"CenterCropPad", {}, {data(TensorType{DType::i64, {4}}), list({0})}},
          {"CenterCropPad", {}, {data(TensorType{DType::bf16, {3, 4}}), list({4, 3})}}};
}

inline constexpr OpDef kCenterCropPad[] = {
    {.name = "CenterCropPad",
     .infer = center_crop_pad_type,
     .needed = whole_inputs,
     .reference = center_crop_pad,
     .tolerance = exact,
     .cases = center_crop_pad_cases,
     .of_contents = 1u << 1,
     .expand = expand_center_crop_pad,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
