// RotaryEmbedding in numbers worked by hand: pairs by halves and by neighbours, heads, positions, a part of a head.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

Tensor rotate(const Attributes& attributes, const std::vector<Tensor>& inputs) {
  return answer("RotaryEmbedding", attributes, inputs);
}

// Turns by 0, a quarter, a half, and by the angle of a triangle of 3, 4 and 5 (times 5).
const Tensor kCos({4, 1}, {1.f, 0.f, -1.f, 3.f}), kSin({4, 1}, {0.f, 1.f, 0.f, 4.f});

Tensor positions(const Shape& shape, std::initializer_list<std::int64_t> numbers) { return Tensor(shape, numbers); }

}  // namespace

TEST_CASE("RotaryEmbedding turns each pair by its position's angle") {
  const Tensor x({1, 1, 4, 2}, {1.f, 2.f, 1.f, 2.f, 1.f, 2.f, 1.f, 2.f});
  const Tensor forward({1, 1, 4, 2}, {1.f, 2.f, -2.f, 1.f, -1.f, -2.f, -5.f, 10.f});
  CHECK(same_numbers(rotate({}, {x, kCos, kSin, positions({1, 4}, {0, 1, 2, 3})}), forward));
  const Tensor backward({1, 1, 4, 2}, {-5.f, 10.f, -1.f, -2.f, -2.f, 1.f, 1.f, 2.f});
  CHECK(same_numbers(rotate({}, {x, kCos, kSin, positions({1, 4}, {3, 2, 1, -4})}), backward));
}

TEST_CASE("RotaryEmbedding's pairs are of both halves, or neighbours") {
  const Tensor x({1, 1, 1, 4}, {1.f, 2.f, 3.f, 4.f});
  const Tensor cos({1, 1, 2}, {0.f, 3.f}), sin({1, 1, 2}, {1.f, 4.f});
  CHECK(same_numbers(rotate({}, {x, cos, sin}), Tensor({1, 1, 1, 4}, {-3.f, -10.f, 1.f, 20.f})));
  CHECK(same_numbers(rotate({{"interleaved", Dim{1}}}, {x, cos, sin}), Tensor({1, 1, 1, 4}, {-2.f, 1.f, -7.f, 24.f})));
}

TEST_CASE("RotaryEmbedding leaves what follows the turned part of a head as it is") {
  const Attributes part{{"rotary_embedding_dim", Dim{2}}, {"num_heads", Dim{2}}};
  const Tensor x({1, 1, 6}, {1.f, 2.f, 9.f, 3.f, 4.f, 8.f}), cos({1, 1, 1}, {0.f}), sin({1, 1, 1}, {1.f});
  CHECK(same_numbers(rotate(part, {x, cos, sin}), Tensor({1, 1, 6}, {-2.f, 1.f, 9.f, -4.f, 3.f, 8.f})));
}

TEST_CASE("RotaryEmbedding finds heads of a row in three axes, and in four") {
  const Tensor by_row({1, 2, 4}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f});
  const Tensor by_head({1, 2, 2, 2}, {1.f, 2.f, 5.f, 6.f, 3.f, 4.f, 7.f, 8.f});
  const Tensor cos({1, 2, 1}, {1.f, 0.f}), sin({1, 2, 1}, {0.f, 1.f});
  CHECK(same_numbers(rotate({{"num_heads", Dim{2}}}, {by_row, cos, sin}),
                     Tensor({1, 2, 4}, {1.f, 2.f, 3.f, 4.f, -6.f, 5.f, -8.f, 7.f})));
  CHECK(
      same_numbers(rotate({}, {by_head, cos, sin}), Tensor({1, 2, 2, 2}, {1.f, 2.f, -6.f, 5.f, 3.f, 4.f, -8.f, 7.f})));
}

TEST_CASE("RotaryEmbedding gives each sample its own angles") {
  const Tensor x({2, 1, 1, 2}, {1.f, 2.f, 1.f, 2.f}), turned({2, 1, 1, 2}, {-2.f, 1.f, -1.f, -2.f});
  CHECK(same_numbers(rotate({}, {x, kCos, kSin, positions({2, 1}, {1, 2})}), turned));
  CHECK(same_numbers(rotate({}, {x, Tensor({2, 1, 1}, {0.f, -1.f}), Tensor({2, 1, 1}, {1.f, 0.f})}), turned));
}

TEST_CASE("RotaryEmbedding of 16-bit floats is rounded once") {
  // 2049 - 1 in f16 would be 2048 - 1 = 2047.
  const auto half = [](float x) { return to_float16(x); };
  const Tensor x({1, 1, 1, 2}, {half(683), half(1)}), cos({1, 1, 1}, {half(3)}), sin({1, 1, 1}, {half(1)});
  CHECK(same_numbers(rotate({}, {x, cos, sin}), Tensor({1, 1, 1, 2}, {half(2048), half(686)})));
}

TEST_CASE("RotaryEmbedding refuses heads, caches and positions that do not fit") {
  const auto refused = [](const Attributes& attributes, const std::vector<Operand>& inputs) {
    return refusal("RotaryEmbedding", attributes, inputs);
  };
  const Operand x = data({1, 2, 3, 4}), cache = data({1, 3, 2}), table = data({5, 2});
  const Operand ids = data(TensorType{DType::i64, {1, 3}});
  CHECK(refused({}, {x, cache, cache}) == std::nullopt);
  CHECK(refused({}, {x, table, table, ids}) == std::nullopt);
  CHECK(refused({}, {x, table, table}) == Errc::BadShape);
  CHECK(refused({}, {x, cache, cache, ids}) == Errc::BadShape);
  CHECK(refused({}, {x, data({0, 2}), data({0, 2}), ids}) == Errc::BadShape);
  CHECK(refused({}, {x, table, table, data(TensorType{DType::i64, {3}})}) == Errc::BadShape);
  CHECK(refused({{"rotary_embedding_dim", Dim{2}}}, {x, cache, cache}) == Errc::BadShape);
  CHECK(refused({{"rotary_embedding_dim", Dim{3}}}, {x, cache, cache}) == Errc::BadModel);
  CHECK(refused({{"rotary_embedding_dim", Dim{6}}}, {x, cache, cache}) == Errc::BadModel);
  CHECK(refused({}, {data({1, 3, 8}), cache, cache}) == Errc::BadModel);
  CHECK(refused({}, {data({3, 4}), cache, cache}) == Errc::BadShape);
  CHECK(refused({}, {x, data(TensorType{DType::f16, {1, 3, 2}}), cache}) == Errc::BadModel);
  CHECK(refused({}, {data(TensorType{DType::i32, {1, 2, 3, 4}}), cache, cache}) == Errc::Unsupported);
}

}  // namespace v0
}  // namespace coverslip
