// The activations in numbers worked by hand.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("Relu keeps what is not negative: NaN, negative zero and denormals too") {
  const Tensor y = answer("Relu", {}, {list({-2.f, -0.f, 0.f, 1e-40f, 3.f, kNaN, kInfinity, -kInfinity})});
  CHECK(same_numbers(y, list({0.f, 0.f, 0.f, 1e-40f, 3.f, kNaN, kInfinity, 0.f})));
  CHECK(std::signbit(y.values<float>()[1]));
}

TEST_CASE("LeakyRelu scales what is negative") {
  CHECK(same_numbers(answer("LeakyRelu", {{"alpha", 0.5f}}, {list({-10.f, 0.f, 2.f, kNaN})}),
                     list({-5.f, 0.f, 2.f, kNaN})));
  CHECK(same_numbers(answer("LeakyRelu", {}, {list({-100.f})}), list({-1.f})));
}

TEST_CASE("Clip takes its bounds from inputs, and leaves out those that are absent") {
  const Tensor x = list({-9.f, 0.5f, 9.f, kNaN}), one({}, {1.f}), two({}, {2.f});
  CHECK(same_numbers(answer("Clip", {}, {x, one, two}), list({1.f, 1.f, 2.f, kNaN})));
  CHECK(same_numbers(answer("Clip", {}, {x, one}), list({1.f, 1.f, 9.f, kNaN})));
  CHECK(same_numbers(answer("Clip", {}, {x, Tensor(), two}), list({-9.f, 0.5f, 2.f, kNaN})));
  CHECK(same_numbers(answer("Clip", {}, {x, two, one}), list({1.f, 1.f, 1.f, kNaN})));
  CHECK(refusal("Clip", {}, {data({3}), data({2})}) == Errc::BadShape);
}

TEST_CASE("HardSigmoid is a line between 0 and 1") {
  const Attributes line{{"alpha", 0.5f}, {"beta", 0.25f}};
  CHECK(same_numbers(answer("HardSigmoid", line, {list({-1.f, 0.5f, 2.f, kNaN})}), list({0.f, 0.5f, 1.f, kNaN})));
}

TEST_CASE("Sigmoid has its limits") {
  CHECK(same_numbers(answer("Sigmoid", {}, {list({0.f, kInfinity, -kInfinity, kNaN})}), list({0.5f, 1.f, 0.f, kNaN})));
}

TEST_CASE("Elu, Selu and Celu go to a limit below 0 and keep what is above") {
  const Tensor x = list({-kInfinity, -1.f, -0.f, 2.f, kInfinity, kNaN});
  const float below = std::expm1(-1.f);
  CHECK(same_numbers(answer("Elu", {{"alpha", 2.f}}, {x}), list({-2.f, 2 * below, 0.f, 2.f, kInfinity, kNaN}), 1e-6));
  CHECK(same_numbers(answer("Elu", {}, {list({-1e-20f})}), list({-1e-20f})));
  CHECK(same_numbers(answer("Selu", {{"alpha", 2.f}, {"gamma", 3.f}}, {x}),
                     list({-6.f, 6 * below, 0.f, 6.f, kInfinity, kNaN}), 1e-6));
  CHECK(same_numbers(answer("Selu", {}, {list({1.f, -kInfinity})}), list({1.050701f, -1.7580993f}), 1e-6));
  CHECK(same_numbers(answer("Celu", {{"alpha", 2.f}}, {x}),
                     list({-2.f, 2 * std::expm1(-0.5f), 0.f, 2.f, kInfinity, kNaN}), 1e-6));
  CHECK(same_numbers(answer("Celu", {{"alpha", -1.f}}, {list({-1.f, 1.f})}), list({1 - std::exp(1.f), 1.f}), 1e-6));
}

TEST_CASE("ThresholdedRelu and Shrink leave nothing between their bounds, the bounds included") {
  const Tensor x = list({-3.f, -1.f, 0.5f, 1.f, 3.f});
  CHECK(same_numbers(answer("ThresholdedRelu", {}, {x}), list({0.f, 0.f, 0.f, 0.f, 3.f})));
  CHECK(same_numbers(answer("ThresholdedRelu", {{"alpha", -2.f}}, {x}), list({0.f, -1.f, 0.5f, 1.f, 3.f})));
  CHECK(same_numbers(answer("ThresholdedRelu", {}, {list({kNaN, kInfinity})}), list({0.f, kInfinity})));
  CHECK(same_numbers(answer("Shrink", {}, {x}), list({-3.f, -1.f, 0.f, 1.f, 3.f})));
  CHECK(same_numbers(answer("Shrink", {{"lambd", 1.f}, {"bias", 0.25f}}, {x}), list({-2.75f, 0.f, 0.f, 0.f, 2.75f})));
}

