// Range, ConstantOfShape and EyeLike: values that follow from few numbers.
#pragma once
#include <cmath>

#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/dtypes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/shapes/extents.hpp"

namespace coverslip::inline v0::ops {

template <class T>
auto wide(T x) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
    return to_float(x);
  else
    return x;
}

// How many steps of delta from start lie before limit.
template <class T>
Dim range_count(const Node& node, T start, T limit, T delta) {
  if constexpr (std::is_floating_point_v<T>) {
    const double count = std::ceil(double{limit - start} / double{delta});
    if (!(count <= static_cast<double>(kMostElements)))  // also not a number
      throw Error(Errc::BadShape, node.label(), "from ", start, " to ", limit, " by ", delta, ": at most ",
                  kMostElements, " elements are supported");
    return count > 0 ? static_cast<Dim>(count) : 0;
  } else {
    const auto far = [](T a, T b) { return static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a); };  // a < b
    if (delta == 0) throw Error(Errc::BadShape, node.label(), "a delta of 0 never ends");
    if (delta > 0 ? start >= limit : start <= limit) return 0;
    const std::uint64_t whole = delta > 0 ? far(start, limit) : far(limit, start);
    const std::uint64_t step = delta > 0 ? static_cast<std::uint64_t>(delta) : far(delta, 0);
    return static_cast<Dim>(std::min<std::uint64_t>((whole - 1) / step + 1, std::uint64_t{1} << 62));
  }
}

// Calls f(T{}) for the types that Range has.
template <class F>
auto visit_range(const Node& node, DType dtype, const F& f) {
  switch (dtype) {
    case DType::f32: return f(float{});
    case DType::f16: return f(Float16{});
    case DType::bf16: return f(BFloat16{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: return f(std::int64_t{});
    default: break;
  }
  throw Error(Errc::Unsupported, node.label(), "inputs are ", dtype, "; f32, f16, bf16, i32 or i64 wanted");
}

inline Types range_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 3, 3);
  want_dtype(node, in, in[0].dtype);
  for (std::size_t i = 0; i < 3; ++i)
    if (in[i].shape.elements() != 1 || constants[i] == nullptr)
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", to_string(in[i]),
                  ", one number that is known when planning wanted");
  const Dim count = visit_range(node, in[0].dtype, [&]<class T>(T) {
    const auto number = [&](std::size_t i) { return wide(constants[i]->values<T>()[0]); };
    return range_count(node, number(0), number(1), number(2));
  });
  return {bounded(node, {in[0].dtype, {count}})};
}

// Each element on its own, so that errors do not add up; rounded once.
inline void range_box(Inputs in, View& y, const Box& box) {
  visit(y.dtype(), [&]<class T>(T) {
    const T start = *in[0].as<T>(in[0].origin()), delta = *in[2].as<T>(in[2].origin());
    for (Index at = box.origin(); at[0] < box[0].end; ++at[0]) {
      if constexpr (std::is_same_v<T, float>)
        *y.as<T>(at) = static_cast<float>(double{start} + static_cast<double>(at[0]) * double{delta});
      else if constexpr (std::is_same_v<T, Float16>)
        *y.as<T>(at) = to_float16(to_float(start) + static_cast<float>(at[0]) * to_float(delta));
      else if constexpr (std::is_same_v<T, BFloat16>)
        *y.as<T>(at) = to_bfloat16(to_float(start) + static_cast<float>(at[0]) * to_float(delta));
      else  // may pass the type's bounds on the way
        *y.as<T>(at) = static_cast<T>(static_cast<std::uint64_t>(start) +
                                      static_cast<std::uint64_t>(at[0]) * static_cast<std::uint64_t>(delta));
    }
  });
}

inline void range(const Node&, Inputs in, Outputs out) { range_box(in, out[0], out[0].held()); }

inline std::vector<Step> plan_range(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = range_type(node, in, constants)[0];
  return in_each_layout(3, 1,
                        {.kernel = "range",
                         .cuts = {{0}},
                         .nanoseconds = kScatterSlowdown * pass_nanoseconds(type.bytes()),
                         .run = [](Inputs x, Outputs y, const Box& box, std::byte*) { range_box(x, y[0], box); }});
}

// Input 1 holds ONNX's attribute `value`; absent: 0 as f32.
inline Types constant_of_shape_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 2);
  if (node.has(1) && in[1].shape.elements() != 1)
    throw Error(Errc::BadShape, node.label(), "the value is ", to_string(in[1]), ", one element wanted");
  const auto list = known_integers(node, in, constants, 0, "shape");
  return {bounded(node, {node.has(1) ? in[1].dtype : DType::f32, Shape(std::span<const Dim>(list))})};
}

inline void fill_box(const std::byte* element, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  move_elements(y.dtype(), element, Index(box.rank(), 0), y.at(box.origin()), y.strides(), box.shape());
}

inline constexpr std::byte kZeroElement[8] = {};

inline void constant_of_shape(const Node& node, Inputs in, Outputs out) {
  const std::byte* element = node.has(1) ? in[1].at(in[1].origin()) : kZeroElement;
  for_each(out[0].held(), [&](const Index& at) { std::memcpy(out[0].at(at), element, size_of(out[0].dtype())); });
}

