// Expand, Tile, Split, Range, ConstantOfShape, EyeLike, Trilu, ReverseSequence and Dropout, in numbers worked by hand.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();

template <class T>
Tensor scalar(T x) {
  return Tensor({}, {x});
}
template <class T>
Tensor range(T start, T limit, T delta) {
  return answer("Range", {}, {scalar(start), scalar(limit), scalar(delta)});
}

// All outputs, by the reference.
std::vector<Tensor> answers(const std::string& op, const Attributes& attributes, const std::vector<Tensor>& inputs,
                            std::size_t outputs) {
  Case c{.op = op, .attributes = attributes, .outputs = outputs};
  for (const Tensor& t : inputs) c.operands.push_back(t.data() == nullptr ? absent() : given(t));
  return Sample(*find_op(op), c).references();
}

template <class F>
std::optional<Errc> code_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code();
  }
  return {};
}

}  // namespace

TEST_CASE("Expand broadcasts both ways") {
  const Tensor x({3, 1}, {1.f, 2.f, 3.f});
  CHECK(same_numbers(answer("Expand", {}, {x, integers({3, 4})}),
                     Tensor({3, 4}, {1.f, 1.f, 1.f, 1.f, 2.f, 2.f, 2.f, 2.f, 3.f, 3.f, 3.f, 3.f})));
  CHECK(
      same_numbers(answer("Expand", {}, {x, integers({2, 1, 1})}), Tensor({2, 3, 1}, {1.f, 2.f, 3.f, 1.f, 2.f, 3.f})));
  CHECK(refusal("Expand", {}, {data({3, 2}), given(integers({3, 4}))}) == Errc::BadShape);
  CHECK(refusal("Expand", {}, {data({3, 1}), given(integers({-1}))}) == Errc::BadShape);
  CHECK(refusal("Expand", {}, {data({3, 1}), given(integers({kFar}))}) == Errc::BadShape);
}

TEST_CASE("Tile repeats all axes") {
  const Tensor x({2, 2}, {1.f, 2.f, 3.f, 4.f});
  CHECK(same_numbers(answer("Tile", {}, {x, integers({1, 2})}),
                     Tensor({2, 4}, {1.f, 2.f, 1.f, 2.f, 3.f, 4.f, 3.f, 4.f})));
  CHECK(same_numbers(answer("Tile", {}, {x, integers({2, 1})}),
                     Tensor({4, 2}, {1.f, 2.f, 3.f, 4.f, 1.f, 2.f, 3.f, 4.f})));
  CHECK(refusal("Tile", {}, {data({2, 2}), given(integers({2}))}) == Errc::BadShape);
  CHECK(refusal("Tile", {}, {data({2, 2}), given(integers({1, -1}))}) == Errc::BadShape);
  CHECK(refusal("Tile", {}, {data({4, 4}), given(integers({1'000'000'000, 1'000'000'000}))}) == Errc::BadShape);
  CHECK(refusal("Tile", {}, {data({4, 0}), given(integers({kFar, kFar}))}) == Errc::BadShape);
}

TEST_CASE("Split cuts into the parts that are asked for, or into equal ones of which the last may be less") {
  const Tensor x = list({1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f});
  const std::vector<Tensor> equal = answers("Split", {{"num_outputs", Dim{4}}}, {x}, 4);
  CHECK(same_numbers(equal[0], list({1.f, 2.f})));
  CHECK(same_numbers(equal[2], list({5.f, 6.f})));
  CHECK(same_numbers(equal[3], list({7.f})));
  const std::vector<Tensor> given_parts = answers("Split", {}, {x, integers({2, 0, 5})}, 3);
  CHECK(same_numbers(given_parts[0], list({1.f, 2.f})));
  CHECK(given_parts[1].shape() == Shape{0});
  CHECK(same_numbers(given_parts[2], list({3.f, 4.f, 5.f, 6.f, 7.f})));
  const Tensor square({2, 2}, {1.f, 2.f, 3.f, 4.f});
  CHECK(same_numbers(answers("Split", {{"axis", Dim{-1}}}, {square}, 2)[1], Tensor({2, 1}, {2.f, 4.f})));
  const auto refused = [&](const Attributes& attributes, const std::vector<Tensor>& inputs) {
    return code_of([&] { answers("Split", attributes, inputs, 2); });
  };
  CHECK(refused({}, {x, integers({3, 3})}) == Errc::BadShape);
  CHECK(refused({}, {x, integers({3, 3, 1})}) == Errc::BadShape);
  CHECK(refused({}, {x, integers({8, -1})}) == Errc::BadShape);
  CHECK(refused({}, {x, integers({kFar, kFar})}) == Errc::BadShape);
  CHECK(refused({{"num_outputs", Dim{3}}}, {x}) == Errc::BadModel);
}