TEST_CASE("the smooth activations have their values") {
  const Tensor x = list({-1.f, 0.f, 2.f, kNaN});
  const auto is = [&](const char* op, const Attributes& attributes, float a, float b, float c) {
    INFO(op);
    CHECK(same_numbers(answer(op, attributes, {x}), list({a, b, c, kNaN}), 1e-6));
  };
  is("Tanh", {}, -0.7615942f, 0, 0.9640276f);
  is("Softplus", {}, 0.3132617f, 0.6931472f, 2.126928f);
  is("Softsign", {}, -0.5f, 0, 2.f / 3);
  is("Mish", {}, -0.3034015f, 0, 1.9439590f);
  is("Gelu", {}, -0.1586553f, 0, 1.9544997f);
  is("Gelu", {{"approximate", std::string("tanh")}}, -0.1588080f, 0, 1.9545977f);
  is("Swish", {}, -0.2689414f, 0, 1.7615942f);
  is("Swish", {{"alpha", 2.f}}, -0.1192029f, 0, 1.9640276f);
  is("HardSwish", {}, -1.f / 3, 0, 5.f / 3);
  CHECK(refusal("Gelu", {{"approximate", std::string("sigmoid")}}, {data({2})}) == Errc::Unsupported);
}

TEST_CASE("infinity is taken as the formulas take it") {
  const Tensor x = list({kInfinity, -kInfinity});
  CHECK(same_numbers(answer("Tanh", {}, {x}), list({1.f, -1.f})));
  CHECK(same_numbers(answer("Softplus", {}, {x}), list({kInfinity, 0.f})));
  for (const char* op : {"Swish", "HardSwish", "Mish", "Gelu"}) {  // below, 0 times infinity
    INFO(op);
    CHECK(same_numbers(answer(op, {}, {x}), list({kInfinity, kNaN})));
  }
  CHECK(same_numbers(answer("Softsign", {}, {x}), list({kNaN, kNaN})));
}

TEST_CASE("Relu and Clip take integers as they are") {
  CHECK(same_numbers(answer("Relu", {}, {integers({-3, 0, (std::int64_t{1} << 62) + 1})}),
                     integers({0, 0, (std::int64_t{1} << 62) + 1})));
  CHECK(same_numbers(
      answer("Clip", {}, {list<std::uint8_t>({0, 7, 255}), list<std::uint8_t>({5}), list<std::uint8_t>({9})}),
      list<std::uint8_t>({5, 7, 9})));
  CHECK(same_numbers(answer("Clip", {}, {list<std::int8_t>({-128, 7}), Tensor(), list<std::int8_t>({-1})}),
                     list<std::int8_t>({-128, -1})));
  CHECK(same_numbers(answer("Shrink", {{"lambd", 1.5f}, {"bias", 1.f}}, {list<std::int32_t>({-4, -1, 1, 4})}),
                     list<std::int32_t>({-3, 0, 0, 3})));
}

TEST_CASE("16-bit floats are computed in f32 and rounded once") {
  const Tensor x({3}, {to_float16(-1.f), to_float16(0.5f), to_float16(65504.f)});
  const Tensor y = answer("LeakyRelu", {{"alpha", 0.1f}}, {x});
  CHECK(to_float(y.values<Float16>()[0]) == to_float(to_float16(-0.1f)));
  CHECK(to_float(y.values<Float16>()[2]) == 65504.f);
  const Tensor b({2}, {to_bfloat16(3.f), to_bfloat16(-3.f)});
  CHECK(to_float(answer("Sigmoid", {}, {b}).values<BFloat16>()[0]) == to_float(to_bfloat16(0.95257413f)));
}

TEST_CASE("activations refuse types that they do not have") {
  CHECK(refusal("Elu", {}, {data(TensorType{DType::i32, {2}})}) == Errc::Unsupported);
  CHECK(refusal("Relu", {}, {data(TensorType{DType::u8, {2}})}) == Errc::Unsupported);
  CHECK(refusal("Clip", {}, {data(TensorType{DType::i32, {2}}), data(TensorType{DType::f32, {}})}) ==
        Errc::Unsupported);
  CHECK(refusal("Relu", {}, {data({2}), data({2})}) == Errc::BadModel);
  CHECK(refusal("Relu", {}, {absent()}) == Errc::BadModel);
}

}  // namespace v0
}  // namespace coverslip
