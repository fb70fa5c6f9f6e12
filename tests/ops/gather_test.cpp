// Gather, GatherElements, GatherND, the Scatters, OneHot, Compress and NonZero, with the examples of ONNX's text.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();

Tensor table(std::initializer_list<std::int64_t> numbers, const Shape& shape) { return Tensor(shape, numbers); }
const Tensor kSquare({2, 2}, {1.f, 2.f, 3.f, 4.f});
const Tensor kNine({3, 3}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f, 9.f});
const Tensor kEight({2, 2, 2}, {0.f, 1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f});
Attributes along(Dim axis) { return {{"axis", axis}}; }

}  // namespace

TEST_CASE("Gather takes slices along an axis in the order of its indices") {
  CHECK(same_numbers(answer("Gather", {}, {integers({7, 8, 9}), integers({-1, 0})}), integers({9, 7})));
  CHECK(same_numbers(answer("Gather", along(1), {kSquare, Tensor({}, {std::int64_t{1}})}), list({2.f, 4.f})));
  const Tensor x({3, 2}, {1.f, 1.2f, 2.3f, 3.4f, 4.5f, 5.7f});
  CHECK(same_numbers(answer("Gather", {}, {x, table({0, 1, 1, 2}, {2, 2})}),
                     Tensor({2, 2, 2}, {1.f, 1.2f, 2.3f, 3.4f, 2.3f, 3.4f, 4.5f, 5.7f})));
  const Tensor y({3, 3}, {1.f, 1.2f, 1.9f, 2.3f, 3.4f, 3.9f, 4.5f, 5.7f, 5.9f});
  CHECK(same_numbers(answer("Gather", along(1), {y, table({0, 2}, {1, 2})}),
                     Tensor({3, 1, 2}, {1.f, 1.9f, 2.3f, 3.9f, 4.5f, 5.9f})));
}

TEST_CASE("indices that are known are refused where they lie outside, those from data mean the nearest inside") {
  CHECK(refusal("Gather", {}, {data({2}), given(integers({2}))}) == Errc::BadShape);
  CHECK(refusal("Gather", {}, {data({2}), given(integers({-3}))}) == Errc::BadShape);
  CHECK(refusal("Gather", {}, {data(Shape{0}), data(TensorType{DType::i64, {1}})}) == Errc::BadShape);
  CHECK(refusal("GatherElements", {}, {data({2}), given(integers({2}))}) == Errc::BadShape);
  CHECK(refusal("GatherND", {}, {data({2, 2}), given(integers({0, 2}))}) == Errc::BadShape);
  CHECK(refusal("ScatterND", {}, {data({2, 2}), given(integers({0, -3})), data(Shape{})}) == Errc::BadShape);
  CHECK(refusal("ScatterElements", {}, {data({2}), given(integers({5})), data(Shape{1})}) == Errc::BadShape);

  const OpDef* gather = find_op("Gather");
  const Tensor x = list({1.f, 2.f, 3.f}), wild = integers({kFar, -kFar - 1, -4, 3, 1});
  Tensor y({DType::f32, {5}});
  const std::vector<View> views{x.view(), wild.view()};
  View out = y.view();
  gather->reference({.op = "Gather", .name = "wild", .inputs = {0, 1}, .outputs = {2}}, views, {&out, 1});
  CHECK(same_numbers(y, list({3.f, 1.f, 1.f, 3.f, 2.f})));
}

TEST_CASE("GatherElements takes each element from where its index says along the axis") {
  CHECK(same_numbers(answer("GatherElements", along(1), {kSquare, table({0, 0, 1, 0}, {2, 2})}),
                     Tensor({2, 2}, {1.f, 1.f, 4.f, 3.f})));
  CHECK(same_numbers(answer("GatherElements", {}, {kNine, table({1, 2, 0, 2, 0, 0}, {2, 3})}),
                     Tensor({2, 3}, {4.f, 8.f, 3.f, 7.f, 2.f, 3.f})));
  CHECK(same_numbers(answer("GatherElements", {}, {kNine, table({-1, -2, 0, -2, 0, 0}, {2, 3})}),
                     Tensor({2, 3}, {7.f, 5.f, 3.f, 4.f, 2.f, 3.f})));
  const TensorType wide{DType::i64, {2, 4}};
  CHECK(refusal("GatherElements", {}, {data({3, 3}), data(wide)}) == Errc::BadShape);
  CHECK(refusal("GatherElements", {}, {data({3, 3}), data(TensorType{DType::i64, {2}})}) == Errc::BadShape);
  CHECK(refusal("GatherElements", {}, {data({3, 3}), data(Shape{3, 3})}) == Errc::BadShape);
}

