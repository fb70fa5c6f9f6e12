// ScatterElements, ScatterND and Scatter: a copy of the input, in which elements at given places are replaced or
// reduced with what is there. Updates happen in their row-major order, each rounded to the type: so an element that
// several updates meet has the same bits, however the work is cut.
#pragma once
#include "coverslip/ops/shapes/gather_elements.hpp"
#include "coverslip/ops/shapes/index_tuples.hpp"
#include "coverslip/ops/shapes/updates.hpp"

namespace coverslip::inline v0::ops {

inline void want_updates(const Node& node, const Types& in, const Shape& shape) {
  if (in[2] != TensorType{in[0].dtype, shape})
    throw Error(Errc::BadShape, node.label(), "updates are ", to_string(in[2]), ", ",
                to_string(TensorType{in[0].dtype, shape}), " wanted");
  update_of(node, in[0].dtype);
}

inline Types scatter_elements_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 3, 3);
  want_indices(node, in, 1);
  const std::size_t axis = gather_axis(node, in[0].shape.rank());
  want_elementwise_indices(node, in[0].shape, in[1].shape, axis);
  check_indices(node, constants[1], axis, in[0].shape[axis]);
  want_updates(node, in, in[1].shape);
  return {in[0]};
}

// Updates of a box that is whole along `axis`.
inline Box updates_of(const Box& output, std::size_t axis, const Shape& indices) {
  Box box(indices);
  for (std::size_t a = 0; a < box.rank(); ++a)
    if (a != axis) box[a] = intersection(output[a], box[a]);
  return box;
}

inline std::vector<Box> scatter_elements_needed(const Node& node, const Types& in, const Box& output) {
  const Box updates = updates_of(output, gather_axis(node, output.rank()), in[1].shape);
  return {output, updates, updates};
}

inline void scatter_elements(const Node& node, Inputs in, Outputs out) {
  const std::size_t axis = gather_axis(node, in[0].shape().rank());
  const Update update = update_of(node, out[0].dtype());
  const std::size_t size = size_of(out[0].dtype());
  for_each(out[0].held(), [&](const Index& at) { std::memcpy(out[0].at(at), in[0].at(at), size); });
  for_each(in[1].held(), [&](const Index& at) {
    Index to = at;
    to[axis] = place_of(index_at(in[1].at(at), in[1].dtype()), in[0].shape()[axis]);
    update(out[0].at(to), 1, in[2].at(at), 1, 1);
  });
}

inline void scatter_elements_box(std::size_t axis, Update update, const Shape& indices, Inputs in, View& y,
                                 const Box& box) {
  copy_box(in[0], y, box);
  const Box part = updates_of(box, axis, indices);
  if (part.shape().elements() == 0 || box.shape().elements() == 0) return;
  Index strides = y.strides(), to = part.origin();
  strides[axis] = to[axis] = 0;
  // Ordered by the updates' own strides; updates of one element differ along `axis` alone, and keep their order.
  const Nest<3> nest(part.shape(), {in[1].strides(), strides, in[2].strides()});
  const Dim n = nest.inner().extent, rows = nest.outer().extent;
  const auto &along = nest.inner().strides, &across = nest.outer().strides;
  const auto size = static_cast<Dim>(size_of(y.dtype())), index_size = static_cast<Dim>(size_of(in[1].dtype()));
  const Dim extent = box[axis].end, step = y.strides()[axis];
  const std::byte *index0 = in[1].at(part.origin()), *update0 = in[2].at(part.origin());
  std::byte* y0 = y.at(to);
  nest.for_each_plane([&](const auto& at) {
    for (Dim row = 0; row < rows; ++row)
      for (Dim i = 0; i < n; ++i) {
        const auto offset = [&](std::size_t view) { return at[view] + row * across[view] + i * along[view]; };
        const Dim place = place_of(index_at(index0 + index_size * offset(0), in[1].dtype()), extent);
        update(y0 + size * (offset(1) + place * step), 1, update0 + size * offset(2), 1, 1);
      }
  });
}

// Cuts along all axes but those in which elements are looked for.
template <class F>
std::vector<Cut> cuts_where(std::size_t rank, const F& may) {
  std::vector<Cut> cuts = any_axis(rank);
  std::erase_if(cuts, [&](const Cut& cut) { return !may(cut.axis); });
  return cuts;
}

