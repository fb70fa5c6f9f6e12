// Gemm and MatMul in numbers worked by hand: types, factors, broadcast batches, vectors, nothing to sum.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {

TEST_CASE("MatMul broadcasts leading axes of both sides") {
  const Tensor a({2, 1, 1, 2}, {1.f, 2.f, 3.f, 4.f}), b({3, 2, 1}, {1.f, 0.f, 0.f, 1.f, 1.f, 1.f});
  CHECK(same_numbers(answer("MatMul", {}, {a, b}), Tensor({2, 3, 1, 1}, {1.f, 2.f, 3.f, 3.f, 4.f, 7.f})));
}

TEST_CASE("MatMul takes vectors on either side, and gives a number for two of them") {
  const Tensor v = list({1.f, 10.f}), m({2, 2, 1}, {1.f, 2.f, 3.f, 4.f});
  CHECK(same_numbers(answer("MatMul", {}, {v, v}), Tensor({}, {101.f})));
  CHECK(same_numbers(answer("MatMul", {}, {v, m}), Tensor({2, 1}, {21.f, 43.f})));
  CHECK(same_numbers(answer("MatMul", {}, {Tensor({2, 1, 2}, {1.f, 2.f, 3.f, 4.f}), v}), Tensor({2, 1}, {21.f, 43.f})));
}

TEST_CASE("a product of nothing is 0") {
  CHECK(same_numbers(
      answer("MatMul", {}, {Tensor(TensorType{DType::f32, {2, 0}}), Tensor(TensorType{DType::f32, {0, 1}})}),
      Tensor({2, 1}, {0.f, 0.f})));
  CHECK(same_numbers(
      answer("Gemm", {{"beta", 2.f}},
             {Tensor(TensorType{DType::f32, {1, 0}}), Tensor(TensorType{DType::f32, {0, 2}}), list({3.f, 4.f})}),
      Tensor({1, 2}, {6.f, 8.f})));
}

TEST_CASE("MatMul of integers wraps around, of 16-bit floats is rounded once") {
  const Tensor big = Tensor({1, 2}, {std::int32_t{65536}, std::int32_t{3}});
  CHECK(same_numbers(answer("MatMul", {}, {big, Tensor({2, 1}, {std::int32_t{65536}, std::int32_t{-5}})}),
                     Tensor({1, 1}, {std::int32_t{-15}})));
  const std::int64_t odd = (std::int64_t{1} << 53) + 1;
  CHECK(same_numbers(answer("MatMul", {}, {Tensor({1, 1}, {odd}), Tensor({1, 1}, {std::int64_t{3}})}),
                     Tensor({1, 1}, {3 * odd})));
  // 2048 + 1 + 1: a sum in f16 would stay at 2048.
  const auto half = [](float x) { return to_float16(x); };
  CHECK(same_numbers(answer("MatMul", {}, {list({half(2048), half(1), half(1)}), list({half(1), half(1), half(1)})}),
                     Tensor({}, {half(2050)})));
  const auto bf16 = [](float x) { return to_bfloat16(x); };
  CHECK(same_numbers(answer("MatMul", {}, {list({bf16(256), bf16(1), bf16(1)}), list({bf16(1), bf16(1), bf16(1)})}),
                     Tensor({}, {bf16(258)})));
}

TEST_CASE("Gemm multiplies by alpha and beta, whatever is transposed, and broadcasts C") {
  const Tensor a({2, 1}, {1.f, 2.f}), b({2, 2}, {1.f, 2.f, 3.f, 4.f});
  const Attributes transposed{{"transA", Dim{1}}, {"transB", Dim{1}}, {"alpha", 0.5f}, {"beta", -1.f}};
  CHECK(same_numbers(answer("Gemm", transposed, {a, b, Tensor({}, {1.f})}), Tensor({1, 2}, {1.5f, 4.5f})));
  CHECK(same_numbers(answer("Gemm", transposed, {a, b, Tensor({1, 1}, {2.f})}), Tensor({1, 2}, {0.5f, 3.5f})));
  CHECK(same_numbers(
      answer("Gemm", {{"alpha", -2.f}, {"beta", 3.f}},
             {Tensor({1, 1}, {std::int32_t{5}}), Tensor({1, 1}, {std::int32_t{7}}), list<std::int32_t>({1})}),
      Tensor({1, 1}, {std::int32_t{-67}})));
}

TEST_CASE("products carry NaN and infinity as the sums do") {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  const Tensor a({1, 2}, {kInfinity, 1.f}), b({2, 3}, {1.f, 0.f, -1.f, 1.f, 1.f, kInfinity});
  CHECK(same_numbers(answer("MatMul", {}, {a, b}), Tensor({1, 3}, {kInfinity, kNaN, kNaN})));
}

TEST_CASE("products refuse types and shapes that do not fit") {
  CHECK(refusal("MatMul", {}, {data(TensorType{DType::u8, {1, 1}}), data(TensorType{DType::u8, {1, 1}})}) ==
        Errc::Unsupported);
  CHECK(refusal("MatMul", {}, {data({1, 1}), data(TensorType{DType::f16, {1, 1}})}) == Errc::Unsupported);
  CHECK(refusal("MatMul", {}, {data(Shape{}), data({1})}) == Errc::BadShape);
  CHECK(refusal("MatMul", {}, {data({2, 1, 1}), data({3, 1, 1})}) == Errc::BadShape);
  const Operand integers = data(TensorType{DType::i32, {1, 1}});
  CHECK(refusal("Gemm", {{"alpha", 0.5f}}, {integers, integers}) == Errc::Unsupported);
  CHECK(refusal("Gemm", {}, {data({2, 3}), data({3, 2}), data({3, 2})}) == Errc::BadShape);
}

}  // namespace v0
}  // namespace coverslip
