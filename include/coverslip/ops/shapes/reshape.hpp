// Reshape, Flatten, Squeeze, Unsqueeze: the same elements in the same order, under other axes.
#pragma once
#include <numeric>

#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

inline TensorType reshaped(const Node& node, const TensorType& in, const Shape& shape) {
  if (shape.elements() != in.shape.elements())
    throw Error(Errc::BadShape, node.label(), "input ", in.shape, " has ", in.shape.elements(), " elements, ", shape,
                " wants ", shape.elements());
  return {in.dtype, shape};
}

inline Types reshape_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  const Shape& from = in[0].shape;
  const bool allow_zero = node.attr<Dim>("allowzero", 0) != 0;
  Shape shape;
  Dim known = 1;
  std::optional<std::size_t> open;
  for (Dim d : known_integers(node, in, constants, 1, "shape")) {
    const std::size_t axis = shape.rank();
    if (d == 0 && !allow_zero) {
      if (axis >= from.rank())
        throw Error(Errc::BadShape, node.label(), "axis ", axis, " is to be as in the input, which is ", from);
      d = from[axis];
    }
    if (d == -1) {
      if (open) throw Error(Errc::BadShape, node.label(), "two axes are -1, at most one wanted");
      open = axis;
      d = 1;
    }
    shape.push_back(d);
  }
  if (open) {
    known = shape.elements();
    shape[*open] = known == 0 ? 0 : from.elements() / known;
  }
  return {reshaped(node, in[0], shape)};
}

inline Types flatten_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  const Shape& from = in[0].shape;
  const Dim axis = node.attr<Dim>("axis", 1);
  const std::size_t split = axis == static_cast<Dim>(from.rank()) ? from.rank() : axis_in(node, axis, from.rank());
  const std::span<const Dim> all(from.begin(), from.rank());
  from.elements();  // so that the products below can be counted
  return {reshaped(node, in[0], {Shape(all.first(split)).elements(), Shape(all.subspan(split)).elements()})};
}

inline Types squeeze_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 2);
  const Shape& from = in[0].shape;
  std::vector<std::size_t> gone;
  if (node.has(1)) gone = axes_in(node, known_integers(node, in, constants, 1, "axes"), from.rank());
  Shape shape;
  for (std::size_t axis = 0; axis < from.rank(); ++axis) {
    const bool named = std::find(gone.begin(), gone.end(), axis) != gone.end();
    if (named && from[axis] != 1)
      throw Error(Errc::BadShape, node.label(), "axis ", axis, " of ", from, " is not 1 and cannot be taken out");
    if (node.has(1) ? !named : from[axis] != 1) shape.push_back(from[axis]);
  }
  return {reshaped(node, in[0], shape)};
}

inline Types unsqueeze_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  const auto list = known_integers(node, in, constants, 1, "axes");
  const std::size_t rank = Shape(in[0].shape.rank() + list.size(), 1).rank();  // throws where that is too many
  const auto added = axes_in(node, list, rank);
  Shape shape(rank, 1);
  for (std::size_t axis = 0, from = 0; axis < rank; ++axis)
    if (std::find(added.begin(), added.end(), axis) == added.end()) shape[axis] = in[0].shape[from++];
  return {reshaped(node, in[0], shape)};
}

// Of the elements of a box in row-major order: how many at its end lie side by side.
inline Dim contiguous(const View& view, const Box& box) {
  Dim n = 1;
  for (std::size_t axis = box.rank(); axis-- > 0;) {
    if (box[axis].extent() == 1) continue;
    if (view.strides()[axis] != n) break;
    n *= box[axis].extent();
  }
  return n;
}

// Place `n` of a box in row-major order.
inline Index unflatten(const Box& box, Dim n) {
  Index at = box.origin();
  for (std::size_t axis = box.rank(); axis-- > 0 && n > 0;) {
    at[axis] += n % box[axis].extent();
    n /= box[axis].extent();
  }
  return at;
}

// Both boxes have the same number of elements. Does nothing where one already lies in the other's place.
inline void move_in_order(const View& x, const Box& from, View& y, const Box& to) {
  const Dim n = to.shape().elements();
  if (n == 0 || x.at(from.origin()) == y.at(to.origin())) return;
  const Dim run = std::gcd(contiguous(x, from), contiguous(y, to));
  const std::size_t bytes = static_cast<std::size_t>(run) * size_of(y.dtype());
  for (Dim i = 0; i < n; i += run) std::memcpy(y.at(unflatten(to, i)), x.at(unflatten(from, i)), bytes);
}

inline void reshape(const Node&, Inputs in, Outputs out) { move_in_order(in[0], in[0].held(), out[0], out[0].held()); }

// A cut of the first axis is one of the input's, if that is as long.
inline Box reshape_source(const Shape& x, const Shape& y, const Box& output) {
  Box box(x);
  if (x.rank() > 0 && y.rank() > 0 && x[0] == y[0]) box[0] = output[0];
  return box;
}

