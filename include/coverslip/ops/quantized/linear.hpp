// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear: between floats and integers with scales and zero points.
#pragma once
#include <array>
#include <limits>

#include "coverslip/ops/dtypes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/quantized/integers.hpp"

namespace coverslip::inline v0::ops {

// Which scale an element of x has: one for all, one for each place along an axis, or one for each block along it.
struct Grain {
  Shape scale;
  std::size_t axis = 0;
  Dim block = 0;  // 0: no blocks

  Grain(const Node& node, const Shape& x, const Shape& scale_shape) : scale(scale_shape) {
    if (scale.elements() == 1 && scale.rank() < 2) return;
    axis = axis_in(node, node.attr<Dim>("axis", 1), x.rank());
    block = node.attr<Dim>("block_size", 0);
    bool fits = scale.rank() == 1 && scale[0] == x[axis];
    if (block > 0) {
      Shape blocks = x;
      blocks[axis] = (x[axis] + block - 1) / block;
      fits = scale == blocks;
    }
    if (!fits)
      throw Error(Errc::BadShape, node.label(), "the scale is ", scale, ", which fits neither axis ", axis, " of ", x,
                  " nor blocks of ", block, " along it");
  }

  Index place(const Index& at) const {
    if (block == 0) return place_along(scale, at, axis);
    Index index = at;
    index[axis] /= block;
    return index;
  }
};

// An attribute that is one of ONNX's numbers for element types; none: it is 0 or absent.
inline std::optional<DType> dtype_attr(const Node& node, std::string_view key) {
  if (node.attr<Dim>(key, 0) == 0) return {};
  return dtype_of(node, key, 0);
}

inline void want_same_shape(const Node& node, const Types& in) {
  if (node.has(2) && in[2].shape != in[1].shape)
    throw Error(Errc::BadShape, node.label(), "the zero point is ", in[2].shape, ", the scale ", in[1].shape);
}

inline Types quantize_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 3);
  if (in[0].dtype != DType::i32) want_float(node, in, {0});
  want_float(node, in, {1});
  want_same_shape(node, in);
  const Grain grain(node, in[0].shape, in[1].shape);
  const auto wanted = dtype_attr(node, "output_dtype");
  const DType made = node.has(2) ? in[2].dtype : wanted.value_or(DType::u8);
  if (!is_8_bit(made)) throw Error(Errc::Unsupported, node.label(), "makes ", made, ", i8 or u8 wanted");
  if (wanted && *wanted != made)
    throw Error(Errc::BadModel, node.label(), "output_dtype is ", *wanted, ", but the zero point is ", made);
  const auto precision = dtype_attr(node, "precision");
  if (precision && !kFloats.has(*precision))
    throw Error(Errc::BadModel, node.label(), "attribute 'precision' is ", *precision, ", a float wanted");
  return {{made, in[0].shape}};
}

inline std::vector<Box> linear_needed(const Node&, const Types& in, const Box& output) {
  std::vector<Box> boxes{output};
  for (std::size_t i = 1; i < in.size(); ++i) boxes.emplace_back(in[i].shape);
  return boxes;
}

// x / scale in the precision that the node names, else in that of the scale.
inline void quantize_box(const Node& node, const Grain& grain, Inputs in, View& y, const Box& box) {
  const DType precision = dtype_attr(node, "precision").value_or(in[1].dtype());
  for_each(box, [&](const Index& at) {
    const Index place = grain.place(at);
    const float x = rounded_to(precision, float_at(in[0], at)), scale = rounded_to(precision, float_at(in[1], place));
    put_quantized(y, at, rounded_to(precision, x / scale), zero_at(node, in, 2, place));
  });
}

inline void quantize(const Node& node, Inputs in, Outputs out) {
  quantize_box(node, {node, in[0].shape(), in[1].shape()}, in, out[0], out[0].held());
}

inline std::vector<Step> plan_quantize(const Node& node, const Types& in, Constants, const PlanContext&) {
  constexpr double kElement = 40;
  return boxed("quantize", in, any_axis(in[0].shape.rank()), kElement * static_cast<double>(in[0].shape.elements()),
               [node, grain = Grain(node, in[0].shape, in[1].shape)](Inputs from, View& y, const Box& box) {
                 quantize_box(node, grain, from, y, box);
               });
}

inline Types dequantize_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 3);
  if (in[0].dtype != DType::i32) want_8_bit(node, in, {0});
  want_float(node, in, {1});
  want_same_dtype(node, in, 2, 0);
  want_same_shape(node, in);
  const Grain grain(node, in[0].shape, in[1].shape);
  const DType made = dtype_attr(node, "output_dtype").value_or(in[1].dtype);
  if (!kFloats.has(made)) throw Error(Errc::BadModel, node.label(), "output_dtype is ", made, ", a float wanted");
  return {{made, in[0].shape}};
}

inline void dequantize_box(const Node& node, const Grain& grain, Inputs in, View& y, const Box& box) {
  for_each(box, [&](const Index& at) {
    const Index place = grain.place(at);
    const auto x = static_cast<float>(std::int64_t{integer_at(in[0], at)} - zero_at(node, in, 2, place));
    put_float(y, at, x * float_at(in[1], place));
  });
}

inline void dequantize(const Node& node, Inputs in, Outputs out) {
  dequantize_box(node, {node, in[0].shape(), in[1].shape()}, in, out[0], out[0].held());
}