TEST_CASE("Range counts from start towards limit, which it leaves out") {
  CHECK(same_numbers(range(3.f, 9.f, 3.f), list({3.f, 6.f})));
  CHECK(same_numbers(range(10, 4, -2), list({10, 8, 6})));
  CHECK(same_numbers(range(10, 6, -3), list({10, 7})));
  CHECK(same_numbers(range(-kFar, kFar, kFar), integers({-kFar, 0})));
  CHECK(range(1, 1, 1).shape() == Shape{0});
  CHECK(range(1, 5, -1).shape() == Shape{0});
  CHECK(range(1.f, 5.f, -1.f).shape() == Shape{0});
  CHECK(same_numbers(range(to_float16(1), to_float16(2), to_float16(0.5f)), list({to_float16(1), to_float16(1.5f)})));
  const auto refused = [](auto start, auto limit, auto delta) {
    return refusal("Range", {}, {given(scalar(start)), given(scalar(limit)), given(scalar(delta))});
  };
  constexpr float kInf = std::numeric_limits<float>::infinity();
  CHECK(refused(0, 1, 0) == Errc::BadShape);
  CHECK(refused(0.f, 1.f, 0.f) == Errc::BadShape);
  CHECK(refused(0.f, kInf, 1.f) == Errc::BadShape);
  CHECK(refused(0.f, 1.f, std::numeric_limits<float>::quiet_NaN()) == Errc::BadShape);
  CHECK(refused(0.f, 1e30f, 1.f) == Errc::BadShape);
  CHECK(refused(-kFar, kFar, std::int64_t{1}) == Errc::BadShape);
  CHECK(refused(kFar, -kFar - 1, -kFar - 1) == std::nullopt);
  CHECK(refused(true, true, true) == Errc::Unsupported);
}

TEST_CASE("ConstantOfShape fills with zeros of f32, or with its value") {
  CHECK(same_numbers(answer("ConstantOfShape", {}, {integers({2, 1})}), Tensor({2, 1}, {0.f, 0.f})));
  CHECK(same_numbers(answer("ConstantOfShape", {}, {integers({3}), list<std::int32_t>({7})}),
                     list<std::int32_t>({7, 7, 7})));
  CHECK(same_numbers(answer("ConstantOfShape", {}, {integers({}), list({1.5f})}), scalar(1.5f)));
  const auto refused = [](const Tensor& shape) { return refusal("ConstantOfShape", {}, {given(shape)}); };
  CHECK(refused(integers({1'000'000'000'000})) == Errc::BadShape);
  CHECK(refused(integers({kFar, kFar})) == Errc::BadShape);
  CHECK(refused(integers({0, kFar})) == Errc::BadShape);
  CHECK(refused(integers({-1})) == Errc::BadShape);
  CHECK(refused(integers({1, 1, 1, 1, 1, 1, 1, 1, 1})) == Errc::BadShape);
}

TEST_CASE("EyeLike has ones on a diagonal, in the type that is asked for") {
  const Tensor x(TensorType{DType::i32, {2, 3}});
  CHECK(same_numbers(answer("EyeLike", {}, {x}), Tensor({2, 3}, {1, 0, 0, 0, 1, 0})));
  CHECK(same_numbers(answer("EyeLike", {{"k", Dim{1}}, {"dtype", Dim{1}}}, {x}),
                     Tensor({2, 3}, {0.f, 1.f, 0.f, 0.f, 0.f, 1.f})));
  CHECK(same_numbers(answer("EyeLike", {{"k", Dim{-1}}, {"dtype", Dim{9}}}, {x}),
                     Tensor({2, 3}, {false, false, false, true, false, false})));
  CHECK(same_numbers(answer("EyeLike", {{"k", Dim{kFar}}}, {x}), Tensor({2, 3}, {0, 0, 0, 0, 0, 0})));
  CHECK(same_numbers(answer("EyeLike", {{"k", Dim{-kFar - 1}}}, {x}), Tensor({2, 3}, {0, 0, 0, 0, 0, 0})));
  CHECK(refusal("EyeLike", {{"dtype", Dim{11}}}, {data({2, 2})}) == Errc::Unsupported);
  CHECK(refusal("EyeLike", {}, {data({2, 2, 2})}) == Errc::BadShape);
}

