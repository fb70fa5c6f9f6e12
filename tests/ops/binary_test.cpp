// Arithmetic of two inputs in numbers worked by hand.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {

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

}  // namespace v0
}  // namespace coverslip