TEST_CASE("GatherND takes a slice for each tuple of indices") {
  const Tensor square({2, 2}, {0.f, 1.f, 2.f, 3.f});
  CHECK(same_numbers(answer("GatherND", {}, {square, table({0, 0, 1, 1}, {2, 2})}), list({0.f, 3.f})));
  CHECK(same_numbers(answer("GatherND", {}, {square, table({1, 0}, {2, 1})}), Tensor({2, 2}, {2.f, 3.f, 0.f, 1.f})));
  CHECK(same_numbers(answer("GatherND", {}, {kEight, table({0, 1, 1, 0}, {2, 2})}),
                     Tensor({2, 2}, {2.f, 3.f, 4.f, 5.f})));
  CHECK(same_numbers(answer("GatherND", {}, {kEight, table({0, 1, 1, 0}, {2, 1, 2})}),
                     Tensor({2, 1, 2}, {2.f, 3.f, 4.f, 5.f})));
  CHECK(same_numbers(answer("GatherND", {{"batch_dims", Dim{1}}}, {kEight, table({1, 0}, {2, 1})}),
                     Tensor({2, 2}, {2.f, 3.f, 4.f, 5.f})));
  const auto refused = [](Dim batch, const Shape& indices) {
    return refusal("GatherND", {{"batch_dims", batch}}, {data({2, 3}), data(TensorType{DType::i64, indices})});
  };
  CHECK(!refused(1, {2, 1}));
  CHECK(refused(1, {3, 1}) == Errc::BadShape);
  CHECK(refused(2, {2, 1}) == Errc::BadShape);
  CHECK(refused(0, {2, 3}) == Errc::BadShape);
  CHECK(refused(0, {2, 0}) == Errc::BadShape);
  CHECK(refused(0, {}) == Errc::BadShape);
}

TEST_CASE("ScatterElements puts each update where its index says along the axis") {
  const Tensor zeros(TensorType{DType::f32, {3, 3}}), updates({2, 3}, {1.f, 1.1f, 1.2f, 2.f, 2.1f, 2.2f});
  const Tensor want({3, 3}, {2.f, 1.1f, 0.f, 1.f, 0.f, 2.2f, 0.f, 2.1f, 1.2f});
  for (const char* op : {"ScatterElements", "Scatter"})
    CHECK(same_numbers(answer(op, {}, {zeros, table({1, 0, 2, 0, 2, 1}, {2, 3}), updates}), want));
  const Tensor row({1, 5}, {1.f, 2.f, 3.f, 4.f, 5.f}), two({1, 2}, {1.1f, 2.1f});
  CHECK(same_numbers(answer("ScatterElements", along(1), {row, table({1, -3}, {1, 2}), two}),
                     Tensor({1, 5}, {1.f, 1.1f, 2.1f, 4.f, 5.f})));
  const auto reduced = [&](const char* how) {
    return answer("ScatterElements", {{"axis", Dim{1}}, {"reduction", std::string(how)}},
                  {row, table({1, 1}, {1, 2}), two});
  };
  CHECK(same_numbers(reduced("add"), Tensor({1, 5}, {1.f, 5.2f, 3.f, 4.f, 5.f}), 1e-6));
  CHECK(same_numbers(reduced("mul"), Tensor({1, 5}, {1.f, 4.62f, 3.f, 4.f, 5.f}), 1e-6));
  CHECK(same_numbers(reduced("max"), Tensor({1, 5}, {1.f, 2.1f, 3.f, 4.f, 5.f})));
  CHECK(same_numbers(reduced("min"), Tensor({1, 5}, {1.f, 1.1f, 3.f, 4.f, 5.f})));
  CHECK(same_numbers(reduced("none"), Tensor({1, 5}, {1.f, 2.1f, 3.f, 4.f, 5.f})));  // the last of several
  const Tensor bytes = list<std::uint8_t>({250, 7}), more = list<std::uint8_t>({10, 100});
  CHECK(same_numbers(answer("ScatterElements", {{"reduction", std::string("add")}}, {bytes, integers({0, 1}), more}),
                     list<std::uint8_t>({4, 107})));
}

TEST_CASE(
    "ScatterElements is cut along all axes but the one along which it looks, ScatterND along those of its slices") {
  const auto cut_axes = [](const Case& c) {
    const Sample sample(*find_op(c.op), c);
    const std::vector<Step> candidates = sample.candidates(*supported_kernels().front());
    std::vector<std::size_t> axes;
    for (const Cut& cut : candidates.at(0).cuts) axes.push_back(cut.axis);
    std::ranges::sort(axes);
    return axes;
  };
  const Operand indices = data(TensorType{DType::i64, {2, 1, 4}}), tuple = data(TensorType{DType::i64, {5, 1}});
  CHECK(cut_axes({"ScatterElements", along(1), {data({2, 3, 4}), indices, data({2, 1, 4})}}) ==
        std::vector<std::size_t>{0, 2});
  CHECK(cut_axes({"ScatterND", {}, {data({2, 3, 4}), tuple, data({5, 3, 4})}}) == std::vector<std::size_t>{1, 2});
}

TEST_CASE("a reduction keeps what is not a number") {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (const char* how : {"add", "mul", "max", "min"}) {
    const Tensor y = answer("ScatterElements", {{"reduction", std::string(how)}},
                            {list({kNaN, 1.f}), integers({0, 1}), list({1.f, kNaN})});
    CHECK(same_numbers(y, list({kNaN, kNaN})));
  }
}

