// The reductions in numbers worked by hand: axes, empty lists of axes, nothing to reduce, NaN, integers.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

using List = std::vector<Dim>;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

Attributes along(const List& axes, Dim keepdims = 1) { return {{"axes", axes}, {"keepdims", keepdims}}; }

// The one number that a list is reduced to.
float reduced(const char* op, std::initializer_list<float> numbers) {
  const Tensor y = answer(op, {{"keepdims", Dim{0}}}, {list(numbers)});
  CHECK(y.shape() == Shape{});
  return y.values<float>()[0];
}

}  // namespace

TEST_CASE("reductions take the axes that are named, by attribute or input, and keep them or not") {
  const Tensor x({2, 3, 2}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f, 9.f, 10.f, 11.f, 12.f});
  CHECK(same_numbers(answer("ReduceSum", along({1}), {x}), Tensor({2, 1, 2}, {9.f, 12.f, 27.f, 30.f})));
  CHECK(same_numbers(answer("ReduceSum", along({1}, 0), {x}), Tensor({2, 2}, {9.f, 12.f, 27.f, 30.f})));
  CHECK(same_numbers(answer("ReduceSum", {}, {x, integers({-1, 0})}), Tensor({1, 3, 1}, {18.f, 26.f, 34.f})));
  CHECK(same_numbers(answer("ReduceMean", along({0, 2}, 0), {x}), list({4.5f, 6.5f, 8.5f})));
  CHECK(same_numbers(answer("ReduceMax", {}, {x}), Tensor({1, 1, 1}, {12.f})));
}

TEST_CASE("an empty list of axes means all, or none where noop_with_empty_axes is set") {
  const Tensor x({2, 2}, {1.f, -2.f, 3.f, 4.f}), none(TensorType{DType::i64, {0}});
  const Attributes noop{{"noop_with_empty_axes", Dim{1}}};
  CHECK(same_numbers(answer("ReduceSum", {}, {x, none}), Tensor({1, 1}, {6.f})));
  CHECK(same_numbers(answer("ReduceSum", noop, {x, none}), x));
  CHECK(same_numbers(answer("ReduceSumSquare", noop, {x}), Tensor({2, 2}, {1.f, 4.f, 9.f, 16.f})));
  CHECK(same_numbers(answer("ReduceL1", noop, {x}), Tensor({2, 2}, {1.f, 2.f, 3.f, 4.f})));
}

TEST_CASE("each reduction is what its name says") {
  CHECK(reduced("ReduceSum", {1, -2, 4}) == 3);
  CHECK(reduced("ReduceMean", {1, -2, 4}) == 1);
  CHECK(reduced("ReduceMax", {1, -2, 4}) == 4);
  CHECK(reduced("ReduceMin", {1, -2, 4}) == -2);
  CHECK(reduced("ReduceProd", {1, -2, 4}) == -8);
  CHECK(reduced("ReduceL1", {1, -2, 4}) == 7);
  CHECK(reduced("ReduceL2", {2, -3, 6}) == 7);
  CHECK(reduced("ReduceSumSquare", {1, -2, 4}) == 21);
  CHECK(reduced("ReduceLogSum", {1, 3, 4}) == doctest::Approx(std::log(8.0)));
  CHECK(reduced("ReduceLogSumExp", {0, 0, 0, 0}) == doctest::Approx(std::log(4.0)));
}

TEST_CASE("sums lose nothing that a double holds") {
  CHECK(reduced("ReduceSum", {1e8f, 1, -1e8f}) == 1);
  CHECK(reduced("ReduceProd", {1e30f, 1e30f, 1e-30f, 1e-30f}) == doctest::Approx(1));
  CHECK(reduced("ReduceL2", {3e30f, 4e30f}) == doctest::Approx(5e30));
  CHECK(reduced("ReduceLogSumExp", {1000, 1000}) == doctest::Approx(1000 + std::log(2.0)));
  CHECK(reduced("ReduceLogSumExp", {-1000, -1000}) == doctest::Approx(-1000 + std::log(2.0)));
}

