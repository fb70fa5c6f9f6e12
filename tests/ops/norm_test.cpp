// The norms over statistics of the value itself, in numbers worked by hand.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

Attributes with_epsilon(float epsilon, const std::string& key = {}, Dim value = 0) {
  Attributes attributes{{"epsilon", epsilon}};
  if (!key.empty()) attributes[key] = value;
  return attributes;
}

// All outputs of a LayerNormalization, as its reference makes them.
std::vector<Tensor> layer_norm_outputs(const Attributes& attributes, const Tensor& x, const Tensor& scale) {
  const Case c{"LayerNormalization", attributes, {given(x), given(scale)}, false, 3};
  return Sample(*find_op(c.op), c).references();
}

}  // namespace

TEST_CASE("LayerNormalization brings each row to a deviation of 1, then scales and moves it") {
  // Rows of mean 2 and 5, with squares around them of 2/3 and 8/3; with epsilon 1/3 the first deviation is 1.
  const Tensor x({2, 3}, {1.f, 2.f, 3.f, 3.f, 5.f, 7.f}), scale = list({1.f, 2.f, 3.f}), bias = list({0.f, 1.f, -1.f});
  const double second = 2 / std::sqrt(3.0);
  const Tensor want({2, 3}, {-1.f, 1.f, 2.f, static_cast<float>(-second), 1.f, static_cast<float>(3 * second - 1)});
  CHECK(same_numbers(answer("LayerNormalization", with_epsilon(1.f / 3), {x, scale, bias}), want, 1e-6));
}

TEST_CASE("LayerNormalization takes all axes from `axis` on as a row, and makes Mean and InvStdDev of each") {
  const Tensor x({2, 2, 2}, {1.f, 3.f, 1.f, 3.f, -2.f, 2.f, 2.f, -2.f}), scale({1}, {1.f});
  const auto outputs = layer_norm_outputs(with_epsilon(0, "axis", 1), x, scale);
  CHECK(same_numbers(outputs[0], Tensor({2, 2, 2}, {-1.f, 1.f, -1.f, 1.f, -1.f, 1.f, 1.f, -1.f}), 1e-6));
  CHECK(same_numbers(outputs[1], Tensor({2, 1, 1}, {2.f, 0.f})));
  CHECK(same_numbers(outputs[2], Tensor({2, 1, 1}, {1.f, 0.5f})));
  const Tensor nothing(TensorType{DType::f32, {2, 0}});
  CHECK(std::isnan(layer_norm_outputs({}, nothing, scale)[1].values<float>()[1]));
}

TEST_CASE("RMSNormalization divides by the root of the mean square and subtracts nothing") {
  const Tensor x({1, 2}, {6.f, 8.f}), scale = list({1.f, -2.f});  // mean square 50, and 14 make 64
  CHECK(same_numbers(answer("RMSNormalization", with_epsilon(14), {x, scale}), Tensor({1, 2}, {0.75f, -2.f}), 1e-6));
}

TEST_CASE("InstanceNormalization has statistics for each channel of each instance") {
  const Tensor x({2, 2, 2}, {1.f, 3.f, 0.f, 4.f, 5.f, 5.f, -6.f, 6.f}), scale = list({1.f, 3.f}),
                                                                        bias = list({0.f, 1.f});
  CHECK(same_numbers(answer("InstanceNormalization", with_epsilon(1e-12f), {x, scale, bias}),
                     Tensor({2, 2, 2}, {-1.f, 1.f, -2.f, 4.f, 0.f, 0.f, -2.f, 4.f}), 1e-6));
}

TEST_CASE("GroupNormalization has statistics for groups of channels, and scales each channel or each group") {
  const Tensor x({1, 4, 1}, {1.f, 3.f, -2.f, 2.f});
  const Attributes two{{"num_groups", Dim{2}}, {"epsilon", 1e-12f}};
  CHECK(same_numbers(answer("GroupNormalization", two, {x, list({1.f, 2.f, 3.f, 4.f}), list({0.f, 0.f, 0.f, 1.f})}),
                     Tensor({1, 4, 1}, {-1.f, 2.f, -3.f, 5.f}), 1e-6));
  CHECK(same_numbers(answer("GroupNormalization", two, {x, list({1.f, 3.f}), list({0.f, 1.f})}),
                     Tensor({1, 4, 1}, {-1.f, 1.f, -2.f, 4.f}), 1e-6));
}