// Bytes are the same from and to each layout that keeps the order of elements.
inline std::vector<Step> reshape_steps(const Types& in, const Shape& shape) {
  std::vector<Step> candidates;
  const Shape from = in[0].shape;
  for (const Layout a : kLayouts)
    for (const Layout b : kLayouts) {
      if ((a != Layout::Planar && !same_order(from)) || (b != Layout::Planar && !same_order(shape))) continue;
      Step step{.kernel = "reshape",
                .inputs = std::vector<Form>(in.size()),
                .outputs = {b},
                .nanoseconds = pass_nanoseconds(2 * in[0].bytes()),
                .same_bytes = true,
                .needed =
                    [in, shape](const Box& output) {
                      auto boxes = whole_inputs({}, in, output);
                      boxes[0] = reshape_source(in[0].shape, shape, output);
                      return boxes;
                    },
                .run = [from, shape](Inputs x, Outputs y, const Box& box,
                                     std::byte*) { move_in_order(x[0], reshape_source(from, shape, box), y[0], box); }};
      step.inputs[0].layout = a;
      if (from.rank() > 0 && shape.rank() > 0 && from[0] == shape[0]) step.cuts.push_back({0});
      candidates.push_back(std::move(step));
    }
  return candidates;
}

template <Types (*kInfer)(const Node&, const Types&, Constants)>
std::vector<Step> plan_reshape(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  return reshape_steps(in, kInfer(node, in, constants)[0].shape);
}

inline Operand integer_list(std::initializer_list<std::int64_t> numbers) {
  return given(Tensor({static_cast<Dim>(numbers.size())}, numbers));
}

inline std::vector<Case> reshape_cases() {
  return {{"Reshape", {}, {data({2, 6, 4}), integer_list({2, 3, -1})}},
          {"Reshape", {}, {data({2, 3, 4, 5}), integer_list({0, -1})}},
          {"Reshape", {}, {data({2, 12}), integer_list({6, 2, 2})}},
          {"Reshape", {}, {data({2, 8, 1, 1}), integer_list({-1, 8})}},
          {"Reshape", {}, {data({2, 8}), integer_list({2, 8, 1, 1})}},
          {"Reshape", {}, {data({1, 1}), integer_list({})}},
          {"Reshape", {{"allowzero", Dim{1}}}, {data({0, 3}), integer_list({3, 0})}},
          {"Reshape", {}, {data(TensorType{DType::u8, {2, 2, 3}}), integer_list({3, 4})}}};
}
inline std::vector<Case> flatten_cases() {
  return {{"Flatten", {}, {data({2, 3, 4, 5})}},
          {"Flatten", {}, {data({2, 19, 1, 1})}},
          {"Flatten", {{"axis", Dim{0}}}, {data({2, 3})}},
          {"Flatten", {{"axis", Dim{3}}}, {data({2, 3, 4})}},
          {"Flatten", {{"axis", Dim{-1}}}, {data(TensorType{DType::i64, {2, 3, 4}})}}};
}
inline std::vector<Case> squeeze_cases() {
  return {{"Squeeze", {}, {data({2, 3, 1, 1}), integer_list({2, -1})}},
          {"Squeeze", {}, {data({1, 3, 1, 5})}},
          {"Squeeze", {}, {data(TensorType{DType::i64, {1}}), integer_list({0})}}};
}
inline std::vector<Case> unsqueeze_cases() {
  return {{"Unsqueeze", {}, {data({2, 3}), integer_list({2, 3})}},
          {"Unsqueeze", {}, {data({2, 3, 4}), integer_list({-3, 0})}},
          {"Unsqueeze", {}, {data(TensorType{DType::i64, {}}), integer_list({0})}}};
}

inline constexpr OpDef kReshape[] = {
    {.name = "Reshape",
     .infer = reshape_type,
     .needed = whole_inputs,
     .reference = reshape,
     .plan = plan_reshape<reshape_type>,
     .tolerance = exact,
     .cases = reshape_cases,
     .of_contents = 0b10,
     .any_type = 0b1},
    {.name = "Flatten",
     .infer = flatten_type,
     .needed = whole_inputs,
     .reference = reshape,
     .plan = plan_reshape<flatten_type>,
     .tolerance = exact,
     .cases = flatten_cases,
     .any_type = 0b1},
    {.name = "Squeeze",
     .infer = squeeze_type,
     .needed = whole_inputs,
     .reference = reshape,
     .plan = plan_reshape<squeeze_type>,
     .tolerance = exact,
     .cases = squeeze_cases,
     .of_contents = 0b10,
     .any_type = 0b1},
    {.name = "Unsqueeze",
     .infer = unsqueeze_type,
     .needed = whole_inputs,
     .reference = reshape,
     .plan = plan_reshape<unsqueeze_type>,
     .tolerance = exact,
     .cases = unsqueeze_cases,
     .of_contents = 0b10,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
