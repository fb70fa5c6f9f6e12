// BatchNormalization in numbers worked by hand.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {

TEST_CASE("BatchNormalization moves and scales each channel, then activates") {
  const Tensor x({1, 2, 1, 2}, {3.f, 5.f, -1.f, 0.f}), scale = list({2.f, 3.f}), bias = list({1.f, -1.f});
  const Tensor mean = list({1.f, 0.f}), variance = list({3.f, 8.f});  // with epsilon 1 the deviations are 2 and 3
  const Attributes plain{{"epsilon", 1.f}};
  CHECK(same_numbers(answer("BatchNormalization", plain, {x, scale, bias, mean, variance}),
                     Tensor({1, 2, 1, 2}, {3.f, 5.f, -2.f, -1.f})));
  const Attributes relu{{"epsilon", 1.f}, {"activation", std::string("Relu")}};
  CHECK(same_numbers(answer("BatchNormalization", relu, {x, scale, bias, mean, variance}),
                     Tensor({1, 2, 1, 2}, {3.f, 5.f, 0.f, 0.f})));
}

TEST_CASE("BatchNormalization takes a list as one channel") {
  CHECK(same_numbers(answer("BatchNormalization", {{"epsilon", 1.f}},
                            {list({3.f, 5.f, 1.f}), list({2.f}), list({1.f}), list({1.f}), list({3.f})}),
                     list({3.f, 5.f, 1.f})));
}

TEST_CASE("BatchNormalization of 16-bit floats rounds once, whatever its parameters are") {
  const Tensor x({1, 1, 2}, {to_float16(1025.f), to_float16(1023.f)});
  const Tensor scale = list({1.f}), bias = list({to_float16(0.f)}), mean = list({1024.f}), variance = list({0.75f});
  // Deviation 1, with epsilon 1/4.
  CHECK(same_numbers(answer("BatchNormalization", {{"epsilon", 0.25f}}, {x, scale, bias, mean, variance}),
                     Tensor({1, 1, 2}, {to_float16(1.f), to_float16(-1.f)})));
  CHECK(refusal("BatchNormalization", {},
                {data(TensorType{DType::i32, {1, 3}}), data({3}), data({3}), data({3}), data({3})}) ==
        Errc::Unsupported);
}

TEST_CASE("BatchNormalization refuses parameters of another length, and training") {
  const Operand x = data({1, 3, 2}), good = data({3}), bad = data({2});
  CHECK(refusal("BatchNormalization", {}, {x, good, good, good, bad}) == Errc::BadShape);
  CHECK(refusal("BatchNormalization", {}, {data({3}), good, good, good, good}) == Errc::BadShape);
  CHECK(refusal("BatchNormalization", {{"training_mode", Dim{1}}}, {x, good, good, good, good}) == Errc::Unsupported);
  CHECK(!refusal("BatchNormalization", {}, {x, good, good, good, good}));
}

}  // namespace v0
}  // namespace coverslip