TEST_CASE("MeanVarianceNormalization has statistics for each channel of all pictures, or along the axes it names") {
  const Tensor x({2, 2, 1, 1}, {1.f, 0.f, 3.f, 4.f});
  CHECK(same_numbers(answer("MeanVarianceNormalization", {}, {x}), Tensor({2, 2, 1, 1}, {-1.f, -1.f, 1.f, 1.f}), 1e-6));
  const Attributes channels{{"axes", std::vector<Dim>{1}}};
  CHECK(same_numbers(answer("MeanVarianceNormalization", channels, {x}), Tensor({2, 2, 1, 1}, {1.f, -1.f, -1.f, 1.f}),
                     1e-6));
}

TEST_CASE("a mean a thousand times the deviation costs no digits") {
  const Tensor x({1, 1, 4}, {999.f, 1001.f, 999.f, 1001.f}), one({1}, {1.f}), zero({1}, {0.f});
  const Tensor want({1, 1, 4}, {-1.f, 1.f, -1.f, 1.f});
  CHECK(same_numbers(answer("InstanceNormalization", with_epsilon(1e-12f), {x, one, zero}), want, 1e-7));
  CHECK(same_numbers(answer("LayerNormalization", with_epsilon(1e-12f), {x, one}), want, 1e-7));
}

TEST_CASE("LRN divides by a power of the squares of the channels around") {
  // size 2 sees itself and the next channel; with alpha 2, bias 1 and beta 1 that divides by 1 + both squares.
  const Attributes next{{"size", Dim{2}}, {"alpha", 2.f}, {"beta", 1.f}};
  const Tensor x({1, 3, 1}, {1.f, 2.f, -3.f});
  const Tensor want({1, 3, 1}, {1.f / 6, 2.f / 14, -3.f / 10});
  CHECK(same_numbers(answer("LRN", next, {x}), want, 1e-7));
  // size 3 sees one channel on each side; alpha 3, bias 2: 2 + 5, 2 + 14, 2 + 13, and beta 1/2 is a root.
  const Attributes around{{"size", Dim{3}}, {"alpha", 3.f}, {"bias", 2.f}, {"beta", 0.5f}};
  const auto root = [](double v) { return static_cast<float>(std::sqrt(v)); };
  CHECK(same_numbers(answer("LRN", around, {x}), Tensor({1, 3, 1}, {1 / root(7), 2 / root(16), -3 / root(15)}), 1e-6));
}

TEST_CASE("LRN divides by powers of what is below 0 as well, where there are such") {
  const Attributes squared{{"size", Dim{1}}, {"alpha", -3.f}, {"beta", 2.f}};
  const Tensor x({1, 2, 1}, {1.f, 2.f});  // 1 - 3 and 1 - 12
  CHECK(same_numbers(answer("LRN", squared, {x}), Tensor({1, 2, 1}, {1.f / 4, 2.f / 121}), 1e-7));
}

TEST_CASE("LayerNormalization may have another scale and another bias for each row") {
  const Tensor x({2, 2}, {1.f, 3.f, -2.f, 2.f}), scale({2, 1}, {3.f, 5.f}), bias({2, 2}, {0.f, 1.f, 2.f, 3.f});
  CHECK(same_numbers(answer("LayerNormalization", with_epsilon(0), {x, scale, bias}),
                     Tensor({2, 2}, {-3.f, 4.f, -3.f, 8.f}), 1e-6));
}

TEST_CASE("norms refuse what ONNX has not") {
  CHECK(refusal("LRN", {}, {data({1, 3, 2})}) == Errc::BadModel);
  const Operand x = data({2, 6, 5}), six = data({6}), four = data({4});
  CHECK(refusal("GroupNormalization", {{"num_groups", Dim{4}}}, {x, six, six}) == Errc::BadShape);
  CHECK(refusal("GroupNormalization", {}, {x, six, six}) == Errc::BadShape);
  CHECK(refusal("GroupNormalization", {{"num_groups", Dim{3}}}, {x, four, four}) == Errc::BadShape);
  CHECK(refusal("InstanceNormalization", {}, {x, four, four}) == Errc::BadShape);
  CHECK(refusal("InstanceNormalization", {}, {x, six, data(TensorType{DType::f16, {6}})}) == Errc::Unsupported);
  CHECK(refusal("LayerNormalization", {}, {x, six}) == Errc::BadShape);
  CHECK(refusal("LayerNormalization", {{"axis", Dim{3}}}, {x, data({5})}) == Errc::BadModel);
  CHECK(refusal("LayerNormalization", {{"stash_type", Dim{11}}}, {x, data({5})}) == Errc::Unsupported);
  CHECK(refusal("RMSNormalization", {}, {data(TensorType{DType::i32, {2}}), data({2})}) == Errc::Unsupported);
}

}  // namespace v0
}  // namespace coverslip
