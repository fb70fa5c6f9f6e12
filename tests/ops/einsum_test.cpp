// Einsum in numbers worked by hand: what its equation may say and may not, and the same from its plan.
#include "model_answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

// By the reference, and as a model of one node makes it.
Tensor einsum(const std::string& equation, const std::vector<Tensor>& inputs) {
  const Attributes attributes{{"equation", equation}};
  const Tensor want = answer("Einsum", attributes, inputs);
  CHECK(same_numbers(model_answers("Einsum", attributes, inputs).at(0), want));
  return want;
}

std::optional<Errc> refused(const std::string& equation, const std::vector<Shape>& shapes) {
  std::vector<Operand> operands;
  for (const Shape& shape : shapes) operands.push_back(data(shape));
  return refusal("Einsum", {{"equation", equation}}, operands);
}

const Tensor kMatrix({2, 3}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f});

}  // namespace

TEST_CASE("Einsum transposes, sums and multiplies") {
  CHECK(same_numbers(einsum("ij->ji", {kMatrix}), Tensor({3, 2}, {1.f, 4.f, 2.f, 5.f, 3.f, 6.f})));
  CHECK(same_numbers(einsum("ij->i", {kMatrix}), list({6.f, 15.f})));
  CHECK(same_numbers(einsum("ij->", {kMatrix}), Tensor({}, {21.f})));
  CHECK(same_numbers(einsum("ij,kj->ik", {kMatrix, kMatrix}), Tensor({2, 2}, {14.f, 32.f, 32.f, 77.f})));
  CHECK(same_numbers(einsum("ij,ij->ij", {kMatrix, kMatrix}), Tensor({2, 3}, {1.f, 4.f, 9.f, 16.f, 25.f, 36.f})));
  CHECK(same_numbers(einsum("i,j->ji", {list({1.f, 2.f}), list({3.f, 5.f})}), Tensor({2, 2}, {3.f, 6.f, 5.f, 10.f})));
  CHECK(same_numbers(einsum("->", {Tensor({}, {7.f})}), Tensor({}, {7.f})));
}

TEST_CASE("Einsum without an arrow keeps the letters that occur once, capitals first") {
  CHECK(same_numbers(einsum("ba", {kMatrix}), Tensor({3, 2}, {1.f, 4.f, 2.f, 5.f, 3.f, 6.f})));
  CHECK(same_numbers(einsum("aB", {kMatrix}), Tensor({3, 2}, {1.f, 4.f, 2.f, 5.f, 3.f, 6.f})));
  CHECK(same_numbers(einsum(" i j , j ", {kMatrix, list({1.f, 0.f, -1.f})}), list({-2.f, -2.f})));
  CHECK(same_numbers(einsum("i,i", {list({1.f, 2.f}), list({3.f, 5.f})}), Tensor({}, {13.f})));
  CHECK(same_numbers(einsum("a...", {kMatrix}), Tensor({3, 2}, {1.f, 4.f, 2.f, 5.f, 3.f, 6.f})));
}

TEST_CASE("Einsum takes diagonals of a letter that an operand has more than once") {
  const Tensor square({2, 2}, {1.f, 2.f, 3.f, 4.f});
  CHECK(same_numbers(einsum("ii->i", {square}), list({1.f, 4.f})));
  CHECK(same_numbers(einsum("ii", {square}), Tensor({}, {5.f})));
  const Tensor cube({2, 2, 2}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f});
  CHECK(same_numbers(einsum("iii->i", {cube}), list({1.f, 8.f})));
  CHECK(same_numbers(einsum("iji->ij", {cube}), Tensor({2, 2}, {1.f, 3.f, 6.f, 8.f})));
  CHECK(same_numbers(einsum("...ii->...i", {cube}), Tensor({2, 2}, {1.f, 4.f, 5.f, 8.f})));
  CHECK(same_numbers(einsum("ii,ij->j", {square, square}), list({13.f, 18.f})));
}

