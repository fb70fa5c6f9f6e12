// ConvInteger and QLinearConv: convolutions of 8-bit integers over any number of spatial axes, summed exactly in 32
// bits.
#pragma once
#include "coverslip/ops/quantized/integers.hpp"
#include "coverslip/ops/windows/conv.hpp"

namespace coverslip::inline v0::ops {

// Where a node has its inputs.
struct QuantizedConv {
  std::size_t x, x_zero, w, w_zero;
  bool scaled;  // scales lie before the zero points; y's are inputs 6 and 7, the bias is input 8
};
inline constexpr QuantizedConv kConvInteger{.x = 0, .x_zero = 2, .w = 1, .w_zero = 3, .scaled = false};
inline constexpr QuantizedConv kQLinearConv{.x = 0, .x_zero = 2, .w = 3, .w_zero = 5, .scaled = true};

// The same convolution of floats: it has the same shapes and windows.
struct FloatConv {
  Node node;
  Types types;
  FloatConv(const Node& quantized, const Shape& x, const Shape& w)
      : node{.op = quantized.op, .name = quantized.name, .inputs = {0, 1}}, types{{DType::f32, x}, {DType::f32, w}} {
    node.attributes = quantized.attributes;
  }
};

inline void want_per_channel(const Node& node, const Types& in, std::size_t i, Dim channels) {
  if (node.has(i) && in[i].shape.elements() != 1 && in[i].shape != Shape{channels})
    throw Error(Errc::BadShape, node.label(), "input ", i, " is ", in[i].shape, ", one number or ", channels,
                " wanted");
}

template <const QuantizedConv& kAt>
Types quantized_conv_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, kAt.scaled ? 8 : 2, kAt.scaled ? 9 : 4);
  want_8_bit(node, in, {kAt.x, kAt.w});
  want_same_dtype(node, in, kAt.x_zero, kAt.x);
  want_same_dtype(node, in, kAt.w_zero, kAt.w);
  want_one(node, in, {kAt.x_zero});
  const FloatConv conv(node, in[kAt.x].shape, in[kAt.w].shape);
  const Shape y = conv_type(conv.node, conv.types, {})[0].shape;
  want_per_channel(node, in, kAt.w_zero, y[1]);
  if (!kAt.scaled) return {{DType::i32, y}};
  want_float(node, in, {1, 4, 6});
  want_8_bit(node, in, {7});
  want_one(node, in, {1, 6, 7});
  want_per_channel(node, in, 4, y[1]);
  if (node.has(8) && (in[8].dtype != DType::i32 || in[8].shape != Shape{y[1]}))
    throw Error(Errc::BadShape, node.label(), "bias is ", in[8], ", i32 ", y[1], " wanted");
  return {{in[7].dtype, y}};
}

template <const QuantizedConv& kAt>
std::vector<Box> quantized_conv_needed(const Node& node, const Types& in, const Box& y) {
  const FloatConv conv(node, in[kAt.x].shape, in[kAt.w].shape);
  const std::vector<Box> operands = conv_needed_once(conv.node, conv.types, y);
  std::vector<Box> boxes = whole_inputs(node, in, y);
  boxes[kAt.x] = operands[0];
  boxes[kAt.w] = operands[1];
  return boxes;
}

// Padding is real 0, x's zero point: such taps add nothing. The scale of the result is x_scale * w_scale / y_scale in
// f32, and the product with it is rounded once more to f32.
template <const QuantizedConv& kAt>
void quantized_conv_box(const Node& node, const FloatConv& conv, Inputs in, View& y, const Box& box) {
  const View &x = in[kAt.x], &w = in[kAt.w];
  const Shape &x_shape = conv.types[0].shape, &w_shape = conv.types[1].shape;
  const std::vector<Window> windows = conv_windows(conv.node, conv.types);
  const Dim group_outputs = w_shape[0] / groups_of(node), channels = w_shape[1];
  const Dot sum_of = dot_of(x.dtype(), w.dtype());
  const std::int32_t x_zero = node.has(kAt.x_zero) ? integer_at(in[kAt.x_zero], in[kAt.x_zero].origin()) : 0;
  Box taps(w_shape);
  taps[1] = {0, std::min<Dim>(channels, 1)};
  for_each(box, [&](const Index& at) {
    const auto channel = [&](std::size_t i) { return place_along(in[i].shape(), {at[1]}, 0); };
    const std::int32_t w_zero = node.has(kAt.w_zero) ? integer_at(in[kAt.w_zero], channel(kAt.w_zero)) : 0;
    std::uint32_t sum = 0;
    taps[0] = {at[1], at[1] + 1};
    for_each(taps, [&](const Index& tap) {
      Index from{at[0], at[1] / group_outputs * channels};
      for (std::size_t i = 0; i < windows.size(); ++i) {
        from.push_back(windows[i].place(at[i + 2], tap[i + 2]));
        if (from[i + 2] < 0 || from[i + 2] >= x_shape[i + 2]) return;
      }
      sum += sum_of({x.at(from), x.strides()[1], x_zero}, {w.at(tap), w.strides()[1], w_zero}, channels);
    });
    if constexpr (kAt.scaled) {
      if (node.has(8)) sum += static_cast<std::uint32_t>(*in[8].as<std::int32_t>({at[1]}));
      const float scale =
          float_at(in[1], in[1].origin()) * float_at(in[4], channel(4)) / float_at(in[6], in[6].origin());
      put_quantized(y, at, static_cast<float>(static_cast<std::int32_t>(sum)) * scale,
                    integer_at(in[7], in[7].origin()));
    } else {
      *y.as<std::int32_t>(at) = static_cast<std::int32_t>(sum);
    }
  });
}

