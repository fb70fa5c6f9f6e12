// MatMulInteger and QLinearMatMul: products of matrices of 8-bit integers, summed exactly in 32 bits.
#pragma once
#include "coverslip/ops/matrices/matmul.hpp"
#include "coverslip/ops/quantized/integers.hpp"

namespace coverslip::inline v0::ops {

// A scale or zero point of an operand: one for all, or one for each row of A or column of B (`axis` of the operand).
inline void want_parameter(const Node& node, const Types& in, std::size_t i, const Shape& operand, std::size_t axis) {
  if (!node.has(i) || in[i].shape.elements() == 1) return;
  const Shape& p = in[i].shape;
  bool fits = operand.rank() > 1 && p.rank() == 1 && p[0] == operand[axis];
  if (p.rank() == operand.rank() && p.rank() > 1) {
    const std::size_t terms = axis == operand.rank() - 1 ? axis - 1 : axis + 1;
    fits = p[terms] == 1;
    for (std::size_t a = 0; a < p.rank(); ++a) fits = fits && (p[a] == 1 || p[a] == operand[a]);
  }
  if (!fits)
    throw Error(Errc::BadShape, node.label(), "input ", i, " is ", p, ", which does not fit the operand ", operand);
}

inline Index parameter_place(const Shape& p, const Index& operand, std::size_t axis) {
  if (p.rank() < 2) return place_along(p, operand, axis);
  Index at(p.rank(), 0);
  if (p.elements() == 1) return at;
  for (std::size_t a = 0; a < p.rank(); ++a) at[a] = p[a] == 1 ? 0 : operand[a];
  return at;
}

// Where a node has its inputs.
struct QuantizedProduct {
  std::size_t a, a_zero, b, b_zero;
  bool scaled;  // scales lie before the zero points; y's are inputs 6 and 7
};
inline constexpr QuantizedProduct kMatMulInteger{.a = 0, .a_zero = 2, .b = 1, .b_zero = 3, .scaled = false};
inline constexpr QuantizedProduct kQLinearMatMul{.a = 0, .a_zero = 2, .b = 3, .b_zero = 5, .scaled = true};

inline std::size_t row_axis(const Shape& a) { return a.rank() > 1 ? a.rank() - 2 : 0; }
inline std::size_t column_axis(const Shape& b) { return b.rank() - 1; }

template <const QuantizedProduct& kAt>
Types quantized_matmul_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, kAt.scaled ? 8 : 2, kAt.scaled ? 8 : 4);
  want_8_bit(node, in, {kAt.a, kAt.b});
  want_same_dtype(node, in, kAt.a_zero, kAt.a);
  want_same_dtype(node, in, kAt.b_zero, kAt.b);
  const Shape &a = in[kAt.a].shape, &b = in[kAt.b].shape;
  const MatMul matmul(node, a, b);
  matmul.output.elements();
  if (in.size() > kAt.a_zero) want_parameter(node, in, kAt.a_zero, a, row_axis(a));
  if (in.size() > kAt.b_zero) want_parameter(node, in, kAt.b_zero, b, column_axis(b));
  if (!kAt.scaled) return {{DType::i32, matmul.output}};
  want_float(node, in, {1, 4, 6});
  want_8_bit(node, in, {7});
  want_one(node, in, {6, 7});
  want_parameter(node, in, 1, a, row_axis(a));
  want_parameter(node, in, 4, b, column_axis(b));
  return {{in[7].dtype, matmul.output}};
}

template <const QuantizedProduct& kAt>
std::vector<Box> quantized_matmul_needed(const Node& node, const Types& in, const Box& y) {
  const std::vector<Box> operands = matmul_needed(node, {in[kAt.a], in[kAt.b]}, y);
  std::vector<Box> boxes = whole_inputs(node, in, y);
  boxes[kAt.a] = operands[0];
  boxes[kAt.b] = operands[1];
  return boxes;
}

