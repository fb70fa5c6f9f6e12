// Shape and Size: what is known of a value before it is made. Shape arithmetic begins here.
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

inline Types size_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  return {{DType::i64, {}}};
}

inline void size_of_value(const Node&, Inputs in, Outputs out) {
  *out[0].as<std::int64_t>({}) = in[0].shape().elements();
}

inline std::vector<Case> shape_cases() {
  return {{"Shape", {}, {data({2, 3, 4})}},
          {"Shape", {{"start", Dim{1}}, {"end", Dim{-1}}}, {data({2, 3, 4, 5})}},
          {"Shape", {{"start", Dim{3}}, {"end", Dim{1}}}, {data({2, 3, 4, 5})}},
          {"Shape", {{"end", Dim{99}}}, {data(TensorType{DType::boolean, {0, 3}})}},
          {"Shape", {}, {data(Shape{})}}};
}
inline std::vector<Case> size_cases() {
  return {{"Size", {}, {data({2, 3, 4})}}, {"Size", {}, {data({2, 0})}}, {"Size", {}, {data(Shape{})}}};
}

inline constexpr OpDef kShape[] = {
    {.name = "Shape",
     .infer = shape_type,
     .needed = whole_inputs,
     .reference = shape_of,
     .cases = shape_cases,
     .of_types = true,
     .any_type = 0b1},
    {.name = "Size",
     .infer = size_type,
     .needed = whole_inputs,
     .reference = size_of_value,
     .cases = size_cases,
     .of_types = true,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