TEST_CASE("Einsum broadcasts the axes of an ellipsis from the last, and axes of one element") {
  const Tensor column({2, 1}, {1.f, 2.f}), row = list({3.f, 4.f, 5.f});
  const Tensor both({2, 3}, {3.f, 4.f, 5.f, 6.f, 8.f, 10.f});
  CHECK(same_numbers(einsum("...,...", {column, row}), both));
  CHECK(same_numbers(einsum("ij,ij->ij", {column, Tensor({1, 3}, {3.f, 4.f, 5.f})}), both));
  CHECK(same_numbers(einsum("ij,ij->", {column, Tensor({1, 3}, {3.f, 4.f, 5.f})}), Tensor({}, {36.f})));
  CHECK(same_numbers(einsum("...a,...a->...", {kMatrix, row}), list({26.f, 62.f})));
  CHECK(same_numbers(einsum("...ij->ij...", {Tensor({2, 1, 2}, {1.f, 2.f, 3.f, 4.f})}),
                     Tensor({1, 2, 2}, {1.f, 3.f, 2.f, 4.f})));
  CHECK(same_numbers(einsum("ij->...ji", {kMatrix}), Tensor({3, 2}, {1.f, 4.f, 2.f, 5.f, 3.f, 6.f})));
}

TEST_CASE("Einsum multiplies any number of operands") {
  const Tensor v = list({1.f, 2.f});
  CHECK(same_numbers(einsum("i,j,k->kij", {v, v, list({1.f, 10.f})}),
                     Tensor({2, 2, 2}, {1.f, 2.f, 2.f, 4.f, 10.f, 20.f, 20.f, 40.f})));
  CHECK(same_numbers(einsum("i,ij,jk,k", {v, kMatrix, Tensor({3, 1}, {1.f, 1.f, 2.f}), list({2.f})}),
                     Tensor({}, {2 * (1.f + 2.f + 6.f + 2 * (4.f + 5.f + 12.f))})));
}

TEST_CASE("Einsum of integers wraps around, of 16-bit floats is rounded once, of nothing is 0") {
  CHECK(same_numbers(einsum("i,i", {list<std::int32_t>({65536, 3}), list<std::int32_t>({65536, -5})}),
                     Tensor({}, {std::int32_t{-15}})));
  const std::int64_t odd = (std::int64_t{1} << 53) + 1;
  CHECK(same_numbers(einsum("i->", {integers({odd, 1})}), Tensor({}, {odd + 1})));
  const auto half = [](float x) { return to_float16(x); };
  CHECK(same_numbers(einsum("i->", {list({half(2048), half(1), half(1)})}), Tensor({}, {half(2050)})));
  const Tensor none(TensorType{DType::f32, {2, 0}});
  CHECK(same_numbers(einsum("ij->i", {none}), list({0.f, 0.f})));
}

TEST_CASE("Einsum refuses equations that do not fit, by what is wrong with them") {
  for (const char* equation : {"i->i", "ijk->i", "ij,j->i", "ij->ik", "ij->ii", "i1->i", "ij->i->j", "i..j->i",
                               "......ij", "ij,", "i\tj", "...i->i"})
    CHECK(refused(equation, {{2, 3}}) == Errc::BadShape);
  CHECK(refused("ij", {{2, 3}, {2, 3}}) == Errc::BadShape);
  CHECK(refused("ij,jk->ik", {{2, 3}, {4, 2}}) == Errc::BadShape);
  CHECK(refused("ii->i", {{1, 3}}) == Errc::BadShape);
  CHECK(refused("abcde,fghij->abcdefghij", {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}}) == Errc::BadShape);
  CHECK(refusal("Einsum", {{"equation", std::string("i")}}, {data(TensorType{DType::u8, {1}})}) == Errc::Unsupported);
  CHECK(refusal("Einsum", {}, {}) == Errc::BadModel);
}

}  // namespace v0
}  // namespace coverslip