inline std::vector<Step> plan_constant_of_shape(const Node& node, const Types& in, Constants constants,
                                                const PlanContext&) {
  const TensorType type = constant_of_shape_type(node, in, constants)[0];
  return in_each_layout(in.size(), 1,
                        {.kernel = "fill",
                         .cuts = any_axis(type.shape.rank()),
                         .nanoseconds = pass_nanoseconds(type.bytes()),
                         .run = [given = node.has(1)](Inputs x, Outputs y, const Box& box, std::byte*) {
                           fill_box(given ? x[1].at(x[1].origin()) : kZeroElement, y[0], box);
                         }});
}

inline Types eye_like_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  if (in[0].shape.rank() != 2) throw Error(Errc::BadShape, node.label(), "input is ", in[0].shape, ", two axes wanted");
  const bool named = node.attributes.contains("dtype");
  return {{named ? dtype_of(node, "dtype", 0) : in[0].dtype, in[0].shape}};
}

inline void put_one(View& y, const Index& at) {
  visit(y.dtype(), [&]<class T>(T) {
    if constexpr (std::is_same_v<T, Float16>)
      *y.as<T>(at) = to_float16(1);
    else if constexpr (std::is_same_v<T, BFloat16>)
      *y.as<T>(at) = to_bfloat16(1);
    else
      *y.as<T>(at) = T{1};
  });
}

// Ones at [row, row + k].
inline void eye_like_box(Dim k, View& y, const Box& box) {
  fill_box(kZeroElement, y, box);
  for (Dim row = box[0].begin; row < box[0].end; ++row) {
    const Index at{row, k < -row || k >= box[1].end - row ? box[1].end : row + k};
    if (box.contains(at)) put_one(y, at);
  }
}

inline void eye_like(const Node& node, Inputs, Outputs out) {
  eye_like_box(node.attr<Dim>("k", 0), out[0], out[0].held());
}

inline std::vector<Step> plan_eye_like(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const TensorType type = eye_like_type(node, in, constants)[0];
  return in_each_layout(1, 1,
                        {.kernel = "eye_like",
                         .cuts = any_axis(2),
                         .nanoseconds = pass_nanoseconds(type.bytes()),
                         .run = [k = node.attr<Dim>("k", 0)](Inputs, Outputs y, const Box& box, std::byte*) {
                           eye_like_box(k, y[0], box);
                         }});
}

inline std::vector<Case> range_cases() {
  const auto of = []<class T>(T start, T limit, T delta) {
    const auto scalar = [](T x) { return given(Tensor({}, {x})); };
    return Case{"Range", {}, {scalar(start), scalar(limit), scalar(delta)}};
  };
  return {of(1.f, 5.f, 2.f),
          of(0.f, 1.f, 0.1f),
          of(10, 4, -2),
          of(3, 3, 1),
          of(std::int64_t{-7}, std::int64_t{30}, std::int64_t{5}),
          of(to_float16(1), to_float16(6), to_float16(0.5f)),
          of(to_bfloat16(0), to_bfloat16(-4), to_bfloat16(-1))};
}
inline std::vector<Case> constant_of_shape_cases() {
  const auto list = [](std::initializer_list<std::int64_t> n) {
    return given(Tensor({static_cast<Dim>(n.size())}, n));
  };
  return {{"ConstantOfShape", {}, {list({2, 19, 3, 4})}},
          {"ConstantOfShape", {}, {list({}), given(Tensor({1}, {2.5f}))}},
          {"ConstantOfShape", {}, {list({7, 3}), given(Tensor({1}, {std::int64_t{-3}}))}},
          {"ConstantOfShape", {}, {list({2, 0}), given(Tensor({}, {std::uint8_t{3}}))}},
          {"ConstantOfShape", {}, {list({17}), given(Tensor({1}, {true}))}},
          {"ConstantOfShape", {}, {list({5, 2, 2}), given(Tensor({1}, {to_float16(0.5f)}))}}};
}
inline std::vector<Case> eye_like_cases() {
  const auto like = [](Dim k, const Shape& shape, DType dtype) {
    return Case{"EyeLike", {{"k", k}}, {data(TensorType{dtype, shape})}};
  };
  std::vector<Case> cases{like(0, {4, 5}, DType::f32),    like(1, {5, 4}, DType::i64), like(-3, {5, 19}, DType::u8),
                          like(2, {3, 3}, DType::f16),    like(9, {3, 3}, DType::f32), like(-1, {0, 3}, DType::i32),
                          like(0, {2, 2}, DType::boolean)};
  for (const Dim dtype : {1, 2, 3, 6, 7, 9, 10, 16})
    cases.push_back({"EyeLike", {{"dtype", dtype}}, {data(TensorType{DType::i32, {3, 4}})}});
  return cases;
}

inline constexpr OpDef kGenerate[] = {
    {.name = "Range",
     .infer = range_type,
     .needed = whole_inputs,
     .reference = range,
     .plan = plan_range,
     .tolerance = exact,
     .cases = range_cases,
     .of_contents = 0b111},
    {.name = "ConstantOfShape",
     .infer = constant_of_shape_type,
     .needed = whole_inputs,
     .reference = constant_of_shape,
     .plan = plan_constant_of_shape,
     .tolerance = exact,
     .cases = constant_of_shape_cases,
     .of_contents = 0b1},
    {.name = "EyeLike",
     .infer = eye_like_type,
     .needed = whole_inputs,
     .reference = eye_like,
     .plan = plan_eye_like,
     .tolerance = exact,
     .cases = eye_like_cases,
     .of_types = true,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
