// Operators that move elements, in numbers worked by hand: Slice, Pad, Concat, Reshape, Transpose, Shape, Cast.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

constexpr Dim kEnd = std::numeric_limits<Dim>::max();

Tensor sliced(std::int64_t start, std::int64_t end, std::int64_t step) {
  return answer("Slice", {},
                {list({0.f, 1.f, 2.f, 3.f, 4.f}), integers({start}), integers({end}), integers({0}), integers({step})});
}
Tensor padded(const char* mode, std::int64_t before, std::int64_t after) {
  return answer("Pad", {{"mode", std::string(mode)}}, {list({1.f, 2.f, 3.f}), integers({before, after})});
}

}  // namespace

TEST_CASE("Slice counts from the end where places are negative, and stops at the input's bounds") {
  CHECK(same_numbers(sliced(-3, -1, 1), list({2.f, 3.f})));
  CHECK(same_numbers(sliced(1, kEnd, 2), list({1.f, 3.f})));
  CHECK(same_numbers(sliced(-1, -kEnd, -1), list({4.f, 3.f, 2.f, 1.f, 0.f})));
  CHECK(same_numbers(sliced(kEnd, 0, -2), list({4.f, 2.f})));
  CHECK(same_numbers(sliced(-100, 2, 1), list({0.f, 1.f})));
  CHECK(sliced(3, 1, 1).shape() == Shape{0});
  CHECK(sliced(4, kEnd, std::numeric_limits<Dim>::max()).shape() == Shape{1});
  CHECK(sliced(0, -kEnd - 1, std::numeric_limits<Dim>::min()).shape() == Shape{1});
  const Tensor x({2, 2}, {1.f, 2.f, 3.f, 4.f});
  CHECK(same_numbers(answer("Slice", {}, {x, integers({1, 0}), integers({2, 1})}), Tensor({1, 1}, {3.f})));
}

TEST_CASE("Slice refuses steps of zero, axes twice and lists of different length") {
  const auto refused = [](const Tensor& ends, const Tensor& axes, const Tensor& steps) {
    return refusal("Slice", {}, {data({4, 4}), given(integers({0, 0})), given(ends), given(axes), given(steps)});
  };
  CHECK(!refused(integers({1, 1}), integers({0, 1}), integers({1, 1})));
  CHECK(refused(integers({1, 1}), integers({0, 1}), integers({1, 0})) == Errc::BadModel);
  CHECK(refused(integers({1, 1}), integers({1, -1}), integers({1, 1})) == Errc::BadModel);
  CHECK(refused(integers({1, 1}), integers({0, 2}), integers({1, 1})) == Errc::BadModel);
  CHECK(refused(integers({1}), integers({0, 1}), integers({1, 1})) == Errc::BadShape);
  CHECK(refusal("Slice", {}, {data({4}), data(TensorType{DType::i64, {1}}), data(TensorType{DType::i64, {1}})}) ==
        Errc::Unsupported);
}

TEST_CASE("Pad repeats, reflects or wraps, and crops where pads are negative") {
  CHECK(same_numbers(padded("constant", 1, 2), list({0.f, 1.f, 2.f, 3.f, 0.f, 0.f})));
  CHECK(same_numbers(padded("edge", 2, 1), list({1.f, 1.f, 1.f, 2.f, 3.f, 3.f})));
  CHECK(same_numbers(padded("reflect", 2, 2), list({3.f, 2.f, 1.f, 2.f, 3.f, 2.f, 1.f})));
  CHECK(same_numbers(padded("reflect", 0, 5), list({1.f, 2.f, 3.f, 2.f, 1.f, 2.f, 3.f, 2.f})));
  CHECK(same_numbers(padded("wrap", 1, 2), list({3.f, 1.f, 2.f, 3.f, 1.f, 2.f})));
  CHECK(same_numbers(padded("constant", -1, 1), list({2.f, 3.f, 0.f})));
  const Tensor x({1, 2}, {1.f, 2.f});
  CHECK(same_numbers(answer("Pad", {}, {x, integers({1, 0, 0, 1}), Tensor({}, {9.f})}),
                     Tensor({2, 3}, {9.f, 9.f, 9.f, 1.f, 2.f, 9.f})));
  CHECK(same_numbers(answer("Pad", {}, {x, integers({1, 0}), Tensor(), integers({-1})}),
                     Tensor({1, 3}, {0.f, 1.f, 2.f})));
}