template <const QuantizedConv& kAt>
void quantized_conv(const Node& node, Inputs in, Outputs out) {
  const FloatConv conv(node, in[kAt.x].shape(), in[kAt.w].shape());
  quantized_conv_box<kAt>(node, conv, in, out[0], out[0].held());
}

template <const QuantizedConv& kAt>
std::vector<Step> plan_quantized_conv(const Node& node, const Types& in, Constants constants, const PlanContext&) {
  const FloatConv conv(node, in[kAt.x].shape, in[kAt.w].shape);
  const Shape y = quantized_conv_type<kAt>(node, in, constants)[0].shape;
  const double terms = conv_terms(conv.types);
  return boxed(
      "conv_integer", in, any_axis(y.rank()), static_cast<double>(y.elements()) * (100 + 2 * terms),
      [node, conv](Inputs from, View& to, const Box& box) { quantized_conv_box<kAt>(node, conv, from, to, box); });
}

struct QuantizedConvCase {
  DType x_type, w_type;
  Shape x, w;
  bool zeros, per_channel, bias;
  Attributes attributes;
};

inline std::vector<QuantizedConvCase> quantized_conv_rows() {
  constexpr DType u8 = DType::u8, i8 = DType::i8;
  return {
      {u8, u8, {1, 1, 3, 3}, {1, 1, 2, 2}, true, false, false, {}},
      {u8,
       i8,
       {2, 3, 7},
       {4, 3, 3},
       true,
       true,
       true,
       {{"strides", std::vector<Dim>{2}}, {"pads", std::vector<Dim>{1, 2}}}},
      {i8,
       u8,
       {1, 4, 5, 6},
       {6, 2, 3, 2},
       true,
       true,
       true,
       {{"group", Dim{2}}, {"auto_pad", std::string("SAME_LOWER")}}},
      {i8,
       i8,
       {1, 3, 6, 5},
       {3, 1, 2, 2},
       true,
       true,
       false,
       {{"group", Dim{3}}, {"dilations", std::vector<Dim>{2, 3}}, {"pads", std::vector<Dim>{0, 2, 1, 0}}}},
      {u8,
       i8,
       {1, 2, 3, 4, 3},
       {2, 2, 2, 3, 1},
       false,
       false,
       true,
       {{"auto_pad", std::string("SAME_UPPER")}, {"strides", std::vector<Dim>{1, 2, 1}}}},
  };
}

inline std::vector<Case> conv_integer_cases() {
  std::vector<Case> cases;
  for (const QuantizedConvCase& row : quantized_conv_rows()) {
    const Shape channels = row.per_channel ? Shape{row.w[0]} : Shape{};
    Case c{"ConvInteger", row.attributes, {data(TensorType{row.x_type, row.x}), data(TensorType{row.w_type, row.w})}};
    if (row.zeros) {
      c.operands.push_back(data(TensorType{row.x_type, {}}));
      c.operands.push_back(data(TensorType{row.w_type, channels}));
    }
    cases.push_back(c);
  }
  return cases;
}

inline std::vector<Case> qlinear_conv_cases() {
  std::vector<Case> cases;
  for (const QuantizedConvCase& row : quantized_conv_rows()) {
    Tensor scales(TensorType{DType::f32, row.per_channel ? Shape{row.w[0]} : Shape{}});
    for (float& scale : scales.values<float>())
      scale = 0.01f + 0.004f * static_cast<float>(&scale - scales.values<float>().data());
    Case c{"QLinearConv",
           row.attributes,
           {data(TensorType{row.x_type, row.x}), given(Tensor({}, {0.02f})), data(TensorType{row.x_type, {}}),
            data(TensorType{row.w_type, row.w}), given(scales), data(TensorType{row.w_type, scales.shape()}),
            given(Tensor({}, {0.05f})), data(TensorType{row.w_type, {1}})}};
    if (row.bias) c.operands.push_back(data(TensorType{DType::i32, {row.w[0]}}));
    cases.push_back(c);
  }
  return cases;
}

inline constexpr OpDef kQuantizedConv[] = {
    {.name = "ConvInteger",
     .infer = quantized_conv_type<kConvInteger>,
     .needed = quantized_conv_needed<kConvInteger>,
     .reference = quantized_conv<kConvInteger>,
     .plan = plan_quantized_conv<kConvInteger>,
     .tolerance = exact,
     .cases = conv_integer_cases},
    {.name = "QLinearConv",
     .infer = quantized_conv_type<kQLinearConv>,
     .needed = quantized_conv_needed<kQLinearConv>,
     .reference = quantized_conv<kQLinearConv>,
     .plan = plan_quantized_conv<kQLinearConv>,
     .tolerance = exact,
     .cases = qlinear_conv_cases},
};

}  // namespace coverslip::inline v0::ops
