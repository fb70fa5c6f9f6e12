// Axes and lists of integers, as attributes and constant inputs give them.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

// An axis counts from the end where it is negative.
inline std::size_t axis_in(const Node& node, Dim axis, std::size_t rank) {
  const auto axes = static_cast<Dim>(rank);
  if (axis < -axes || axis >= axes)
    throw Error(Errc::BadModel, node.label(), "axis ", axis, " of a value of rank ", rank);
  return static_cast<std::size_t>(axis < 0 ? axis + axes : axis);
}

// The elements of a value of rank 0 or 1, i32 or i64.
inline std::vector<Dim> integers_of(const View& view) {
  std::vector<Dim> numbers;
  for_each(view.held(), [&](const Index& at) {
    numbers.push_back(view.dtype() == DType::i64 ? *view.as<std::int64_t>(at) : Dim{*view.as<std::int32_t>(at)});
  });
  return numbers;
}

inline void want_integers(const Node& node, const Types& in, std::size_t i, std::string_view what) {
  if ((in[i].dtype != DType::i64 && in[i].dtype != DType::i32) || in[i].shape.rank() > 1)
    throw Error(Errc::BadShape, node.label(), what, " (input ", i, ") is ", to_string(in[i]),
                ", a list of i64 or i32 wanted");
}

// Input i when planning. Throws where it is not known.
inline std::vector<Dim> known_integers(const Node& node, const Types& in, Constants constants, std::size_t i,
                                       std::string_view what) {
  want_integers(node, in, i, what);
  if (constants[i] == nullptr)
    throw Error(Errc::Unsupported, node.label(), what, " (input ", i,
                ") depends on data; it must be known when planning");
  return integers_of(constants[i]->view());
}

// The same axes in order of mention. Throws where one is mentioned twice.
inline std::vector<std::size_t> axes_in(const Node& node, const std::vector<Dim>& list, std::size_t rank) {
  std::vector<std::size_t> axes;
  for (const Dim each : list) {
    const std::size_t axis = axis_in(node, each, rank);
    if (std::find(axes.begin(), axes.end(), axis) != axes.end())
      throw Error(Errc::BadModel, node.label(), "axis ", axis, " is mentioned twice");
    axes.push_back(axis);
  }
  return axes;
}

// Of inputs that are read whole.
inline std::vector<Box> whole_inputs(const Node&, const Types& in, const Box&) {
  std::vector<Box> boxes;
  for (const TensorType& type : in) boxes.emplace_back(type.shape);
  return boxes;
}

}  // namespace coverslip::inline v0::ops