TEST_CASE("Trilu keeps a triangle, the diagonal with it") {
  const Tensor x({3, 3}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f, 9.f});
  const auto kept = [&](Dim upper, std::int64_t k) { return answer("Trilu", {{"upper", upper}}, {x, scalar(k)}); };
  CHECK(same_numbers(answer("Trilu", {}, {x}), Tensor({3, 3}, {1.f, 2.f, 3.f, 0.f, 5.f, 6.f, 0.f, 0.f, 9.f})));
  CHECK(same_numbers(kept(1, 1), Tensor({3, 3}, {0.f, 2.f, 3.f, 0.f, 0.f, 6.f, 0.f, 0.f, 0.f})));
  CHECK(same_numbers(kept(1, -1), Tensor({3, 3}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 0.f, 8.f, 9.f})));
  CHECK(same_numbers(kept(0, 0), Tensor({3, 3}, {1.f, 0.f, 0.f, 4.f, 5.f, 0.f, 7.f, 8.f, 9.f})));
  CHECK(same_numbers(kept(0, 1), Tensor({3, 3}, {1.f, 2.f, 0.f, 4.f, 5.f, 6.f, 7.f, 8.f, 9.f})));
  CHECK(same_numbers(kept(0, -1), Tensor({3, 3}, {0.f, 0.f, 0.f, 4.f, 0.f, 0.f, 7.f, 8.f, 0.f})));
  CHECK(same_numbers(kept(1, kFar), Tensor(TensorType{DType::f32, {3, 3}})));
  CHECK(same_numbers(kept(0, kFar), x));
  CHECK(refusal("Trilu", {}, {data(Shape{3})}) == Errc::BadShape);
}

TEST_CASE("ReverseSequence wants the first two axes") {
  constexpr Dim kMost = std::numeric_limits<Dim>::max();
  for (const auto& [batch, time] : {std::pair<Dim, Dim>{1, 1}, {2, 0}, {kMost, 1}, {2, -1}})
    CHECK(refusal("ReverseSequence", {{"batch_axis", batch}, {"time_axis", time}},
                  {data({2, 2}), given(integers({1, 1}))}) == Errc::BadModel);
}

TEST_CASE("ReverseSequence turns the first elements of each sequence around") {
  const Tensor x({4, 4}, {0.f, 4.f, 8.f, 12.f, 1.f, 5.f, 9.f, 13.f, 2.f, 6.f, 10.f, 14.f, 3.f, 7.f, 11.f, 15.f});
  CHECK(same_numbers(
      answer("ReverseSequence", {}, {x, integers({4, 3, 2, 1})}),
      Tensor({4, 4}, {3.f, 6.f, 9.f, 12.f, 2.f, 5.f, 8.f, 13.f, 1.f, 4.f, 10.f, 14.f, 0.f, 7.f, 11.f, 15.f})));
  CHECK(same_numbers(answer("ReverseSequence", {{"batch_axis", Dim{0}}, {"time_axis", Dim{1}}},
                            {Tensor({2, 3}, {0.f, 1.f, 2.f, 3.f, 4.f, 5.f}), integers({1, 3})}),
                     Tensor({2, 3}, {0.f, 1.f, 2.f, 5.f, 4.f, 3.f})));
  CHECK(refusal("ReverseSequence", {}, {data({3, 2}), given(integers({1, 4}))}) == Errc::BadShape);
  CHECK(refusal("ReverseSequence", {}, {data({3, 2}), given(integers({1}))}) == Errc::BadShape);
  CHECK(refusal("ReverseSequence", {{"time_axis", Dim{1}}}, {data({3, 2}), given(integers({1, 1, 1}))}) ==
        Errc::BadModel);
}

TEST_CASE("Dropout keeps everything, and refuses to train") {
  const Tensor x = list({1.f, 2.f});
  const std::vector<Tensor> kept = answers("Dropout", {}, {x, scalar(0.5f), scalar(false)}, 2);
  CHECK(same_numbers(kept[0], x));
  CHECK(same_numbers(kept[1], list({true, true})));
  CHECK(refusal("Dropout", {}, {data(Shape{2}), absent(), given(scalar(true))}) == Errc::Unsupported);
  CHECK(refusal("Dropout", {}, {data(Shape{2}), given(scalar(0.5f)), given(scalar(true))}) == Errc::Unsupported);
  for (const float zero : {0.f, -0.f})
    CHECK(!refusal("Dropout", {}, {data(Shape{2}), given(scalar(zero)), given(scalar(true))}));
  CHECK(refusal("Dropout", {}, {data(Shape{2}), given(list({0.f, 0.f}))}) == Errc::BadShape);
  CHECK(refusal("Dropout", {}, {data(TensorType{DType::i64, {2}})}) == Errc::Unsupported);
}

TEST_CASE("Size counts elements") {
  CHECK(same_numbers(answer("Size", {}, {Tensor(TensorType{DType::u8, {2, 3}})}), scalar(std::int64_t{6})));
  CHECK(same_numbers(answer("Size", {}, {scalar(1.f)}), scalar(std::int64_t{1})));
}

}  // namespace v0
}  // namespace coverslip
