// Trilu: the upper or lower triangle of matrices, zeros elsewhere.
#pragma once
#include "coverslip/ops/shapes/generate.hpp"

namespace coverslip::inline v0::ops {

struct Triangle {
  bool upper = true;
  Dim k = 0;

  // The columns of a row that are kept.
  Range kept(Dim row, const Range& columns) const {
    constexpr Dim kFar = Dim{1} << 40;  // beyond every axis
    const Dim diagonal = row + std::clamp(k, -kFar, kFar);
    return intersection(upper ? Range{diagonal, kFar} : Range{-kFar, diagonal + 1}, columns);
  }
};

template <class F>
Triangle triangle_of(const Node& node, const F& number) {
  return {node.attr<Dim>("upper", 1) != 0, node.has(1) ? number() : 0};
}
inline Triangle triangle_of(const Node& node, const Types& in, Constants constants) {
  return triangle_of(node, [&] { return known_integer(node, in, constants, 1, "k"); });
}

inline Types trilu_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 2);
  if (in[0].shape.rank() < 2)
    throw Error(Errc::BadShape, node.label(), "input is ", in[0].shape, ", two axes or more wanted");
  triangle_of(node, in, constants);
  return {in[0]};
}

inline std::vector<Box> trilu_needed(const Node&, const Types& in, const Box& output) {
  std::vector<Box> boxes{output};
  if (in.size() > 1) boxes.emplace_back(in[1].shape);
  return boxes;
}

inline void trilu(const Node& node, Inputs in, Outputs out) {
  const Triangle triangle = triangle_of(node, [&] { return integers_of(in[1]).at(0); });
  for_each(out[0].held(), [&](const Index& at) {
    const Dim row = at[at.rank() - 2], column = at[at.rank() - 1];
    const bool kept = triangle.kept(row, {column, column + 1}).extent() > 0;
    std::memcpy(out[0].at(at), kept ? in[0].at(at) : kZeroElement, size_of(out[0].dtype()));
  });
}

inline void trilu_box(const Triangle& triangle, const View& x, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  const std::size_t rank = box.rank();
  const Range &rows = box[rank - 2], &columns = box[rank - 1];
  for (Dim row = rows.begin; row < rows.end; ++row) {  // of all matrices at once
    const Range kept = triangle.kept(row, columns);
    Box part = box;
    part[rank - 2] = {row, row + 1};
    part[rank - 1] = kept;
    copy_box(x, y, part);
    for (const Range& zeros : {Range{columns.begin, kept.begin}, Range{kept.end, columns.end}}) {
      part[rank - 1] = zeros;
      fill_box(kZeroElement, y, part);
    }
  }
}

inline std::vector<Step> plan_trilu(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  return in_each_layout(
      in.size(), 1,
      {.kernel = "trilu",
       .cuts = any_axis(in[0].shape.rank()),
       .nanoseconds = pass_nanoseconds(2 * in[0].bytes()),
       .in_place = 0,
       .run = [triangle = triangle_of(node, in, constants)](Inputs x, Outputs y, const Box& box, std::byte*) {
         trilu_box(triangle, x[0], y[0], box);
       }});
}

inline std::vector<Case> trilu_cases() {
  std::vector<Case> cases;
  const auto k = [](std::int64_t n) { return given(Tensor({}, {n})); };
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  for (const Dim upper : {0, 1})
    for (const std::int64_t n : {std::int64_t{0}, std::int64_t{2}, std::int64_t{-1}, std::int64_t{-9}, kLeast})
      cases.push_back({"Trilu", {{"upper", upper}}, {data({2, 5, 4}), k(n)}});
  cases.push_back({"Trilu", {}, {data(TensorType{DType::i64, {3, 19}})}});
  cases.push_back({"Trilu", {}, {data(TensorType{DType::u8, {2, 3, 4, 5}}), k(1)}});
  cases.push_back({"Trilu", {}, {data({0, 3}), k(1)}});
  cases.push_back({"Trilu", {}, {data(TensorType{DType::f16, {1, 1}}), given(Tensor({1}, {std::int64_t{1}}))}});
  cases.push_back({"Trilu", {}, {data({8, 256, 256})}, true});
  return cases;
}

inline constexpr OpDef kTrilu[] = {
    {.name = "Trilu",
     .infer = trilu_type,
     .needed = trilu_needed,
     .reference = trilu,
     .plan = plan_trilu,
     .tolerance = exact,
     .cases = trilu_cases,
     .of_contents = 0b10,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