inline std::vector<Step> plan_dequantize(const Node& node, const Types& in, Constants, const PlanContext&) {
  constexpr double kElement = 30;
  return boxed("dequantize", in, any_axis(in[0].shape.rank()), kElement * static_cast<double>(in[0].shape.elements()),
               [node, grain = Grain(node, in[0].shape, in[1].shape)](Inputs from, View& y, const Box& box) {
                 dequantize_box(node, grain, from, y, box);
               });
}

inline Types dynamic_quantize_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  want_dtype(node, in, DType::f32);
  return {{DType::u8, in[0].shape}, {DType::f32, {}}, {DType::u8, {}}};
}

// The range of x and 0 in 255 steps; where all is 0, the scale is 1.
inline void dynamic_quantize(const Node&, Inputs in, Outputs out) {
  float least = 0, most = 0;
  for_each(in[0].held(), [&](const Index& at) {
    least = std::min(least, *in[0].as<float>(at));
    most = std::max(most, *in[0].as<float>(at));
  });
  const float scale = least == most ? 1.0f : (most - least) / 255;
  const Index scalar;
  *out[1].as<float>(scalar) = scale;
  put_quantized(out[2], scalar, 0 - least / scale, 0);
  const std::int32_t zero = integer_at(out[2], scalar);
  for_each(in[0].held(), [&](const Index& at) { put_quantized(out[0], at, *in[0].as<float>(at) / scale, zero); });
}

inline std::vector<Case> quantize_cases() {
  const Tensor scale({}, {0.03f}), scales({3}, {0.02f, 0.5f, 0.011f});
  const Tensor blocks({2, 3, 2}, {0.02f, 0.5f, 0.011f, 0.3f, 0.04f, 0.05f, 0.2f, 0.1f, 0.07f, 0.01f, 0.6f, 0.09f});
  const TensorType i8{DType::i8, {3}}, f16{DType::f16, {2, 3, 5}};
  return {
      {"QuantizeLinear", {}, {data({2, 3, 5}), given(scale)}},
      {"QuantizeLinear", {}, {data({2, 3, 5}), given(scales), {Operand::Kind::Constant, i8, {}}}},
      {"QuantizeLinear",
       {{"axis", Dim{-3}}, {"output_dtype", Dim{3}}},
       {data({2, 3, 5, 1, 4}), given(Tensor({5}, {1.f, 0.5f, 0.25f, 2.f, 0.01f}))}},
      {"QuantizeLinear", {{"axis", Dim{2}}, {"block_size", Dim{3}}}, {data({2, 3, 5}), given(blocks)}},
      {"QuantizeLinear", {{"precision", Dim{10}}}, {data({7}), given(scale), given(Tensor({}, {std::uint8_t{128}}))}},
      {"QuantizeLinear", {}, {data(f16), given(Tensor({}, {to_float16(0.02f)}))}},
      {"QuantizeLinear", {}, {data(TensorType{DType::bf16, {4}}), given(Tensor({}, {to_bfloat16(0.02f)}))}},
      {"QuantizeLinear", {}, {data(TensorType{DType::i32, {2, 9}}), given(scale)}},
      {"QuantizeLinear", {}, {data(Shape{}), given(scale)}},
      {"QuantizeLinear", {}, {data({0, 3}), given(scale)}},
  };
}

inline std::vector<Case> dequantize_cases() {
  const Tensor scale({}, {0.03f}), scales({3}, {0.02f, 0.5f, 0.011f});
  const auto x = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  return {
      {"DequantizeLinear", {}, {x(DType::u8, {2, 3, 5}), given(scale)}},
      {"DequantizeLinear", {}, {x(DType::i8, {2, 3, 5}), given(scales), x(DType::i8, {3})}},
      {"DequantizeLinear",
       {{"axis", Dim{0}}, {"block_size", Dim{2}}},
       {x(DType::u8, {3, 3}), data({2, 3}), x(DType::u8, {2, 3})}},
      {"DequantizeLinear", {{"axis", Dim{-1}}}, {x(DType::i32, {2, 4, 3}), given(scales)}},
      {"DequantizeLinear", {{"output_dtype", Dim{10}}}, {x(DType::u8, {9}), given(scale), x(DType::u8, {})}},
      {"DequantizeLinear", {}, {x(DType::i8, {2, 4}), given(Tensor({}, {to_bfloat16(0.02f)}))}},
      {"DequantizeLinear", {}, {x(DType::i8, {}), given(scale)}},
  };
}

inline std::vector<Case> dynamic_quantize_cases() {
  std::vector<Case> cases;
  for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{2, 0}})
    cases.push_back({.op = "DynamicQuantizeLinear", .operands = {data(shape)}, .outputs = 3});
  return cases;
}

inline constexpr OpDef kLinear[] = {
    {.name = "QuantizeLinear",
     .infer = quantize_type,
     .needed = linear_needed,
     .reference = quantize,
     .plan = plan_quantize,
     .tolerance = exact,
     .cases = quantize_cases},
    {.name = "DequantizeLinear",
     .infer = dequantize_type,
     .needed = linear_needed,
     .reference = dequantize,
     .plan = plan_dequantize,
     .tolerance = exact,
     .cases = dequantize_cases},
    {.name = "DynamicQuantizeLinear",
     .infer = dynamic_quantize_type,
     .needed = whole_inputs,
     .reference = dynamic_quantize,
     .cases = dynamic_quantize_cases},
};

}  // namespace coverslip::inline v0::ops
