// Quantized operators in numbers worked by hand: rounding, saturation, zero points along axes and in blocks.
#include "model_answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

template <class T>
Tensor scalar(T x) {
  return Tensor({}, {x});
}
Tensor bytes(const Shape& shape, std::initializer_list<std::uint8_t> numbers) { return Tensor(shape, numbers); }
Tensor chars(const Shape& shape, std::initializer_list<std::int8_t> numbers) { return Tensor(shape, numbers); }

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("QuantizeLinear rounds halves to even before it adds the zero point, and saturates") {
  const Tensor x = list({0.f, 1.f, 3.f, -1.f, 5.f, 1000.f, -254.f, -1000.f});
  CHECK(same_numbers(answer("QuantizeLinear", {}, {x, scalar(2.f), scalar(std::uint8_t{128})}),
                     bytes({8}, {128, 128, 130, 128, 130, 255, 1, 0})));
  CHECK(same_numbers(answer("QuantizeLinear", {}, {x, scalar(2.f), scalar(std::int8_t{1})}),
                     chars({8}, {1, 1, 3, 1, 3, 127, -126, -128})));
  CHECK(same_numbers(answer("QuantizeLinear", {}, {list({2.5f, 3.5f, -1.f}), scalar(1.f)}), bytes({3}, {2, 4, 0})));
  CHECK(same_numbers(answer("QuantizeLinear", {{"output_dtype", Dim{3}}}, {list({2.5f, 3.5f, -1.f}), scalar(1.f)}),
                     chars({3}, {2, 4, -1})));
}

TEST_CASE("QuantizeLinear saturates infinity and 1e30, and makes NaN the least number") {
  const Tensor x = list({kInfinity, -kInfinity, 1e30f, -1e30f, kNaN});
  CHECK(same_numbers(answer("QuantizeLinear", {}, {x, scalar(0.5f), scalar(std::int8_t{-7})}),
                     chars({5}, {127, -128, 127, -128, -128})));
}

TEST_CASE("QuantizeLinear takes scales along an axis, and in blocks of which the last may be short") {
  const Tensor x({1, 3, 2}, {-162.f, 10.f, -100.f, 232.f, -20.f, -50.f});
  CHECK(same_numbers(answer("QuantizeLinear", {}, {x, list({2.f, 4.f, 5.f}), bytes({3}, {84, 24, 196})}),
                     bytes({1, 3, 2}, {3, 89, 0, 82, 192, 186})));
  const Tensor rows({2, 3}, {6.f, 12.f, 50.f, 1.f, 5.f, 4.f});
  CHECK(
      same_numbers(answer("QuantizeLinear", {{"block_size", Dim{2}}}, {rows, Tensor({2, 2}, {1.5f, 2.5f, 3.f, 4.9f})}),
                   bytes({2, 3}, {4, 8, 20, 0, 2, 1})));
}

TEST_CASE("QuantizeLinear divides in the precision of the scale, or in the one it is told") {
  // f16 has 2048 but not 2049; bf16 has 25.25 and 0.10009765625.
  CHECK(same_numbers(answer("QuantizeLinear", {}, {list({2049.f}), scalar(819.5f)}), bytes({1}, {3})));
  CHECK(same_numbers(answer("QuantizeLinear", {}, {list({2049.f}), scalar(to_float16(819.5f))}), bytes({1}, {2})));
  CHECK(same_numbers(answer("QuantizeLinear", {}, {list({25.3f}), scalar(0.1f)}), bytes({1}, {253})));
  CHECK(same_numbers(answer("QuantizeLinear", {{"precision", Dim{16}}}, {list({25.3f}), scalar(0.1f)}),
                     bytes({1}, {252})));
}

TEST_CASE("DequantizeLinear subtracts the zero point exactly") {
  CHECK(same_numbers(
      answer("DequantizeLinear", {}, {bytes({4}, {0, 3, 128, 255}), scalar(2.f), scalar(std::uint8_t{128})}),
      list({-256.f, -250.f, 0.f, 254.f})));
  const Tensor x = chars({1, 2, 2}, {-128, 127, 5, 6});
  CHECK(same_numbers(answer("DequantizeLinear", {}, {x, list({0.5f, 2.f}), chars({2}, {127, -6})}),
                     Tensor({1, 2, 2}, {-127.5f, 0.f, 22.f, 24.f})));
  CHECK(same_numbers(answer("DequantizeLinear", {{"axis", Dim{0}}}, {list<std::int32_t>({7, -3}), list({0.5f, 2.f})}),
                     list({3.5f, -6.f})));
}

