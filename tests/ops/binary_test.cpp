// Arithmetic of two inputs in numbers worked by hand.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("inputs are broadcast to each other as in NumPy") {
  const Tensor column({2, 1}, {10.f, 20.f}), row = list({1.f, 2.f, 3.f});
  CHECK(same_numbers(answer("Add", {}, {column, row}), Tensor({2, 3}, {11.f, 12.f, 13.f, 21.f, 22.f, 23.f})));
  CHECK(same_numbers(answer("Sub", {}, {row, column}), Tensor({2, 3}, {-9.f, -8.f, -7.f, -19.f, -18.f, -17.f})));
  CHECK(same_numbers(answer("Mul", {}, {Tensor({}, {2.f}), row}), list({2.f, 4.f, 6.f})));
  const Tensor x({1, 2, 1, 2}, {1.f, 2.f, 3.f, 4.f}), channels({2, 1, 1}, {2.f, 4.f});
  CHECK(same_numbers(answer("Div", {}, {x, channels}), Tensor({1, 2, 1, 2}, {0.5f, 1.f, 0.75f, 1.f})));
}

TEST_CASE("shapes that do not fit are refused") {
  CHECK(refusal("Add", {}, {data({2, 3}), data({2})}) == Errc::BadShape);
  CHECK(refusal("Add", {}, {data({2}), data(TensorType{DType::i64, {2}})}) == Errc::Unsupported);
  CHECK(refusal("Mul", {}, {data({2})}) == Errc::BadModel);
  const Dim huge = Dim{1} << 40;
  CHECK(refusal("Add", {}, {data(TensorType{DType::u8, {huge, 1}}), data(TensorType{DType::u8, {1, huge}})}) ==
        Errc::BadShape);
}

TEST_CASE("integers wrap around, and dividing by zero is defined") {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  CHECK(same_numbers(answer("Sub", {}, {integers({kLeast}), integers({1})}),
                     integers({std::numeric_limits<std::int64_t>::max()})));
  CHECK(same_numbers(answer("Div", {}, {integers({7, -7, 7, kLeast}), integers({2, 2, 0, -1})}),
                     integers({3, -3, 0, kLeast})));
  CHECK(
      same_numbers(answer("Add", {}, {list<std::uint8_t>({250}), list<std::uint8_t>({10})}), list<std::uint8_t>({4})));
}

TEST_CASE("Add applies its activation to the sum") {
  const Tensor a = list({-3.f, 1.f, 9.f}), b = list({1.f, 1.f, -1.f});
  CHECK(same_numbers(answer("Add", {{"activation", std::string("Relu")}}, {a, b}), list({0.f, 2.f, 8.f})));
  const Attributes clip{{"activation", std::string("Clip")}, {"activation_alpha", -1.f}, {"activation_beta", 6.f}};
  CHECK(same_numbers(answer("Add", clip, {a, b}), list({-1.f, 2.f, 6.f})));
  CHECK(refusal("Add", {{"activation", std::string("Tanhish")}}, {data({2}), data({2})}) == Errc::Unsupported);
}

TEST_CASE("Mod takes the sign of the divisor, and with fmod that of the dividend") {
  const Tensor a = list<std::int32_t>({7, -7, 7, -7, 5, std::numeric_limits<std::int32_t>::min()});
  const Tensor b = list<std::int32_t>({3, 3, -3, -3, 0, -1});
  CHECK(same_numbers(answer("Mod", {}, {a, b}), list<std::int32_t>({1, 2, -2, -1, 0, 0})));
  CHECK(same_numbers(answer("Mod", {{"fmod", Dim{1}}}, {a, b}), list<std::int32_t>({1, -1, 1, -1, 0, 0})));
  const Tensor x = list({5.5f, -5.5f, 5.5f, kInfinity, -2.f, 1.f}), y = list({2.f, 2.f, -2.f, 2.f, kInfinity, 0.f});
  CHECK(same_numbers(answer("Mod", {}, {x, y}), list({1.5f, 0.5f, -0.5f, kNaN, kInfinity, kNaN})));
  CHECK(same_numbers(answer("Mod", {{"fmod", Dim{1}}}, {x, y}), list({1.5f, -1.5f, 1.5f, kNaN, -2.f, kNaN})));
}