TEST_CASE("Pad refuses pads that leave less than nothing, or more than can be counted") {
  const auto refused = [](const char* mode, const Shape& shape, std::int64_t before, std::int64_t after) {
    return refusal("Pad", {{"mode", std::string(mode)}}, {data(shape), given(integers({before, after}))});
  };
  CHECK(refused("constant", {3}, -2, -2) == Errc::BadShape);
  CHECK(refused("constant", {3}, kEnd, kEnd) == Errc::BadShape);
  CHECK(refused("constant", {3}, std::numeric_limits<Dim>::min(), 0) == Errc::BadShape);
  CHECK(refused("edge", {0}, 1, 0) == Errc::BadShape);
  CHECK(refused("mirror", {3}, 1, 0) == Errc::Unsupported);
}

TEST_CASE("Concat puts inputs one behind the other") {
  const Tensor a({2, 1}, {1.f, 2.f}), b({2, 2}, {3.f, 4.f, 5.f, 6.f});
  CHECK(same_numbers(answer("Concat", {{"axis", Dim{-1}}}, {a, b}), Tensor({2, 3}, {1.f, 3.f, 4.f, 2.f, 5.f, 6.f})));
  CHECK(refusal("Concat", {{"axis", Dim{0}}}, {data({2, 1}), data({2, 2})}) == Errc::BadShape);
  CHECK(refusal("Concat", {{"axis", Dim{2}}}, {data({2, 1})}) == Errc::BadModel);
  CHECK(refusal("Concat", {{"axis", Dim{0}}}, {data({2}), data(TensorType{DType::i64, {2}})}) == Errc::BadShape);
  CHECK(refusal("Concat", {{"axis", Dim{0}}}, {}) == Errc::BadModel);
}

TEST_CASE("Reshape takes over axes that are 0, and works out the one that is -1") {
  const auto shaped = [](const Tensor& to) {
    return answer("Reshape", {}, {Tensor(TensorType{DType::f32, {2, 3, 4}}), to}).shape();
  };
  CHECK(shaped(integers({0, -1})) == Shape{2, 12});
  CHECK(shaped(integers({4, 0, 2})) == Shape{4, 3, 2});
  CHECK(shaped(integers({-1})) == Shape{24});
  const auto refused = [](const Tensor& to) { return refusal("Reshape", {}, {data({2, 3, 4}), given(to)}); };
  CHECK(refused(integers({-1, -1})) == Errc::BadShape);
  CHECK(refused(integers({5, -1})) == Errc::BadShape);
  CHECK(refused(integers({1, 1, 1, 0})) == Errc::BadShape);
  CHECK(refused(integers({-2, 12})) == Errc::BadShape);
  CHECK(refused(integers({1, 1, 1, 1, 1, 1, 1, 1, 24})) == Errc::BadShape);
  CHECK(refused(integers({Dim{1} << 33, Dim{1} << 33})) == Errc::BadShape);
}