TEST_CASE("DequantizeLinear takes scales in blocks, and makes the type of the scale or the one it is told") {
  const Tensor x = bytes({3, 2}, {3, 89, 34, 200, 74, 59}), scales({2, 2}, {2.f, 4.f, 1.f, 0.5f});
  CHECK(same_numbers(
      answer("DequantizeLinear", {{"axis", Dim{0}}, {"block_size", Dim{2}}}, {x, scales, bytes({2, 2}, {1, 0, 4, 9})}),
      Tensor({3, 2}, {4.f, 356.f, 66.f, 800.f, 70.f, 25.f})));
  CHECK(same_numbers(answer("DequantizeLinear", {}, {bytes({1}, {3}), scalar(to_float16(0.5f))}),
                     list({to_float16(1.5f)})));
  CHECK(same_numbers(answer("DequantizeLinear", {{"output_dtype", Dim{16}}}, {bytes({1}, {3}), scalar(0.5f)}),
                     list({to_bfloat16(1.5f)})));
}

TEST_CASE("DynamicQuantizeLinear makes a range that holds 0") {
  // From -2.5 to 2.6: a 50th a step, and the zero point is 2.5 * 50 = 125.
  const Tensor x = list({0.f, 2.f, -2.5f, 2.6f, -1.f});
  CHECK(same_numbers(answer("DynamicQuantizeLinear", {}, {x}), bytes({5}, {125, 225, 0, 255, 75})));
  CHECK(same_numbers(answer("DynamicQuantizeLinear", {}, {list({1.f, 2.55f})}), bytes({2}, {100, 255})));
  CHECK(same_numbers(answer("DynamicQuantizeLinear", {}, {list({0.f, 0.f})}), bytes({2}, {0, 0})));
}

TEST_CASE("DynamicQuantizeLinear tells the scale and the zero point it took") {
  struct Made {
    std::vector<Tensor> outputs;
    float scale() const { return outputs[1].values<float>()[0]; }
    int zero() const { return outputs[2].values<std::uint8_t>()[0]; }
  };
  const auto made = [](const Tensor& x) {
    const Case c{.op = "DynamicQuantizeLinear", .operands = {given(x)}, .outputs = 3};
    Made all{Sample(*find_op(c.op), c).references()};
    CHECK(all.outputs[1].type() == TensorType{DType::f32, {}});
    CHECK(all.outputs[2].type() == TensorType{DType::u8, {}});
    return all;
  };
  const auto about = [](double scale) { return doctest::Approx(scale).epsilon(0x1p-22); };
  // From -3 to 2: 5 / 255 a step, and 0 stands 3 * 51 steps from the least.
  const Made both = made(list({0.f, 2.f, -3.f, -2.5f, 1.34f, 0.5f}));
  CHECK(both.scale() == about(5.0 / 255));
  CHECK(both.zero() == 153);
  CHECK(same_numbers(both.outputs[0], bytes({6}, {153, 255, 0, 26, 221, 179})));
  // All below 0, so that the range ends there; all above, so that it begins there.
  const Made below = made(list({-1.f, -2.1f, -4.f})), above = made(Tensor({2, 2}, {1.f, 2.1f, 4.f, 1.5f}));
  CHECK(below.scale() == about(4.0 / 255));
  CHECK(below.zero() == 255);
  CHECK(same_numbers(below.outputs[0], bytes({3}, {191, 121, 0})));
  CHECK(above.scale() == about(4.0 / 255));
  CHECK(above.zero() == 0);
  CHECK(same_numbers(above.outputs[0], bytes({2, 2}, {64, 134, 255, 96})));
  // Nothing but 0, or nothing at all.
  for (const Tensor& none : {list({0.f, -0.f}), Tensor(TensorType{DType::f32, {0}})}) {
    CHECK(made(none).scale() == 1);
    CHECK(made(none).zero() == 0);
  }
}