TEST_CASE("PRelu scales what is negative by a slope that is broadcast to it") {
  const Tensor x({1, 2, 2}, {-1.f, 2.f, -3.f, kNaN}), slope({2, 1}, {0.5f, 2.f});
  CHECK(same_numbers(answer("PRelu", {}, {x, slope}), Tensor({1, 2, 2}, {-0.5f, 2.f, -6.f, kNaN})));
  CHECK(refusal("PRelu", {}, {data({2}), data({3, 2})}) == Errc::BadShape);
}

TEST_CASE("comparisons make bools, and NaN is equal to nothing") {
  const Tensor a = list({1.f, 2.f, 3.f, kNaN}), b = list({2.f, 2.f, 2.f, kNaN});
  const auto is = [&](const char* op, bool x, bool y, bool z) {
    INFO(op);
    CHECK(same_numbers(answer(op, {}, {a, b}), list({x, y, z, false})));
  };
  is("Equal", false, true, false);
  is("Less", true, false, false);
  is("LessOrEqual", true, true, false);
  is("Greater", false, false, true);
  is("GreaterOrEqual", false, true, true);
  const std::int64_t big = std::int64_t{1} << 53;  // no double tells these apart
  CHECK(same_numbers(answer("Less", {}, {integers({big}), integers({big + 1})}), list({true})));
  CHECK(same_numbers(answer("Greater", {}, {list<std::uint8_t>({200}), list<std::uint8_t>({100})}), list({true})));
  CHECK(same_numbers(answer("Equal", {}, {list({true, false}), list({true, true})}), list({true, false})));
  CHECK(refusal("Less", {}, {data(TensorType{DType::boolean, {2}}), data(TensorType{DType::boolean, {2}})}) ==
        Errc::Unsupported);
}

TEST_CASE("logic and bits") {
  const Tensor p = list({true, true, false, false}), q = list({true, false, true, false});
  CHECK(same_numbers(answer("And", {}, {p, q}), list({true, false, false, false})));
  CHECK(same_numbers(answer("Or", {}, {p, q}), list({true, true, true, false})));
  CHECK(same_numbers(answer("Xor", {}, {p, q}), list({false, true, true, false})));
  CHECK(same_numbers(answer("Not", {}, {p}), list({false, false, true, true})));
  const Tensor a = list<std::int8_t>({12, -1}), b = list<std::int8_t>({10, 5});
  CHECK(same_numbers(answer("BitwiseAnd", {}, {a, b}), list<std::int8_t>({8, 5})));
  CHECK(same_numbers(answer("BitwiseOr", {}, {a, b}), list<std::int8_t>({14, -1})));
  CHECK(same_numbers(answer("BitwiseXor", {}, {a, b}), list<std::int8_t>({6, -6})));
  CHECK(same_numbers(answer("BitwiseNot", {}, {a}), list<std::int8_t>({-13, 0})));
  CHECK(same_numbers(answer("BitwiseNot", {}, {list<std::uint8_t>({1})}), list<std::uint8_t>({254})));
}

TEST_CASE("shifts fill with zeros, and lose what leaves the type") {
  const Attributes left{{"direction", std::string("LEFT")}}, right{{"direction", std::string("RIGHT")}};
  const Tensor x = list<std::uint8_t>({1, 255, 8}), by = list<std::uint8_t>({2, 4, 8});
  CHECK(same_numbers(answer("BitShift", left, {x, by}), list<std::uint8_t>({4, 240, 0})));
  CHECK(same_numbers(answer("BitShift", right, {x, by}), list<std::uint8_t>({0, 15, 0})));
  const Tensor y = list<std::uint8_t>({1, 255, 9}), far = list<std::uint8_t>({7, 64, 255});
  CHECK(same_numbers(answer("BitShift", left, {y, far}), list<std::uint8_t>({128, 0, 0})));
  CHECK(same_numbers(answer("BitShift", right, {y, far}), list<std::uint8_t>({0, 0, 0})));
}

