// Concat: inputs one behind the other along an axis. Where the plan can, they are made inside the output.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/shapes/extents.hpp"

namespace coverslip::inline v0::ops {

inline std::size_t concat_axis(const Node& node, std::size_t rank) {
  return axis_in(node, node.attr<Dim>("axis", 0), rank);
}

inline Types concat_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, in.size(), in.size());
  if (in.empty()) throw Error(Errc::BadModel, node.label(), "has no inputs, one or more wanted");
  const std::size_t axis = concat_axis(node, in[0].shape.rank());
  TensorType type = in[0];
  for (std::size_t i = 1; i < in.size(); ++i) {
    Shape like = in[i].shape;
    if (like.rank() == type.shape.rank()) like[axis] = in[0].shape[axis];
    if (like != in[0].shape || in[i].dtype != type.dtype)
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", to_string(in[i]), ", input 0 is ",
                  to_string(in[0]), "; only axis ", axis, " may differ");
    if (in[i].shape[axis] > std::numeric_limits<Dim>::max() - type.shape[axis])
      throw Error(Errc::BadShape, node.label(), "the inputs together are too large to count");
    type.shape[axis] += in[i].shape[axis];
  }
  return {bounded(node, type)};
}

// Where input i begins in the output.
inline std::vector<Index> concat_places(const Node& node, const Types& in) {
  const std::size_t rank = in[0].shape.rank(), axis = concat_axis(node, rank);
  std::vector<Index> places;
  Index place(rank, 0);
  for (const TensorType& type : in) {
    places.push_back(place);
    place[axis] += type.shape[axis];
  }
  return places;
}

// The part of the output's box that an input makes, in the input's coordinates.
inline Box concat_part(const Box& output, const Index& place, const Shape& input) {
  Box box(output);
  for (std::size_t axis = 0; axis < box.rank(); ++axis)
    box[axis] = intersection({output[axis].begin - place[axis], output[axis].end - place[axis]}, {0, input[axis]});
  return box;
}

inline std::vector<Box> concat_needed(const Node& node, const Types& in, const Box& output) {
  const auto places = concat_places(node, in);
  std::vector<Box> boxes;
  for (std::size_t i = 0; i < in.size(); ++i) boxes.push_back(concat_part(output, places[i], in[i].shape));
  return boxes;
}

inline void concat_inputs(const std::vector<Index>& places, const Types& in, Inputs x, View& y, const Box& output) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    Box box = concat_part(output, places[i], in[i].shape);
    Index offset(box.rank(), 0);
    for (std::size_t axis = 0; axis < box.rank(); ++axis) {
      box[axis] = {box[axis].begin + places[i][axis], box[axis].end + places[i][axis]};
      offset[axis] = -places[i][axis];
    }
    move_box(x[i], y, box, offset);
  }
}

inline void concat(const Node& node, Inputs in, Outputs out) {
  const Types types = types_of(in);
  concat_inputs(concat_places(node, types), types, in, out[0], out[0].held());
}

inline std::vector<Step> plan_concat(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = concat_type(node, in, constants)[0];
  const auto places = concat_places(node, in);
  return in_each_layout(in.size(), 1,
                        {.kernel = "concat",
                         .cuts = any_axis(type.shape.rank()),
                         .nanoseconds = pass_nanoseconds(2 * type.bytes()),
                         .parts = places,
                         .run = [places, in](Inputs x, Outputs y, const Box& box, std::byte*) {
                           concat_inputs(places, in, x, y[0], box);
                         }});
}

inline std::vector<Case> concat_cases() {
  const Attributes channels{{"axis", Dim{1}}}, last{{"axis", Dim{-1}}}, first{{"axis", Dim{0}}};
  const auto with = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  return {{"Concat", channels, {data({2, 5, 3, 4}), data({2, 1, 3, 4}), data({2, 18, 3, 4})}},
          {"Concat", last, {data({2, 3, 3, 4}), data({2, 3, 3, 2})}},
          {"Concat", first, {data({2, 3, 4}), data({0, 3, 4}), weights({1, 3, 4})}},
          {"Concat", channels, {data({2, 5})}},
          {"Concat", first, {with(DType::i64, {2}), with(DType::i64, {1})}},
          {"Concat", channels, {with(DType::u8, {1, 3, 2, 2}), with(DType::u8, {1, 4, 2, 2})}},
          {"Concat", channels, {with(DType::bf16, {1, 3, 2, 2, 3}), with(DType::bf16, {1, 4, 2, 2, 3})}},
          {"Concat", channels, {data({1, 64, 112, 112}), data({1, 64, 112, 112})}, true}};
}

inline constexpr OpDef kConcat[] = {
    {.name = "Concat",
     .infer = concat_type,
     .needed = concat_needed,
     .reference = concat,
     .plan = plan_concat,
     .tolerance = exact,
     .cases = concat_cases,
     .any_type = ~0u},
};

}  // namespace coverslip::inline v0::ops