TEST_CASE("MatMulInteger subtracts zero points of rows and columns") {
  const Tensor a = bytes({2, 3}, {11, 7, 3, 10, 6, 2}), b = bytes({3, 2}, {1, 4, 2, 5, 3, 6});
  CHECK(same_numbers(answer("MatMulInteger", {}, {a, b, bytes({1}, {12}), bytes({1}, {0})}),
                     Tensor({2, 2}, {-1 * 1 - 5 * 2 - 9 * 3, -1 * 4 - 5 * 5 - 9 * 6, -2 * 1 - 6 * 2 - 10 * 3,
                                     -2 * 4 - 6 * 5 - 10 * 6})));
  CHECK(same_numbers(answer("MatMulInteger", {}, {a, b, bytes({2}, {7, 6}), bytes({2}, {1, 4})}),
                     Tensor({2, 2}, {4 * 0 + 0 - 4 * 2, 0 + 0 - 4 * 2, 4 * 0 + 0 - 4 * 2, 0 + 0 - 4 * 2})));
}

TEST_CASE("MatMulInteger's extreme products do not overflow") {
  const Tensor a = bytes({1, 2}, {255, 0}), b = chars({2, 1}, {-128, 127});
  CHECK(same_numbers(answer("MatMulInteger", {}, {a, b, scalar(std::uint8_t{0}), scalar(std::int8_t{127})}),
                     Tensor({1, 1}, {255 * -255})));
}

TEST_CASE("QLinearMatMul rounds once, after scaling, and then adds the zero point") {
  // Sums 3 and 5; halved 1.5 and 2.5, both 2; with the zero point 1.
  const Tensor a = bytes({1, 1}, {1}), b = bytes({1, 2}, {3, 5});
  const auto zero = scalar(std::uint8_t{0});
  CHECK(same_numbers(
      answer("QLinearMatMul", {}, {a, scalar(0.5f), zero, b, scalar(1.f), zero, scalar(1.f), scalar(std::uint8_t{1})}),
      bytes({1, 2}, {3, 3})));
  CHECK(same_numbers(answer("QLinearMatMul", {},
                            {a, scalar(1.f), zero, b, list({4.f, 100.f}), zero, scalar(2.f), scalar(std::int8_t{-3})}),
                     chars({1, 2}, {3, 127})));
}

TEST_CASE("ConvInteger takes padding as real 0 and zero points of channels") {
  const Tensor x = bytes({1, 1, 3, 3}, {2, 3, 4, 5, 6, 7, 8, 9, 10});
  const Tensor ones = bytes({1, 1, 2, 2}, {1, 1, 1, 1});
  CHECK(same_numbers(answer("ConvInteger", {}, {x, ones, scalar(std::uint8_t{1})}),
                     Tensor({1, 1, 2, 2}, {12, 16, 24, 28})));
  const Tensor two = bytes({2, 1, 2, 2}, {1, 1, 1, 1, 3, 3, 3, 3});
  const Tensor y = answer("ConvInteger", {{"pads", std::vector<Dim>{1, 1, 0, 0}}},
                          {x, two, scalar(std::uint8_t{1}), bytes({2}, {0, 4})});
  CHECK(
      same_numbers(y, Tensor({1, 2, 3, 3}, {1, 3, 5, 5, 12, 16, 11, 24, 28, -1, -3, -5, -5, -12, -16, -11, -24, -28})));
}

TEST_CASE("QLinearConv has a scale for each channel, a bias, and one more dimension or one less") {
  const auto one = scalar(1.f);
  const auto zero = scalar(std::uint8_t{0});
  const Tensor x = bytes({1, 1, 3}, {10, 20, 30}), w = chars({2, 1, 2}, {1, 1, -1, 2});
  const Tensor y = answer("QLinearConv", {},
                          {x, scalar(0.5f), zero, w, list({1.f, 0.5f}), chars({2}, {0, 0}), one,
                           scalar(std::uint8_t{3}), list<std::int32_t>({5, -100})});
  // (30 + 5) / 2 = 17.5, (50 + 5) / 2 = 27.5; (30 - 100) / 4 = -17.5, (40 - 100) / 4 = -15.
  CHECK(same_numbers(y, bytes({1, 2, 2}, {21, 31, 0, 0})));
  const Tensor volume = bytes({1, 1, 2, 1, 2}, {1, 2, 3, 4}), ones = chars({1, 1, 2, 1, 2}, {1, 1, 1, 1});
  CHECK(same_numbers(
      answer("QLinearConv", {},
             {volume, one, scalar(std::uint8_t{1}), ones, one, scalar(std::int8_t{0}), one, scalar(std::int8_t{-8})}),
      chars({1, 1, 1, 1, 1}, {-2})));
}