TEST_CASE("ScatterND puts a slice where each tuple of indices says") {
  const Tensor line = list({1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f}), four = list({9.f, 10.f, 11.f, 12.f});
  CHECK(same_numbers(answer("ScatterND", {}, {line, table({4, 3, 1, 7}, {4, 1}), four}),
                     list({1.f, 11.f, 3.f, 10.f, 9.f, 6.f, 7.f, 12.f})));
  const auto reduced = [&](const char* how) {
    return answer("ScatterND", {{"reduction", std::string(how)}},
                  {kSquare, table({0, 0}, {2, 1}), Tensor({2, 2}, {5.f, 1.f, 2.f, 3.f})});
  };
  CHECK(same_numbers(reduced("none"), Tensor({2, 2}, {2.f, 3.f, 3.f, 4.f})));
  CHECK(same_numbers(reduced("add"), Tensor({2, 2}, {8.f, 6.f, 3.f, 4.f})));
  CHECK(same_numbers(reduced("mul"), Tensor({2, 2}, {10.f, 6.f, 3.f, 4.f})));
  CHECK(same_numbers(reduced("max"), Tensor({2, 2}, {5.f, 3.f, 3.f, 4.f})));
  CHECK(same_numbers(reduced("min"), Tensor({2, 2}, {1.f, 1.f, 3.f, 4.f})));
  CHECK(refusal("ScatterND", {}, {data({2, 2}), given(integers({0})), data({2, 2})}) == Errc::BadShape);
  CHECK(refusal("ScatterND", {{"reduction", std::string("sub")}},
                {data({2, 2}), given(integers({0})), data(Shape{2})}) == Errc::Unsupported);
  const TensorType flag{DType::boolean, {2}};
  CHECK(refusal("ScatterElements", {{"reduction", std::string("add")}},
                {data(flag), given(integers({0, 1})), data(flag)}) == Errc::Unsupported);
}

TEST_CASE("OneHot switches one place on along a new axis") {
  const Tensor values = integers({2, 5});
  CHECK(same_numbers(answer("OneHot", {}, {integers({0, 2}), Tensor({}, {3.f}), values}),
                     table({5, 2, 2, 2, 2, 5}, {2, 3})));
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max(), kLeast = -kMost - 1;
  CHECK(same_numbers(answer("OneHot", {}, {integers({kMost, kLeast}), Tensor({}, {2.f}), values}),
                     table({2, 2, 2, 2}, {2, 2})));
  CHECK(same_numbers(answer("OneHot", along(0), {integers({0, -1}), Tensor({}, {std::int64_t{3}}), values}),
                     table({5, 2, 2, 2, 2, 5}, {3, 2})));
  CHECK(same_numbers(answer("OneHot", along(1), {list({5.f, -6.f, -1.f}), Tensor({1}, {5.f}), list({1.f, 3.f})}),
                     Tensor({3, 5}, {1.f, 1.f, 1.f, 1.f, 1.f, 1.f, 1.f, 1.f, 1.f, 1.f, 1.f, 1.f, 1.f, 1.f, 3.f})));
  const auto refused = [&](std::int64_t depth, Dim axis) {
    return refusal("OneHot", along(axis), {data({2, 3}), given(integers({depth})), data(Shape{2})});
  };
  CHECK(!refused(4, -3));
  CHECK(refused(0, 0) == Errc::BadShape);
  CHECK(refused(kFar, 0) == Errc::BadShape);
  CHECK(refused(4, 3) == Errc::BadModel);
}

TEST_CASE("Compress keeps what its condition says") {
  const Tensor x({3, 2}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f});
  CHECK(
      same_numbers(answer("Compress", along(0), {x, list({false, true, true})}), Tensor({2, 2}, {3.f, 4.f, 5.f, 6.f})));
  CHECK(same_numbers(answer("Compress", along(-1), {x, list({false, true})}), Tensor({3, 1}, {2.f, 4.f, 6.f})));
  CHECK(same_numbers(answer("Compress", {}, {x, list({false, true, false, false, true})}), list({2.f, 5.f})));
  CHECK(refusal("Compress", along(1), {data({3, 2}), given(list({true, true, true}))}) == Errc::BadShape);
  CHECK(refusal("Compress", {}, {data({3, 2}), given(list({1.f}))}) == Errc::BadShape);
}

TEST_CASE("NonZero tells the places of what is not zero, axis by axis") {
  CHECK(same_numbers(answer("NonZero", {}, {Tensor({2, 2}, {true, false, true, true})}),
                     table({0, 1, 1, 0, 0, 1}, {2, 3})));
  CHECK(same_numbers(answer("NonZero", {}, {list({-0.f, std::numeric_limits<float>::denorm_min(), 0.f})}),
                     table({1}, {1, 1})));
  CHECK(answer("NonZero", {}, {Tensor({}, {2.f})}).shape() == Shape{0, 1});
  CHECK(answer("NonZero", {}, {Tensor({}, {0.f})}).shape() == Shape{0, 0});
}

}  // namespace v0
}  // namespace coverslip