TEST_CASE("Flatten, Squeeze and Unsqueeze change axes alone") {
  CHECK(answer("Flatten", {{"axis", Dim{2}}}, {Tensor(TensorType{DType::f32, {2, 3, 4}})}).shape() == Shape{6, 4});
  CHECK(answer("Flatten", {{"axis", Dim{0}}}, {Tensor(TensorType{DType::f32, {2, 3}})}).shape() == Shape{1, 6});
  CHECK(answer("Squeeze", {}, {Tensor(TensorType{DType::f32, {1, 3, 1}})}).shape() == Shape{3});
  CHECK(answer("Squeeze", {}, {Tensor(TensorType{DType::f32, {1, 3, 1}}), integers({-1})}).shape() == Shape{1, 3});
  CHECK(answer("Unsqueeze", {}, {Tensor(TensorType{DType::f32, {3}}), integers({0, -1})}).shape() == Shape{1, 3, 1});
  CHECK(refusal("Squeeze", {}, {data({2, 3}), given(integers({0}))}) == Errc::BadShape);
  CHECK(refusal("Unsqueeze", {}, {data({2}), given(integers({0, 0}))}) == Errc::BadModel);
}

TEST_CASE("Transpose takes axis perm[a] of its input for axis a") {
  const Tensor x({1, 2, 3}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f});
  const Tensor y = answer("Transpose", {{"perm", std::vector<Dim>{1, 2, 0}}}, {x});
  CHECK(same_numbers(y, Tensor({2, 3, 1}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f})));
  CHECK(same_numbers(answer("Transpose", {}, {x}), Tensor({3, 2, 1}, {1.f, 4.f, 2.f, 5.f, 3.f, 6.f})));
  CHECK(refusal("Transpose", {{"perm", std::vector<Dim>{0, 0, 1}}}, {data({1, 2, 3})}) == Errc::BadModel);
  CHECK(refusal("Transpose", {{"perm", std::vector<Dim>{0, 1}}}, {data({1, 2, 3})}) == Errc::BadModel);
}

TEST_CASE("Shape tells the extents of the axes between start and end") {
  const Tensor x(TensorType{DType::f32, {2, 3, 4}});
  const auto told = [&](const Attributes& attributes) { return answer("Shape", attributes, {x}); };
  CHECK(same_numbers(told({}), integers({2, 3, 4})));
  CHECK(same_numbers(told({{"start", Dim{-1}}}), integers({4})));
  CHECK(same_numbers(told({{"end", Dim{-1}}}), integers({2, 3})));
  CHECK(same_numbers(told({{"start", Dim{1}}, {"end", Dim{2}}}), integers({3})));
  CHECK(same_numbers(told({{"start", Dim{2}}, {"end", Dim{1}}}), integers({})));
}

TEST_CASE("Cast rounds towards zero, stays in range, and narrows floats to nearest even") {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const auto cast = [](const Tensor& x, Dim to) { return answer("Cast", {{"to", to}}, {x}); };
  CHECK(same_numbers(cast(list({-1.9f, 1.9f, 3e9f, -3e9f, kNaN}), 6),
                     list<std::int32_t>({-1, 1, 2147483647, -2147483647 - 1, 0})));
  CHECK(same_numbers(cast(list({-1.f, 300.f, 255.9f}), 2), list<std::uint8_t>({0, 255, 255})));
  CHECK(same_numbers(cast(list({9.3e18f, -9.3e18f}), 7),
                     integers({std::numeric_limits<Dim>::max(), std::numeric_limits<Dim>::min()})));
  CHECK(same_numbers(cast(list<std::int32_t>({300, -1}), 2), list<std::uint8_t>({44, 255})));
  CHECK(same_numbers(cast(list({0.f, -0.5f, kNaN}), 9), list<bool>({false, true, true})));
  CHECK(same_numbers(cast(list<bool>({true, false}), 1), list({1.f, 0.f})));
  CHECK(same_numbers(cast(cast(list({2049.f, 65519.f, 65520.f}), 10), 1),
                     list({2048.f, 65504.f, std::numeric_limits<float>::infinity()})));
  CHECK(same_numbers(cast(cast(list({1.00390625f, 1.01171875f}), 16), 1), list({1.f, 1.015625f})));
  CHECK(refusal("Cast", {{"to", Dim{11}}}, {data({1})}) == Errc::Unsupported);
}

}  // namespace v0
}  // namespace coverslip