inline std::vector<Step> plan_scatter_elements(const Node& node, const Types& in, Constants, const PlanContext&) {
  const std::size_t axis = gather_axis(node, in[0].shape.rank());
  return in_each_layout(
      3, 1,
      {.kernel = "scatter_elements",
       .cuts = cuts_where(in[0].shape.rank(), [axis](std::size_t a) { return a != axis; }),
       .nanoseconds = pass_nanoseconds(2 * in[0].bytes()) + moving_nanoseconds(in[1].bytes() + in[2].bytes(), false),
       .in_place = 0,
       .run = [axis, update = update_of(node, in[0].dtype), indices = in[1].shape](Inputs x, Outputs y, const Box& box,
                                                                                   std::byte*) {
         scatter_elements_box(axis, update, indices, x, y[0], box);
       }});
}

inline Tuples scatter_tuples(const Node& node, const Types& in) { return tuples_of(node, in, 0); }

inline Types scatter_nd_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 3, 3);
  const Tuples tuples = scatter_tuples(node, in);
  check_tuples(node, tuples, constants[1]);
  want_updates(node, in, tuple_slices(tuples, in[1].shape));
  return {in[0]};
}

// Of a box that is whole along the axes that tuples name.
inline std::vector<Box> scatter_nd_needed(const Node& node, const Types& in, const Box& output) {
  const Tuples tuples = scatter_tuples(node, in);
  Box updates(in[2].shape);
  for (std::size_t axis = tuples.end(); axis < output.rank(); ++axis)
    updates[tuples.rank + axis - tuples.end()] = output[axis];
  return {output, Box(in[1].shape), updates};
}

inline void scatter_nd(const Node& node, Inputs in, Outputs out) {
  const Tuples tuples = scatter_tuples(node, types_of(in.first(2)));
  const Update update = update_of(node, out[0].dtype());
  const std::size_t size = size_of(out[0].dtype());
  for_each(out[0].held(), [&](const Index& at) { std::memcpy(out[0].at(at), in[0].at(at), size); });
  for_each(in[2].held(), [&](const Index& at) {
    Index to = tuple_place(tuples, in[1], at);
    for (std::size_t axis = tuples.end(); axis < to.rank(); ++axis) to[axis] = at[tuples.rank + axis - tuples.end()];
    update(out[0].at(to), 1, in[2].at(at), 1, 1);
  });
}

inline void scatter_nd_box(const Tuples& tuples, Update update, Inputs in, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  copy_box(in[0], y, box);
  const std::size_t slice = tuples.whole.rank() - tuples.end();
  const Nest<2> nest(last_axes(box.shape(), slice), {last_axes(in[2].strides(), slice), last_axes(y.strides(), slice)});
  const Dim n = nest.inner().extent, rows = nest.outer().extent;
  const auto &along = nest.inner().strides, &across = nest.outer().strides;
  const auto size = static_cast<Dim>(size_of(y.dtype()));
  Box heads = in[2].held();  // one for each tuple
  for (std::size_t axis = tuples.rank; axis < heads.rank(); ++axis) {
    const Dim begin = box[tuples.end() + axis - tuples.rank].begin;
    heads[axis] = {begin, begin + 1};
  }
  for_each(heads, [&](const Index& at) {
    Index to = tuple_place(tuples, in[1], at);
    for (std::size_t axis = tuples.end(); axis < to.rank(); ++axis) to[axis] = box[axis].begin;
    const std::byte* from = in[2].at(at);
    std::byte* y0 = y.at(to);
    nest.for_each_plane([&](const auto& place) {
      for (Dim row = 0; row < rows; ++row)
        update(y0 + size * (place[1] + row * across[1]), along[1], from + size * (place[0] + row * across[0]), along[0],
               n);
    });
  });
}

inline std::vector<Step> plan_scatter_nd(const Node& node, const Types& in, Constants, const PlanContext&) {
  const Tuples tuples = scatter_tuples(node, in);
  Step step{.kernel = "scatter_nd",
            .inputs = std::vector<Form>(3),
            .outputs = {Layout::Planar},
            .cuts = cuts_where(in[0].shape.rank(), [&](std::size_t axis) { return axis >= tuples.end(); }),
            .nanoseconds = pass_nanoseconds(2 * in[0].bytes()) +
                           moving_nanoseconds(in[1].bytes() + in[2].bytes(), tuples.end() < in[0].shape.rank()),
            .in_place = 0,
            .run = [tuples, update = update_of(node, in[0].dtype)](Inputs x, Outputs y, const Box& box, std::byte*) {
              scatter_nd_box(tuples, update, x, y[0], box);
            }};
  return {std::move(step)};
}

