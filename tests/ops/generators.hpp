// Makes random samples of operators: dimensions, strides, dilations, groups, pads, axes and odd sizes.
#pragma once
#include "choices.hpp"
#include "coverslip/ops/case.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip {
inline namespace v0 {

using List = std::vector<Dim>;

inline Operand integer_list(const List& list) {
  Tensor t({DType::i64, {static_cast<Dim>(list.size())}});
  std::ranges::copy(list, t.values<std::int64_t>().begin());
  return given(std::move(t));
}

// N x C x spatial, of about the same number of elements in 1, 2 and 3 dimensions.
inline Shape picture(Choices& choices, Dim channels, std::size_t axes) {
  constexpr Dim kLongest[] = {0, 70, 14, 8};
  Shape shape{choices.pick(1, 2), channels};
  for (std::size_t i = 0; i < axes; ++i) shape.push_back(choices.pick(1, kLongest[axes]));
  return shape;
}
inline std::size_t spatial_axes(Choices& choices) { return static_cast<std::size_t>(choices.one_of(List{2, 1, 3})); }

inline Shape any_shape(Choices& choices, std::size_t least_rank) {
  Shape shape(static_cast<std::size_t>(choices.pick(static_cast<Dim>(least_rank), 5)), 1);
  for (Dim& d : shape) d = shape.rank() > 3 ? choices.pick(1, 5) : choices.pick(1, 19);
  if (choices.pick(0, 3) == 3 && shape.rank() > 0) shape[shape.rank() - 1] = choices.pick(1, 70);
  return shape;
}

// An axis as a file may name it: from either end.
inline Dim any_axis_of(Choices& choices, std::size_t rank) {
  const auto axes = static_cast<Dim>(rank);
  return choices.pick(0, axes - 1) - (choices.coin() ? axes : 0);
}

// strides, dilations and pads, for windows that may hang over any edge by less than their reach.
inline Attributes window(Choices& choices, const List& kernel, bool dilated = true) {
  const std::size_t axes = kernel.size();
  List strides, dilations(axes, 1), pads(2 * axes, 0);
  const bool same = choices.pick(0, 4) == 4;
  for (std::size_t i = 0; i < axes; ++i) {
    strides.push_back(choices.pick(1, 3));
    if (dilated) dilations[i] = choices.one_of(List{1, 2, 3});
    if (!same)
      for (const std::size_t side : {i, axes + i}) pads[side] = choices.pick(0, (kernel[i] - 1) * dilations[i]);
  }
  Attributes all{{"strides", strides}};
  if (dilated) all["dilations"] = dilations;
  if (same)
    all["auto_pad"] = choices.one_of(std::vector<std::string>{"SAME_UPPER", "SAME_LOWER", "VALID"});
  else
    all["pads"] = pads;
  return all;
}

inline List kernel_of(Choices& choices, std::size_t axes) {
  List kernel;
  for (std::size_t i = 0; i < axes; ++i) kernel.push_back(choices.pick(1, 4));
  return kernel;
}

struct Groups {
  Dim count, inputs, outputs;  // channels of each
};
inline Groups groups(Choices& choices) {
  switch (choices.pick(0, 3)) {
    case 0: return {1, choices.channels(), choices.channels()};
    case 1: return {choices.channels(), 1, 1};
    case 2: return {choices.channels(), 1, choices.pick(1, 3)};
    default: return {choices.pick(2, 4), choices.pick(1, 9), choices.pick(1, 9)};
  }
}

inline Case conv(Choices& choices) {
  const std::size_t axes = spatial_axes(choices);
  const Groups g = groups(choices);
  const List kernel = kernel_of(choices, axes);
  Shape w{g.count * g.outputs, g.inputs};
  for (const Dim k : kernel) w.push_back(k);
  Case c{"Conv", window(choices, kernel), {data(picture(choices, g.count * g.inputs, axes)), weights(w)}};
  c.attributes["group"] = g.count;
  if (choices.coin()) c.operands.push_back(weights({w[0]}));
  return c;
}

inline Case conv_transpose(Choices& choices) {
  const std::size_t axes = spatial_axes(choices);
  const Groups g = groups(choices);
  const List kernel = kernel_of(choices, axes);
  Shape w{g.count * g.inputs, g.outputs};
  for (const Dim k : kernel) w.push_back(k);
  Case c{"ConvTranspose", window(choices, kernel), {data(picture(choices, w[0], axes)), weights(w)}};
  c.attributes["group"] = g.count;
  List extra;
  for (std::size_t i = 0; i < axes; ++i)
    extra.push_back(choices.pick(0, std::get<List>(c.attributes["strides"])[i] - 1));
  if (choices.coin()) c.attributes["output_padding"] = extra;
  if (choices.coin()) c.operands.push_back(weights({g.count * g.outputs}));
  return c;
}

inline Case pooling(Choices& choices) {
  const std::size_t axes = spatial_axes(choices);
  const std::string op = choices.one_of(std::vector<std::string>{"MaxPool", "AveragePool", "LpPool"});
  const List kernel = kernel_of(choices, axes);
  Case c{op, window(choices, kernel), {data(picture(choices, choices.channels(), axes))}};
  c.attributes["kernel_shape"] = kernel;
  c.attributes["ceil_mode"] = choices.pick(0, 1);
  if (op == "AveragePool") c.attributes["count_include_pad"] = choices.pick(0, 1);
  if (op == "LpPool") c.attributes["p"] = choices.pick(1, 3);
  if (op == "MaxPool" && choices.coin()) c.outputs = 2;
  return c;
}

inline Case global_pooling(Choices& choices) {
  const std::string op = choices.one_of(std::vector<std::string>{"GlobalAveragePool", "GlobalMaxPool"});
  return {op, {}, {data(picture(choices, choices.channels(), spatial_axes(choices)))}};
}

inline Case resize(Choices& choices) {
  using Words = std::vector<std::string>;
  const std::size_t axes = spatial_axes(choices);
  const Shape x = picture(choices, choices.channels(), axes);
  Case c{"Resize", {}, {data(x), absent()}};
  c.attributes["mode"] = choices.one_of(Words{"nearest", "linear", "cubic"});
  c.attributes["coordinate_transformation_mode"] =
      choices.one_of(Words{"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"});
  c.attributes["nearest_mode"] = choices.one_of(Words{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  c.attributes["antialias"] = choices.pick(0, 1);
  c.attributes["exclude_outside"] = std::get<std::string>(c.attributes["mode"]) == "cubic" ? choices.pick(0, 1) : 0;
  List sizes{x[0], x[1]};
  Tensor scales({DType::f32, {static_cast<Dim>(x.rank())}});
  scales.values<float>()[0] = scales.values<float>()[1] = 1;
  for (std::size_t i = 2; i < x.rank(); ++i) {
    sizes.push_back(choices.pick(1, 2 * x[i] + 3));
    scales.values<float>()[i] = static_cast<float>(choices.pick(1, 12)) * 0.25f;
  }
  if (choices.coin()) {
    c.operands.push_back(given(std::move(scales)));
  } else {
    c.operands.push_back(absent());
    c.operands.push_back(integer_list(sizes));
  }
  return c;
}

// Normalizations whose parameters are one number for each channel.
inline Case channel_norm(Choices& choices) {
  const std::string op =
      choices.one_of(std::vector<std::string>{"InstanceNormalization", "BatchNormalization", "GroupNormalization"});
  const Dim groups = op == "GroupNormalization" ? choices.pick(1, 5) : 1;
  const Dim channels = groups * choices.pick(1, 11);
  Case c{op, {}, {data(picture(choices, channels, spatial_axes(choices))), weights({channels}), weights({channels})}};
  c.attributes["epsilon"] = choices.one_of(std::vector<float>{1e-5f, 1e-3f});
  if (op == "GroupNormalization") c.attributes["num_groups"] = groups;
  if (op == "BatchNormalization") {
    c.operands.push_back(weights({channels}));
    Tensor variance({DType::f32, {channels}});
    for (float& v : variance.values<float>()) v = 0.1f * static_cast<float>(choices.pick(1, 30));
    c.operands.push_back(given(std::move(variance)));
  }
  return c;
}

// Normalizations of rows.
inline Case row_norm(Choices& choices) {
  const std::string op =
      choices.one_of(std::vector<std::string>{"LayerNormalization", "RMSNormalization", "LpNormalization"});
  const Shape x = any_shape(choices, 1);
  const Dim axis = any_axis_of(choices, x.rank());
  Case c{op, {{"axis", axis}}, {data(x)}};
  if (op == "LpNormalization") {
    c.attributes["p"] = choices.pick(1, 2);
    return c;
  }
  Shape tail;
  for (std::size_t i = static_cast<std::size_t>(axis < 0 ? axis + static_cast<Dim>(x.rank()) : axis); i < x.rank(); ++i)
    tail.push_back(x[i]);
  c.operands.push_back(weights(tail));
  if (op == "LayerNormalization" && choices.coin()) c.operands.push_back(weights(tail));
  if (op == "LayerNormalization" && choices.coin()) c.outputs = 3;
  return c;
}

inline Case local_norm(Choices& choices) {
  Case c{"LRN", {{"size", choices.pick(1, 7)}}, {data(picture(choices, choices.channels(), spatial_axes(choices)))}};
  if (choices.coin()) c.attributes["bias"] = 2.0f;
  return c;
}

inline Case softmax(Choices& choices) {
  const std::string op = choices.one_of(std::vector<std::string>{"Softmax", "LogSoftmax", "Hardmax"});
  const Shape x = any_shape(choices, 1);
  return {op, {{"axis", any_axis_of(choices, x.rank())}}, {data(x)}};
}

inline Case reduction(Choices& choices) {
  const std::string op =
      choices.one_of(std::vector<std::string>{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd",
                                              "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare"});
  const Shape x = any_shape(choices, 0);
  List axes;
  for (std::size_t axis = 0; axis < x.rank(); ++axis)
    if (choices.coin()) axes.push_back(static_cast<Dim>(axis) - (choices.coin() ? static_cast<Dim>(x.rank()) : 0));
  const bool of_integers = op != "ReduceLogSumExp" && op != "ReduceL2" && choices.pick(0, 3) == 3;
  Case c{op, {{"keepdims", choices.pick(0, 1)}}, {data(TensorType{of_integers ? DType::i64 : DType::f32, x})}};
  if (choices.coin()) c.attributes["noop_with_empty_axes"] = Dim{1};
  if (choices.pick(0, 4) > 0) c.operands.push_back(integer_list(axes));
  return c;
}

inline Case arg_reduction(Choices& choices) {
  const std::string op = choices.one_of(std::vector<std::string>{"ArgMax", "ArgMin"});
  const Shape x = any_shape(choices, 1);
  return {op,
          {{"axis", any_axis_of(choices, x.rank())},
           {"keepdims", choices.pick(0, 1)},
           {"select_last_index", choices.pick(0, 1)}},
          {data(x)}};
}

inline Case best(Choices& choices) {
  const Shape x = any_shape(choices, 1);
  const Dim axis = any_axis_of(choices, x.rank());
  const Dim most = x[static_cast<std::size_t>(axis < 0 ? axis + static_cast<Dim>(x.rank()) : axis)];
  const DType dtype = choices.one_of(std::vector<DType>{DType::f32, DType::i8, DType::i64});
  return {"TopK",
          {{"axis", axis}, {"largest", choices.pick(0, 1)}},
          {data(TensorType{dtype, x}), integer_list({choices.pick(0, most)})},
          false,
          2};
}

inline Case running(Choices& choices) {
  const std::string op = choices.one_of(std::vector<std::string>{"CumSum", "CumProd"});
  const Shape x = any_shape(choices, 1);
  const DType dtype = choices.one_of(std::vector<DType>{DType::f32, DType::f16, DType::i32});
  return {op,
          {{"exclusive", choices.pick(0, 1)}, {"reverse", choices.pick(0, 1)}},
          {data(TensorType{dtype, x}), integer_list({any_axis_of(choices, x.rank())})}};
}

inline Case slice(Choices& choices) {
  const Shape x = any_shape(choices, 1);
  List starts, ends, axes, steps;
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    if (choices.coin()) continue;
    axes.push_back(static_cast<Dim>(axis) - (choices.coin() ? static_cast<Dim>(x.rank()) : 0));
    starts.push_back(choices.pick(-x[axis] - 2, x[axis] + 2));
    ends.push_back(choices.pick(-x[axis] - 2, x[axis] + 2));
    steps.push_back(choices.one_of(List{1, 2, -1, 3, -2}));
  }
  const DType dtype = choices.one_of(std::vector<DType>{DType::f32, DType::u8, DType::f16, DType::i64});
  return {
      "Slice",
      {},
      {data(TensorType{dtype, x}), integer_list(starts), integer_list(ends), integer_list(axes), integer_list(steps)}};
}

inline Case pad(Choices& choices) {
  const Shape x = any_shape(choices, 1);
  const std::string mode = choices.one_of(std::vector<std::string>{"constant", "edge", "reflect", "wrap"});
  List pads;
  for (int side = 0; side < 2; ++side)
    for (const Dim d : x) pads.push_back(choices.pick(-std::min<Dim>(d / 2, 2), mode == "reflect" ? d - 1 : 4));
  return {"Pad", {{"mode", mode}}, {data(x), integer_list(pads)}};
}

inline Case transpose(Choices& choices) {
  const Shape x = any_shape(choices, 1);
  List order;
  for (std::size_t axis = 0; axis < x.rank(); ++axis)
    order.insert(order.begin() + choices.pick(0, static_cast<Dim>(axis)), static_cast<Dim>(axis));
  return {"Transpose", {{"perm", order}}, {data(x)}};
}

inline Case concat(Choices& choices) {
  const Shape x = any_shape(choices, 1);
  const Dim axis = any_axis_of(choices, x.rank());
  Case c{"Concat", {{"axis", axis}}};
  for (Dim i = choices.pick(1, 4); i > 0; --i) {
    Shape part = x;
    part[static_cast<std::size_t>(axis < 0 ? axis + static_cast<Dim>(x.rank()) : axis)] = choices.pick(1, 9);
    c.operands.push_back(data(part));
  }
  return c;
}

inline Case matmul(Choices& choices) {
  const Dim m = choices.pick(1, 20), n = choices.pick(1, 40), k = choices.pick(1, 30), batch = choices.pick(1, 3);
  const Shape b = choices.coin() ? Shape{k, n} : Shape{batch, k, n};
  return {"MatMul", {}, {data({batch, m, k}), choices.coin() ? weights(b) : data(b)}};
}

// What is broadcast to that shape: axes are as long, or 1, or left out.
inline Shape broadcast_to(Choices& choices, Shape shape) {
  for (Dim& d : shape)
    if (choices.pick(0, 3) == 3) d = 1;
  const auto left_out = static_cast<std::size_t>(choices.pick(0, static_cast<Dim>(shape.rank())));
  return Shape(std::span<const Dim>(shape.begin() + left_out, shape.rank() - left_out));
}

inline Case arithmetic(Choices& choices) {
  const std::string op = choices.one_of(std::vector<std::string>{"Add", "Sub", "Mul", "Div"});
  const Shape y = any_shape(choices, 0), a = choices.coin() ? y : broadcast_to(choices, y),
              b = broadcast_to(choices, y);
  return {op, {}, {data(a), choices.coin() ? data(b) : weights(b)}};
}

// Of all element types; some have no elements. Those that an operator does not take are no valid samples.
inline Case elementwise(Choices& choices) {
  const std::string op = choices.one_of(std::vector<std::string>{
      "Add", "Sub", "Mul",   "Div",        "Min",       "Max",         "Sum",      "Mean",
      "Mod", "Pow", "PRelu", "Equal",      "Less",      "LessOrEqual", "Greater",  "GreaterOrEqual",
      "And", "Or",  "Xor",   "BitwiseAnd", "BitwiseOr", "BitwiseXor",  "BitShift", "Where"});
  const ops::DTypes types = op == "And" || op == "Or" || op == "Xor" ? ops::kBools : ops::kAllNumbers;
  std::vector<DType> some;
  for (std::size_t t = 0; t < kDTypes; ++t)
    if (const auto dtype = static_cast<DType>(t); types.has(dtype)) some.push_back(dtype);
  const DType dtype = choices.one_of(some);
  Shape y = any_shape(choices, 0);
  if (y.rank() > 0 && choices.pick(0, 15) == 15) y[0] = 0;
  const Shape a = choices.coin() ? y : broadcast_to(choices, y), b = broadcast_to(choices, y);
  Case c{op, {}, {data(TensorType{dtype, a}), data(TensorType{dtype, b})}};
  if (op == "BitShift") c.attributes = {{"direction", std::string(choices.coin() ? "LEFT" : "RIGHT")}};
  if (op == "Where") c.operands.insert(c.operands.begin(), data(TensorType{DType::boolean, broadcast_to(choices, y)}));
  const bool many = op == "Sum" || op == "Mean" || op == "Min" || op == "Max";
  if (many && choices.coin()) c.operands.push_back(data(TensorType{dtype, broadcast_to(choices, y)}));
  return c;
}

}  // namespace v0
}  // namespace coverslip
