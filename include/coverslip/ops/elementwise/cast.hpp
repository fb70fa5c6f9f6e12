// Cast and CastLike: the same numbers in another type.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/convert.hpp"
#include "coverslip/ops/dtypes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/nest.hpp"
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

inline DType cast_target(const Node& node) { return dtype_of(node, "to", 0); }

inline Types cast_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  return {{cast_target(node), in[0].shape}};
}

inline void cast(const Node&, Inputs in, Outputs out) {
  visit(in[0].dtype(), [&]<class From>(From) {
    visit(out[0].dtype(), [&]<class To>(To) {
      for_each(out[0].held(), [&](const Index& at) { *out[0].as<To>(at) = convert<To>(*in[0].as<From>(at)); });
    });
  });
}

using CastRow = void (*)(const void* x, void* y, std::size_t n);

template <class From, class To>
void cast_row(const void* x, void* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {  // in place, too
    From value;
    std::memcpy(&value, static_cast<const std::byte*>(x) + i * sizeof(From), sizeof(From));
    const To made = convert<To>(value);
    std::memcpy(static_cast<std::byte*>(y) + i * sizeof(To), &made, sizeof(To));
  }
}

inline CastRow cast_row_of(DType from, DType to, const HalfKernels& kernels) {
  if (from == DType::f16 && to == DType::f32) return kernels.widen_f16;
  if (from == DType::bf16 && to == DType::f32) return kernels.widen_bf16;
  if (from == DType::f32 && to == DType::f16) return kernels.narrow_f16;
  if (from == DType::f32 && to == DType::bf16) return kernels.narrow_bf16;
  return visit(
      from, [&]<class From>(From) { return visit(to, [&]<class To>(To) -> CastRow { return cast_row<From, To>; }); });
}

inline void cast_box(CastRow row, const View& x, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  Nest<2> nest(box.shape(), {x.strides(), y.strides()});
  nest.want_unit_strides();
  const auto from_size = static_cast<Dim>(size_of(x.dtype())), to_size = static_cast<Dim>(size_of(y.dtype()));
  const std::byte* from = x.at(box.origin());
  std::byte* to = y.at(box.origin());
  const Rows rows = nest.plane();
  nest.for_each_plane([&](const auto& at) {
    for (std::size_t r = 0; r < rows.count; ++r) {
      const auto step = static_cast<Dim>(r);
      row(from + from_size * (at[0] + step * rows.x_step), to + to_size * (at[1] + step * rows.y_step), rows.n);
    }
  });
}

inline std::vector<Step> plan_cast(const Node& node, const Types& in, Constants, const PlanContext& context) {
  const TensorType type{cast_target(node), in[0].shape};
  const CastRow row = cast_row_of(in[0].dtype, type.dtype, context.kernels.half);
  const bool half = is_half(in[0].dtype) || is_half(type.dtype);
  Step step{.kernel = "cast",
            .cuts = any_axis(type.shape.rank()),
            .nanoseconds = (half ? 1 : kScatterSlowdown) * pass_nanoseconds(in[0].bytes() + type.bytes()),
            .same_bytes = type.dtype == in[0].dtype,
            .run = [row](Inputs x, Outputs y, const Box& box, std::byte*) { cast_box(row, x[0], y[0], box); }};
  if (size_of(type.dtype) == size_of(in[0].dtype)) step.in_place = 0;
  return in_each_layout(1, 1, std::move(step));
}

inline std::vector<Case> cast_cases() {
  constexpr Dim kNumbers[] = {1, 2, 3, 6, 7, 9, 10, 16};
  std::vector<Case> cases;
  for (std::size_t from = 0; from < kDTypes; ++from)
    for (const Dim to : kNumbers)
      for (const Shape& shape : {Shape{1, 3, 2, 5}, {67}})
        cases.push_back({"Cast", {{"to", to}}, {data(TensorType{static_cast<DType>(from), shape})}});
  return cases;
}

inline Types cast_like_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 2);
  return {{in[1].dtype, in[0].shape}};
}

inline std::optional<Graph> expand_cast_like(const Node& node, const Types& in, Constants) {
  Graph graph = graph_for(node, in);
  graph.outputs = {graph.append("Cast", "cast", {graph.inputs[0]}, {{"to", onnx_number(in[1].dtype)}})};
  return graph;
}

inline std::vector<Case> cast_like_cases() {
  std::vector<Case> cases;
  for (std::size_t to = 0; to < kDTypes; ++to)
    cases.push_back({"CastLike", {}, {data({2, 19}), data(TensorType{static_cast<DType>(to), {3}})}});
  return cases;
}

inline constexpr OpDef kCast[] = {
    {.name = "Cast",
     .infer = cast_type,
     .needed = same_box,
     .reference = cast,
     .plan = plan_cast,
     .tolerance = exact,
     .cases = cast_cases},
    {.name = "CastLike",
     .infer = cast_like_type,
     .needed = whole_inputs,
     .reference = cast,
     .cases = cast_like_cases,
     .expand = expand_cast_like},
};

}  // namespace coverslip::inline v0::ops