TEST_CASE("reducing nothing gives what leaves all else as it is") {
  CHECK(reduced("ReduceSum", {}) == 0);
  CHECK(reduced("ReduceL1", {}) == 0);
  CHECK(reduced("ReduceL2", {}) == 0);
  CHECK(reduced("ReduceSumSquare", {}) == 0);
  CHECK(reduced("ReduceProd", {}) == 1);
  CHECK(reduced("ReduceMax", {}) == -kInfinity);
  CHECK(reduced("ReduceMin", {}) == kInfinity);
  CHECK(reduced("ReduceLogSum", {}) == -kInfinity);
  CHECK(reduced("ReduceLogSumExp", {}) == -kInfinity);
  CHECK(std::isnan(reduced("ReduceMean", {})));
  const Tensor empty(TensorType{DType::i32, {2, 0}});
  CHECK(same_numbers(answer("ReduceMax", along({1}, 0), {empty}), list({INT32_MIN, INT32_MIN})));
  CHECK(same_numbers(answer("ReduceMin", along({1}, 0), {empty}), list({INT32_MAX, INT32_MAX})));
}

TEST_CASE("NaN spreads wherever it stands, and infinity is a number") {
  for (const char* op : {"ReduceSum", "ReduceMax", "ReduceMin", "ReduceLogSumExp", "ReduceL1"}) {
    CAPTURE(op);
    CHECK(std::isnan(reduced(op, {kNaN, 1, 2})));
    CHECK(std::isnan(reduced(op, {1, 2, 3, 4, 5, 6, 7, 8, 9, kNaN, 10})));
  }
  CHECK(reduced("ReduceMax", {-kInfinity, 1}) == 1);
  CHECK(reduced("ReduceMax", {-kInfinity, -kInfinity}) == -kInfinity);
  CHECK(reduced("ReduceLogSumExp", {-kInfinity, 0}) == 0);
  CHECK(reduced("ReduceLogSumExp", {-kInfinity, -kInfinity}) == -kInfinity);
  CHECK(reduced("ReduceLogSumExp", {kInfinity, 0}) == kInfinity);
}

TEST_CASE("integers are reduced exactly, wrap around, and their means are cut towards zero") {
  const Attributes flat{{"keepdims", Dim{0}}};
  const auto scalar = [](auto x) { return Tensor(Shape{}, {x}); };
  constexpr std::int64_t kBig = (std::int64_t{1} << 53) + 1;
  CHECK(same_numbers(answer("ReduceSum", flat, {integers({kBig, kBig})}), scalar(2 * kBig)));
  CHECK(same_numbers(answer("ReduceMax", flat, {integers({kBig, kBig - 1})}), scalar(kBig)));
  CHECK(same_numbers(answer("ReduceSum", flat, {list({INT32_MAX, 1})}), scalar(INT32_MIN)));
  CHECK(same_numbers(answer("ReduceMean", flat, {list({-1, -2})}), scalar(-1)));
  CHECK(same_numbers(answer("ReduceL2", flat, {list({1, 1, 1})}), scalar(1)));
  const Tensor bytes = list({std::uint8_t{3}, std::uint8_t{250}}), bits = list({true, false});
  CHECK(same_numbers(answer("ReduceMin", flat, {bytes}), scalar(std::uint8_t{3})));
  CHECK(same_numbers(answer("ReduceMax", flat, {bits}), scalar(true)));
}

TEST_CASE("16-bit floats are reduced in wider numbers") {
  const Tensor x = list({to_float16(1024), to_float16(1), to_float16(1), to_float16(-1024)});
  CHECK(same_numbers(answer("ReduceSum", {{"keepdims", Dim{0}}}, {x}), Tensor(Shape{}, {to_float16(2)})));
}

TEST_CASE("reductions refuse types and axes that ONNX has not") {
  CHECK(refusal("ReduceSum", {}, {data(TensorType{DType::u8, {3}})}) == Errc::Unsupported);
  CHECK(refusal("ReduceMax", {}, {data(TensorType{DType::boolean, {3}})}) == std::nullopt);
  CHECK(refusal("ReduceLogSum", {}, {data(TensorType{DType::i32, {3}})}) == Errc::Unsupported);
  CHECK(refusal("ReduceSum", along({2}), {data({3, 3})}) == Errc::BadModel);
  CHECK(refusal("ReduceSum", along({0, -2}), {data({3, 3})}) == Errc::BadModel);
}

}  // namespace v0
}  // namespace coverslip
