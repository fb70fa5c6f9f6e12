// Softmax in numbers worked by hand: axes, big numbers, NaN.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {

TEST_CASE("Softmax goes along its axis") {
  const float third = 1.f / 3, quarter = 0.25f;
  const Tensor x({2, 2}, {0.f, 0.f, std::log(2.f), std::log(3.f)});
  CHECK(same_numbers(answer("Softmax", {{"axis", Dim{0}}}, {x}),
                     Tensor({2, 2}, {third, quarter, 2 * third, 3 * quarter}), 1e-7));
  CHECK(same_numbers(answer("Softmax", {}, {x}), Tensor({2, 2}, {0.5f, 0.5f, 0.4f, 0.6f}), 1e-7));
}

TEST_CASE("Softmax does not overflow, and gives NaN only where the formula does") {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  CHECK(same_numbers(answer("Softmax", {}, {list({1000.f, 1000.f, -1000.f})}), list({0.5f, 0.5f, 0.f})));
  CHECK(same_numbers(answer("Softmax", {}, {list({-kInfinity, 0.f})}), list({0.f, 1.f})));
  CHECK(same_numbers(answer("Softmax", {}, {list({0.f, kNaN, 1.f})}), list({kNaN, kNaN, kNaN})));
  CHECK(same_numbers(answer("Softmax", {}, {list({-kInfinity, -kInfinity})}), list({kNaN, kNaN})));
  const Tensor pairs({2, 7}, {0.f, 1000.f, -kInfinity, kInfinity, kInfinity, kNaN, -1000.f,  //
                              0.f, -1000.f, 0.f, 0.f, kInfinity, 0.f, -kInfinity});
  CHECK(same_numbers(answer("Softmax", {{"axis", Dim{0}}}, {pairs}),
                     Tensor({2, 7}, {0.5f, 1.f, 0.f, kNaN, kNaN, kNaN, 1.f,  //
                                     0.5f, 0.f, 1.f, kNaN, kNaN, kNaN, 0.f})));
}

TEST_CASE("LogSoftmax is the logarithm, where Softmax itself is 0 too") {
  const Tensor x({2, 2}, {0.f, 0.f, std::log(2.f), std::log(3.f)});
  CHECK(same_numbers(answer("LogSoftmax", {{"axis", Dim{0}}}, {x}),
                     Tensor({2, 2}, {-1.0986123f, -1.3862944f, -0.4054651f, -0.2876821f}), 2e-7));
  CHECK(same_numbers(answer("LogSoftmax", {}, {list({0.f, -1000.f})}), list({0.f, -1000.f})));
}

TEST_CASE("Hardmax marks the first of the most, and no NaN") {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  const Tensor x({3, 3}, {1.f, 3.f, 3.f, kNaN, -1.f, -2.f, kNaN, -kInfinity, kNaN});
  CHECK(same_numbers(answer("Hardmax", {}, {x}), Tensor({3, 3}, {0.f, 1.f, 0.f, 0.f, 1.f, 0.f, 0.f, 1.f, 0.f})));
  CHECK(same_numbers(answer("Hardmax", {{"axis", Dim{0}}}, {x}),
                     Tensor({3, 3}, {1.f, 1.f, 1.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f})));
  CHECK(
      same_numbers(answer("Hardmax", {{"axis", Dim{0}}}, {Tensor({2, 1}, {kNaN, kNaN})}), Tensor({2, 1}, {1.f, 0.f})));
}

TEST_CASE("Softmax refuses an axis that is not there") {
  CHECK(refusal("Softmax", {{"axis", Dim{2}}}, {data({1, 2})}) == Errc::BadModel);
  CHECK(refusal("Softmax", {}, {data(Shape{})}) == Errc::BadModel);
}

}  // namespace v0
}  // namespace coverslip
