// The activations in numbers worked by hand, and how good the exponential function is.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> sigmoids(const KernelTable& kernels, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  kernels.unary.activate(x.data(), y.data(), {.n = x.size()}, {Activation::Sigmoid});
  return y;
}

std::vector<float> numbers_between(float least, float most) {
  std::vector<float> x;
  for (float v = least; v < most; v += 0.00731f) x.push_back(v);
  return x;
}

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

TEST_CASE("Sigmoid is good to four units in the last place, and has the same bits on every target") {
  const auto x = numbers_between(-87, 90), tiny = numbers_between(-120, -87);
  const auto same = sigmoids(*supported_kernels().back(), x), same_tiny = sigmoids(*supported_kernels().back(), tiny);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double want = 1 / (1 + std::exp(-double{x[i]}));
    worst = std::max(worst, std::abs(same[i] - want) / (std::exp2(std::floor(std::log2(want))) * 0x1p-23));
  }
  CHECK(worst < 4);
  for (std::size_t i = 0; i < tiny.size(); ++i)  // where results are denormal: to two of the smallest numbers
    REQUIRE(std::abs(same_tiny[i] - std::exp(double{tiny[i]})) <=
            2 * 0x1p-149 + 4 * 0x1p-23 * std::exp(double{tiny[i]}));
  for (const KernelTable* kernels : supported_kernels()) {
    CAPTURE(kernels->name);
    CHECK(sigmoids(*kernels, x) == same);
    CHECK(sigmoids(*kernels, tiny) == same_tiny);
  }
}

TEST_CASE("activations refuse what is not f32") {
  CHECK(refusal("Relu", {}, {data(TensorType{DType::i32, {2}})}) == Errc::Unsupported);
  CHECK(refusal("Relu", {}, {data({2}), data({2})}) == Errc::BadModel);
  CHECK(refusal("Relu", {}, {absent()}) == Errc::BadModel);
}

}  // namespace v0
}  // namespace coverslip