inline Attributes reducing(const char* how, Dim axis = 0) { return {{"reduction", std::string(how)}, {"axis", axis}}; }

// `op` is ScatterElements, or Scatter, which has no reductions.
inline std::vector<Case> scatter_cases(const char* op) {
  const auto of = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  const Operand list = given(Tensor({2, 3}, {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{-4},
                                             std::int64_t{3}, std::int64_t{2}}));
  return {{op, {}, {data({4, 3}), list, data({2, 3})}},
          {op, {{"axis", Dim{1}}}, {of(DType::u8, {2, 4}), list, of(DType::u8, {2, 3})}},
          {op, {{"axis", Dim{-1}}}, {of(DType::f16, {2, 3, 9}), of(DType::i32, {2, 2, 4}), of(DType::f16, {2, 2, 4})}},
          {op, {{"axis", Dim{2}}}, {of(DType::i64, {2, 3, 9}), of(DType::i64, {1, 3, 4}), of(DType::i64, {1, 3, 4})}},
          {op, {}, {data({3}), of(DType::i64, {0}), data(Shape{0})}},
          {op, {}, {data({0, 3}), of(DType::i64, {0, 2}), data({0, 2})}}};
}
inline std::vector<Case> scatter_elements_cases() {
  std::vector<Case> cases = scatter_cases("ScatterElements");
  for (const char* how : {"add", "mul", "max", "min"})
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16, DType::i8, DType::u8, DType::i32, DType::i64}) {
      const TensorType x{dtype, {2, 5, 3}}, updates{dtype, {2, 9, 2}};
      cases.push_back(
          {"ScatterElements", reducing(how, 1), {data(x), data(TensorType{DType::i64, updates.shape}), data(updates)}});
    }
  const Shape big{16, 65536};
  cases.push_back(
      {"ScatterElements", reducing("add", 1), {data(big), data(TensorType{DType::i64, big}), data(big)}, true});
  return cases;
}
inline std::vector<Case> scatter_deprecated_cases() { return scatter_cases("Scatter"); }

inline std::vector<Case> scatter_nd_cases() {
  const auto of = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  const auto list = [](const Shape& shape, std::initializer_list<std::int64_t> n) { return given(Tensor(shape, n)); };
  std::vector<Case> cases{
      {"ScatterND", {}, {data(Shape{8}), list({4, 1}, {4, 3, 1, -1}), data(Shape{4})}},
      {"ScatterND", {}, {of(DType::u8, {4, 3, 5}), list({2, 1}, {-1, 0}), of(DType::u8, {2, 3, 5})}},
      {"ScatterND", {}, {of(DType::i64, {4, 3, 5}), list({2, 1, 2}, {0, 1, 1, 0}), of(DType::i64, {2, 1, 5})}},
      {"ScatterND", {}, {of(DType::f16, {4, 3}), of(DType::i32, {9, 2}), of(DType::f16, {9})}},
      {"ScatterND", {}, {data({4, 3}), of(DType::i64, {0, 1}), data({0, 3})}},
      {"ScatterND", {}, {data({4, 0}), of(DType::i64, {2, 1}), data({2, 0})}},
      {"ScatterND", reducing("add"), {data({512, 512, 8}), of(DType::i64, {20000, 2}), data({20000, 8})}, true}};
  for (const char* how : {"add", "mul", "max", "min"})
    cases.push_back({"ScatterND", reducing(how), {data({4, 3, 19}), of(DType::i64, {6, 2, 1}), data({6, 2, 3, 19})}});
  return cases;
}

inline constexpr OpDef kScatter[] = {
    {.name = "ScatterElements",
     .infer = scatter_elements_type,
     .needed = scatter_elements_needed,
     .reference = scatter_elements,
     .plan = plan_scatter_elements,
     .tolerance = exact,
     .cases = scatter_elements_cases,
     .any_type = 0b101},
    {.name = "Scatter",
     .infer = scatter_elements_type,
     .needed = scatter_elements_needed,
     .reference = scatter_elements,
     .plan = plan_scatter_elements,
     .tolerance = exact,
     .cases = scatter_deprecated_cases,
     .any_type = 0b101},
    {.name = "ScatterND",
     .infer = scatter_nd_type,
     .needed = scatter_nd_needed,
     .reference = scatter_nd,
     .plan = plan_scatter_nd,
     .tolerance = exact,
     .cases = scatter_nd_cases,
     .any_type = 0b101},
};

}  // namespace coverslip::inline v0::ops
