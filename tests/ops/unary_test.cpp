// Functions of one number, choices and conversions in numbers worked by hand.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("rounding goes down, up, and to the nearest, of two the even one") {
  const Tensor x = list({-1.5f, -0.5f, 0.5f, 1.5f, 2.5f, 8388609.f, kInfinity, kNaN});
  CHECK(same_numbers(answer("Round", {}, {x}), list({-2.f, -0.f, 0.f, 2.f, 2.f, 8388609.f, kInfinity, kNaN})));
  CHECK(same_numbers(answer("Floor", {}, {x}), list({-2.f, -1.f, 0.f, 1.f, 2.f, 8388609.f, kInfinity, kNaN})));
  CHECK(same_numbers(answer("Ceil", {}, {x}), list({-1.f, -0.f, 1.f, 2.f, 3.f, 8388609.f, kInfinity, kNaN})));
}

TEST_CASE("sizes and signs") {
  const Tensor x = list({-2.f, -0.f, 1e-40f, 3.f, -kInfinity, kNaN});
  CHECK(same_numbers(answer("Abs", {}, {x}), list({2.f, 0.f, 1e-40f, 3.f, kInfinity, kNaN})));
  CHECK(same_numbers(answer("Neg", {}, {x}), list({2.f, 0.f, -1e-40f, -3.f, kInfinity, kNaN})));
  CHECK(same_numbers(answer("Sign", {}, {x}), list({-1.f, 0.f, 1.f, 1.f, -1.f, kNaN})));
  const Tensor least = list<std::int8_t>({-128, 0, 5});  // whose size does not fit
  CHECK(same_numbers(answer("Abs", {}, {least}), list<std::int8_t>({-128, 0, 5})));
  CHECK(same_numbers(answer("Neg", {}, {least}), list<std::int8_t>({-128, 0, -5})));
  CHECK(same_numbers(answer("Sign", {}, {least}), list<std::int8_t>({-1, 0, 1})));
  CHECK(same_numbers(answer("Abs", {}, {list<std::uint8_t>({0, 200})}), list<std::uint8_t>({0, 200})));
  CHECK(same_numbers(answer("Sign", {}, {list<std::uint8_t>({0, 200})}), list<std::uint8_t>({0, 1})));
}

TEST_CASE("roots, powers and logarithms have their values and their limits") {
  CHECK(same_numbers(answer("Sqrt", {}, {list({4.f, 0.f, -1.f, kInfinity})}), list({2.f, 0.f, kNaN, kInfinity})));
  CHECK(same_numbers(answer("Reciprocal", {}, {list({4.f, 0.f, -kInfinity})}), list({0.25f, kInfinity, 0.f})));
  CHECK(same_numbers(answer("Exp", {}, {list({0.f, 1.f, -kInfinity, kInfinity, 100.f})}),
                     list({1.f, 2.7182818f, 0.f, kInfinity, kInfinity}), 3e-7));
  CHECK(same_numbers(answer("Log", {}, {list({1.f, 2.7182817f, 0.f, -1.f, kInfinity, kNaN})}),
                     list({0.f, 1.f, -kInfinity, kNaN, kInfinity, kNaN}), 2e-7));
  CHECK(same_numbers(answer("Erf", {}, {list({0.f, 0.5f, -2.f, kInfinity})}), list({0.f, 0.5204999f, -0.9953223f, 1.f}),
                     2e-7));
}

TEST_CASE("trigonometric and hyperbolic functions") {
  const Tensor x = list({0.5f});
  const auto is = [&](const char* op, float want) {
    INFO(op);
    CHECK(same_numbers(answer(op, {}, {x}), list({want}), 1e-7));
  };
  is("Sin", 0.4794255f);
  is("Cos", 0.8775826f);
  is("Tan", 0.5463025f);
  is("Asin", 0.5235988f);
  is("Acos", 1.0471976f);
  is("Atan", 0.4636476f);
  is("Sinh", 0.5210953f);
  is("Cosh", 1.1276260f);
  is("Asinh", 0.4812118f);
  is("Atanh", 0.5493061f);
  CHECK(same_numbers(answer("Acosh", {}, {list({2.f, 0.5f})}), list({1.3169579f, kNaN}), 2e-7));
}

TEST_CASE("IsNaN and IsInf find what they are asked for") {
  const Tensor x = list({kNaN, kInfinity, -kInfinity, 0.f});
  CHECK(same_numbers(answer("IsNaN", {}, {x}), list({true, false, false, false})));
  CHECK(same_numbers(answer("IsInf", {}, {x}), list({false, true, true, false})));
  CHECK(same_numbers(answer("IsInf", {{"detect_negative", Dim{0}}}, {x}), list({false, true, false, false})));
  CHECK(same_numbers(answer("IsInf", {{"detect_positive", Dim{0}}}, {x}), list({false, false, true, false})));
}

TEST_CASE("Where chooses element by element, and broadcasts all three") {
  const Tensor condition({2, 1}, {true, false}), a = list({1.f, 2.f, 3.f}), b({}, {9.f});
  CHECK(same_numbers(answer("Where", {}, {condition, a, b}), Tensor({2, 3}, {1.f, 2.f, 3.f, 9.f, 9.f, 9.f})));
  CHECK(refusal("Where", {}, {data({2}), data({2}), data({2})}) == Errc::Unsupported);
  CHECK(refusal("Where", {}, {data(TensorType{DType::boolean, {2}}), data({2}), data({3})}) == Errc::BadShape);
}

TEST_CASE("CastLike takes its type from its second input") {
  CHECK(same_numbers(answer("CastLike", {}, {list({-1.5f, 2.f}), integers({0})}), integers({-1, 2})));
}

}  // namespace v0
}  // namespace coverslip