TEST_CASE("QLinearConv rounds halves to even and saturates on both sides") {
  const auto conv = [](const Tensor& x, std::int8_t y_zero) {
    const auto one = scalar(1.f);
    const auto zero = scalar(std::int8_t{0});
    return answer("QLinearConv", {}, {x, scalar(0.5f), zero, chars({1, 1, 1}, {1}), one, zero, one, scalar(y_zero)});
  };
  CHECK(same_numbers(conv(chars({1, 1, 4}, {5, 7, -5, -7}), 1), chars({1, 1, 4}, {3, 5, -1, -3})));
  CHECK(same_numbers(conv(chars({1, 1, 2}, {127, 2}), 100), chars({1, 1, 2}, {127, 101})));
  CHECK(same_numbers(conv(chars({1, 1, 2}, {-128, 2}), -100), chars({1, 1, 2}, {-128, -99})));
}

TEST_CASE("ConvInteger has groups, strides and dilations, and zero points only of the weights if so wanted") {
  const Tensor x = bytes({1, 2, 2}, {1, 2, 3, 4}), w = bytes({2, 1, 1}, {10, 20});
  const Attributes groups{{"group", Dim{2}}};
  CHECK(same_numbers(answer("ConvInteger", groups, {x, w}), Tensor({1, 2, 2}, {10, 20, 60, 80})));
  CHECK(same_numbers(answer("ConvInteger", groups, {x, w, Tensor(), bytes({2}, {11, 19})}),
                     Tensor({1, 2, 2}, {-1, -2, 3, 4})));
  const Tensor line = bytes({1, 1, 5}, {1, 2, 3, 4, 5}), pair = chars({1, 1, 2}, {1, -10});
  CHECK(same_numbers(answer("ConvInteger", {{"dilations", std::vector<Dim>{2}}}, {line, pair}),
                     Tensor({1, 1, 3}, {-29, -38, -47})));
  CHECK(same_numbers(
      answer("ConvInteger", {{"dilations", std::vector<Dim>{2}}, {"strides", std::vector<Dim>{2}}}, {line, pair}),
      Tensor({1, 1, 2}, {-29, -47})));
}

TEST_CASE("MatMulInteger reads both operands as they are signed, and absent zero points as 0") {
  const Tensor u = bytes({1, 1}, {200}), i = chars({1, 1}, {-56}), v = bytes({1, 1}, {250}), j = chars({1, 1}, {-6});
  CHECK(same_numbers(answer("MatMulInteger", {}, {u, v}), Tensor({1, 1}, {50000})));
  CHECK(same_numbers(answer("MatMulInteger", {}, {u, j}), Tensor({1, 1}, {-1200})));
  CHECK(same_numbers(answer("MatMulInteger", {}, {i, v}), Tensor({1, 1}, {-14000})));
  CHECK(same_numbers(answer("MatMulInteger", {}, {i, j}), Tensor({1, 1}, {336})));
  CHECK(same_numbers(answer("MatMulInteger", {}, {i, v, scalar(std::int8_t{-57})}), Tensor({1, 1}, {250})));
  CHECK(same_numbers(answer("MatMulInteger", {}, {u, j, Tensor(), scalar(std::int8_t{-7})}), Tensor({1, 1}, {200})));
}