// The scale of the result is a_scale * b_scale / y_scale in f32, and the product with it is rounded once more to f32.
template <const QuantizedProduct& kAt>
void quantized_matmul_box(const Node& node, const MatMul& matmul, Inputs in, View& y, const Box& box) {
  const View &a = in[kAt.a], &b = in[kAt.b];
  const std::size_t row = row_axis(matmul.a), column = column_axis(matmul.b);
  const Dim a_step = a.strides()[matmul.a.rank() - 1], b_step = b.strides()[matmul.b.rank() > 1 ? column - 1 : 0];
  const Dot sum_of = dot_of(a.dtype(), b.dtype());
  for_each(box, [&](const Index& at) {
    const Index a_at = matmul.a_place(at, matmul.a.rank() > 1 ? at[matmul.batch] : 0, 0);
    const Index b_at = matmul.b_place(at, 0, matmul.b.rank() > 1 ? at[at.rank() - 1] : 0);
    const auto zero = [&](std::size_t i, const Index& operand, std::size_t axis) {
      return node.has(i) ? integer_at(in[i], parameter_place(in[i].shape(), operand, axis)) : 0;
    };
    const auto sum =
        matmul.k == 0
            ? 0
            : static_cast<std::int32_t>(sum_of({a.at(a_at), a_step, zero(kAt.a_zero, a_at, row)},
                                               {b.at(b_at), b_step, zero(kAt.b_zero, b_at, column)}, matmul.k));
    if constexpr (kAt.scaled) {
      const float a_scale = float_at(in[1], parameter_place(in[1].shape(), a_at, row));
      const float b_scale = float_at(in[4], parameter_place(in[4].shape(), b_at, column));
      const float scale = a_scale * b_scale / float_at(in[6], in[6].origin());
      put_quantized(y, at, static_cast<float>(sum) * scale, integer_at(in[7], in[7].origin()));
    } else {
      *y.as<std::int32_t>(at) = sum;
    }
  });
}

template <const QuantizedProduct& kAt>
void quantized_matmul(const Node& node, Inputs in, Outputs out) {
  const MatMul product(node, in[kAt.a].shape(), in[kAt.b].shape());
  quantized_matmul_box<kAt>(node, product, in, out[0], out[0].held());
}

template <const QuantizedProduct& kAt>
std::vector<Step> plan_quantized_matmul(const Node& node, const Types& in, Constants, const PlanContext&) {
  const MatMul product(node, in[kAt.a].shape, in[kAt.b].shape);
  const auto outputs = static_cast<double>(product.output.elements());
  return boxed("matmul_integer", in, any_axis(product.output.rank()), outputs * (100 + static_cast<double>(product.k)),
               [node, product](Inputs from, View& y, const Box& box) {
                 quantized_matmul_box<kAt>(node, product, from, y, box);
               });
}

inline std::vector<Case> matmul_integer_cases() {
  const auto of = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  constexpr DType u8 = DType::u8, i8 = DType::i8;
  return {
      {"MatMulInteger", {}, {of(u8, {3, 5}), of(u8, {5, 4})}},
      {"MatMulInteger", {}, {of(u8, {3, 5}), of(i8, {5, 4}), of(u8, {3}), of(i8, {4})}},
      {"MatMulInteger", {}, {of(i8, {2, 1, 3, 5}), of(u8, {3, 5, 2}), of(i8, {2, 1, 3, 1}), of(u8, {3, 1, 2})}},
      {"MatMulInteger", {}, {of(i8, {5}), of(i8, {2, 5, 4}), absent(), of(i8, {1})}},
      {"MatMulInteger", {}, {of(i8, {4, 5}), of(u8, {5}), of(i8, {4, 1}), of(u8, {})}},
      {"MatMulInteger", {}, {of(i8, {4, 0}), of(u8, {0, 3})}},
  };
}

inline std::vector<Case> qlinear_matmul_cases() {
  const auto of = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  constexpr DType u8 = DType::u8, i8 = DType::i8;
  const Operand one = given(Tensor({}, {0.02f})), out = given(Tensor({1}, {0.3f}));
  const Operand rows = given(Tensor({3}, {0.01f, 0.04f, 0.002f})), half = given(Tensor({1}, {to_float16(0.02f)}));
  return {
      {"QLinearMatMul", {}, {of(u8, {3, 5}), one, of(u8, {}), of(u8, {5, 4}), one, of(u8, {}), out, of(u8, {})}},
      {"QLinearMatMul",
       {},
       {of(i8, {2, 3, 5}), rows, of(i8, {3}), of(u8, {5, 3}), rows, of(u8, {1}), out, of(i8, {1})}},
      {"QLinearMatMul",
       {},
       {of(u8, {2, 5}), half, of(u8, {1}), of(i8, {2, 5, 3}), half, of(i8, {1}), half, of(u8, {})}},
  };
}

inline constexpr OpDef kQuantizedMatMul[] = {
    {.name = "MatMulInteger",
     .infer = quantized_matmul_type<kMatMulInteger>,
     .needed = quantized_matmul_needed<kMatMulInteger>,
     .reference = quantized_matmul<kMatMulInteger>,
     .plan = plan_quantized_matmul<kMatMulInteger>,
     .tolerance = exact,
     .cases = matmul_integer_cases},
    {.name = "QLinearMatMul",
     .infer = quantized_matmul_type<kQLinearMatMul>,
     .needed = quantized_matmul_needed<kQLinearMatMul>,
     .reference = quantized_matmul<kQLinearMatMul>,
     .plan = plan_quantized_matmul<kQLinearMatMul>,
     .tolerance = exact,
     .cases = qlinear_matmul_cases},
};

}  // namespace coverslip::inline v0::ops
