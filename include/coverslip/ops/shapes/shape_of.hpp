// Shape and Gather: what shape arithmetic is made of, done when planning. Gather on data runs by its reference.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

// The axes that Shape tells of: [start, end), counted from the end where negative, and bounded by the rank.
inline Range shape_range(const Node& node, std::size_t axes) {
  const auto rank = static_cast<Dim>(axes);
  const auto place = [&](const char* key, Dim fallback) {
    const Dim at = node.attr<Dim>(key, fallback);
    return std::clamp<Dim>(at < 0 ? at + rank : at, 0, rank);
  };
  const Dim begin = place("start", 0);
  return {begin, std::max(begin, place("end", rank))};
}

inline Types shape_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  return {{DType::i64, {shape_range(node, in[0].shape.rank()).extent()}}};
}

inline void shape_of(const Node& node, Inputs in, Outputs out) {
  const Range range = shape_range(node, in[0].shape().rank());
  for (Dim axis = range.begin; axis < range.end; ++axis)
    *out[0].as<std::int64_t>({axis - range.begin}) = in[0].shape()[static_cast<std::size_t>(axis)];
}

inline Types gather_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  const Shape &x = in[0].shape, &indices = in[1].shape;
  const std::size_t axis = axis_in(node, node.attr<Dim>("axis", 0), x.rank());
  if (in[1].dtype != DType::i64 && in[1].dtype != DType::i32)
    throw Error(Errc::BadShape, node.label(), "indices are ", in[1].dtype, ", i64 or i32 wanted");
  if (constants[1] != nullptr)
    for (const Dim i : integers_of(constants[1]->view()))
      if (i < -x[axis] || i >= x[axis])
        throw Error(Errc::BadShape, node.label(), "index ", i, " along axis ", axis, " of ", x);
  Shape y;
  for (std::size_t a = 0; a < x.rank(); ++a) {
    if (a != axis)
      y.push_back(x[a]);
    else
      for (const Dim d : indices) y.push_back(d);
  }
  y.elements();
  return {{in[0].dtype, y}};
}

// An index beyond the input, which only data can hold, gives zeros.
inline void gather(const Node& node, Inputs in, Outputs out) {
  const std::size_t axis = axis_in(node, node.attr<Dim>("axis", 0), in[0].shape().rank());
  const std::size_t rank = in[1].shape().rank(), size = size_of(out[0].dtype());
  for_each(out[0].held(), [&](const Index& at) {
    Index from(in[0].shape().rank(), 0), index(rank, 0);
    for (std::size_t a = 0; a < from.rank(); ++a) from[a] = a < axis ? at[a] : a > axis ? at[a + rank - 1] : 0;
    for (std::size_t a = 0; a < rank; ++a) index[a] = at[axis + a];
    const Dim i = in[1].dtype() == DType::i64 ? *in[1].as<std::int64_t>(index) : Dim{*in[1].as<std::int32_t>(index)};
    const Dim extent = in[0].shape()[axis];
    from[axis] = i < 0 ? i + extent : i;
    if (from[axis] >= 0 && from[axis] < extent)
      std::memcpy(out[0].at(at), in[0].at(from), size);
    else
      std::memset(out[0].at(at), 0, size);
  });
}

inline std::vector<Case> shape_cases() {
  return {{"Shape", {}, {data({2, 3, 4})}}, {"Shape", {{"start", Dim{1}}, {"end", Dim{-1}}}, {data({2, 3, 4, 5})}}};
}
inline std::vector<Case> gather_cases() {
  const Operand indices = given(Tensor({2, 2}, {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{0}}));
  return {{"Gather", {{"axis", Dim{1}}}, {data({2, 3, 4}), indices}},
          {"Gather", {}, {data(TensorType{DType::i64, {4}}), given(Tensor({}, {std::int64_t{2}}))}}};
}

inline constexpr OpDef kShape[] = {
    {.name = "Shape",
     .infer = shape_type,
     .needed = whole_inputs,
     .reference = shape_of,
     .cases = shape_cases,
     .of_types = true},
    {.name = "Gather", .infer = gather_type, .needed = whole_inputs, .reference = gather, .cases = gather_cases},
};

}  // namespace coverslip::inline v0::ops