TEST_CASE("MatMulInteger of batches has zero points of each batch's rows and columns") {
  const Tensor a = bytes({2, 1, 2}, {1, 2, 3, 5}), b = bytes({2, 1}, {10, 1});
  CHECK(same_numbers(answer("MatMulInteger", {}, {a, b, bytes({2, 1, 1}, {1, 3})}), Tensor({2, 1, 1}, {1, 2})));
  const Tensor two = bytes({1, 1}, {2}), columns = bytes({2, 1, 2}, {1, 2, 3, 4});
  CHECK(same_numbers(answer("MatMulInteger", {}, {two, columns, Tensor(), bytes({2, 1, 2}, {1, 0, 0, 4})}),
                     Tensor({2, 1, 2}, {0, 4, 6, 0})));
}

TEST_CASE("QLinearMatMul has scales and zero points of rows and columns") {
  // 1 and 1/2, times 1 and 4, in halves from 10.
  const Tensor a = bytes({2, 1}, {2, 4}), b = bytes({1, 2}, {1, 3});
  CHECK(same_numbers(answer("QLinearMatMul", {},
                            {a, list({0.5f, 0.25f}), bytes({2}, {0, 2}), b, list({1.f, 2.f}), bytes({2}, {0, 1}),
                             scalar(0.5f), scalar(std::uint8_t{10})}),
                     bytes({2, 2}, {12, 18, 11, 14})));
}

TEST_CASE("DynamicQuantizeLinear makes a scale, and a zero point of which halves go to even") {
  const auto made = [](std::initializer_list<float> x) {
    return model_answers("DynamicQuantizeLinear", {}, {list(x)}, 3);
  };
  const auto check = [&](const std::vector<Tensor>& found, const Tensor& y, std::uint8_t zero) {
    CHECK(same_numbers(found.at(0), y));
    CHECK(same_numbers(found.at(1), scalar(1.f)));
    CHECK(same_numbers(found.at(2), scalar(zero)));
  };
  check(made({-0.5f, 254.5f, 1.5f, 0.5f}), bytes({4}, {0, 254, 2, 0}), 0);
  check(made({-1.5f, 253.5f, 0.f}), bytes({3}, {0, 255, 2}), 2);
}

TEST_CASE("QuantizeLinear and DequantizeLinear take 32-bit integers, and axes counted from the end") {
  CHECK(same_numbers(answer("QuantizeLinear", {}, {list({7, -3, 1000}), scalar(2.f), scalar(std::uint8_t{128})}),
                     bytes({3}, {132, 126, 255})));
  CHECK(same_numbers(answer("DequantizeLinear", {}, {list({2147483647, -7}), scalar(0.5f)}), list({0x1p30f, -3.5f})));
  const Attributes last{{"axis", Dim{-1}}};
  CHECK(same_numbers(answer("QuantizeLinear", last, {Tensor({1, 2}, {2.f, 9.f}), list({1.f, 3.f})}),
                     bytes({1, 2}, {2, 3})));
  CHECK(same_numbers(answer("DequantizeLinear", last, {bytes({1, 2}, {2, 9}), list({1.f, 3.f}), bytes({2}, {4, 8})}),
                     Tensor({1, 2}, {-2.f, 3.f})));
}

TEST_CASE("quantized operators refuse other types and scales that do not fit") {
  const Operand u8 = data(TensorType{DType::u8, {2, 3}}), i8 = data(TensorType{DType::i8, {3}}), scale = data(Shape{});
  CHECK(refusal("MatMulInteger", {}, {data({2, 3}), data({3, 2})}) == Errc::Unsupported);
  CHECK(refusal("MatMulInteger", {}, {u8, i8, i8}) == Errc::BadModel);
  CHECK(refusal("MatMulInteger", {}, {u8, i8, data(TensorType{DType::u8, {3}})}) == Errc::BadShape);
  CHECK(refusal("QuantizeLinear", {}, {data({2, 3}), data({2})}) == Errc::BadShape);
  CHECK(refusal("QuantizeLinear", {{"output_dtype", Dim{17}}}, {data({2, 3}), scale}) == Errc::Unsupported);
  CHECK(refusal("DequantizeLinear", {{"block_size", Dim{2}}}, {u8, data({2, 3})}) == Errc::BadShape);
  CHECK(refusal("DequantizeLinear", {}, {data(TensorType{DType::i64, {2}}), scale}) == Errc::Unsupported);
  CHECK(refusal("ConvInteger", {}, {u8, i8}) == Errc::BadShape);
}

}  // namespace v0
}  // namespace coverslip