TEST_CASE(
    "shifts of signed numbers keep the sign to the right, lose it to the left, and by too much leave signs alone") {
  const Attributes left{{"direction", std::string("LEFT")}}, right{{"direction", std::string("RIGHT")}};
  const Tensor x = list({-9, 5, -9, 9, -1}), by = list({1, 30, 32, -1, -5});
  CHECK(same_numbers(answer("BitShift", right, {x, by}), list({-5, 0, -1, 0, -1})));
  CHECK(same_numbers(answer("BitShift", left, {x, by}), list({-18, 0x40000000, 0, 0, 0})));
  const Tensor far = integers({63, 64, -64}), least = integers({INT64_MIN, INT64_MIN, INT64_MIN});
  CHECK(same_numbers(answer("BitShift", right, {least, far}), integers({-1, -1, -1})));
  CHECK(same_numbers(answer("BitShift", left, {integers({3, 3, 3}), far}), integers({INT64_MIN, 0, 0})));
}

TEST_CASE("BitShift wants its direction") {
  const Tensor x = list<std::uint8_t>({1, 255, 8}), by = list<std::uint8_t>({2, 4, 8});
  CHECK(refusal("BitShift", {}, {given(x), given(by)}) == Errc::BadModel);
  CHECK(refusal("BitShift", {{"direction", std::string("UP")}}, {given(x), given(by)}) == Errc::BadModel);
}

TEST_CASE("Min, Max, Sum and Mean take any number of inputs") {
  const Tensor a = list({1.f, -2.f, kNaN}), b = list({0.5f, 3.f, 0.f}), c({}, {1.5f});
  CHECK(same_numbers(answer("Max", {}, {a, b, c}), list({1.5f, 3.f, kNaN})));
  CHECK(same_numbers(answer("Min", {}, {b, a}), list({0.5f, -2.f, kNaN})));
  CHECK(same_numbers(answer("Sum", {}, {a, b, c}), list({3.f, 2.5f, kNaN})));
  CHECK(same_numbers(answer("Mean", {}, {a, b}), list({0.75f, 0.5f, kNaN})));
  CHECK(same_numbers(answer("Mean", {}, {b}), b));
  CHECK(same_numbers(answer("Min", {}, {integers({3, -1}), integers({2})}), integers({2, -1})));
  CHECK(refusal("Sum", {}, {data({2}), data(TensorType{DType::i64, {2}})}) == Errc::Unsupported);
  CHECK(refusal("Max", {}, {}) == Errc::BadModel);
}

TEST_CASE("Pow follows C, also at its edges") {
  const Tensor x = list({2.f, -2.f, -2.f, -8.f, 0.f, -0.f, 0.f, kNaN, 1.f, -1.f, kInfinity, 0.5f, 3.f});
  const Tensor y = list({10.f, 3.f, 2.f, 1.f / 3, -1.f, -3.f, 0.f, 0.f, kNaN, kInfinity, -1.f, kInfinity, -2.f});
  const Tensor want = list({1024.f, -8.f, 4.f, kNaN, kInfinity, -kInfinity, 1.f, 1.f, 1.f, 1.f, 0.f, 0.f, 1.f / 9});
  CHECK(same_numbers(answer("Pow", {}, {x, y}), want, 1e-7));
  CHECK(same_numbers(answer("Pow", {}, {list({3.f, -4.f}), Tensor({}, {2.f})}), list({9.f, 16.f})));
  CHECK(same_numbers(answer("Pow", {}, {integers({3, -2, 2, 0, -1}), integers({4, 3, -1, -1, -3})}),
                     integers({81, -8, 0, 0, -1})));
  CHECK(same_numbers(answer("Pow", {}, {list<std::int32_t>({9, 2}), list({0.5f, 1.5f})}), list<std::int32_t>({3, 2})));
  CHECK(same_numbers(answer("Pow", {}, {list({2.f}), integers({-2})}), list({0.25f})));
  CHECK(refusal("Pow", {}, {data(TensorType{DType::u8, {2}}), data({2})}) == Errc::Unsupported);
}

}  // namespace v0
}  // namespace coverslip
