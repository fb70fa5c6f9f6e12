// ArgMax, ArgMin, TopK, CumSum and CumProd in numbers worked by hand.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

// The place that is found in a list, by the reference and every kernel.
std::int64_t place(const char* op, const Tensor& x, Dim last = 0) {
  const Tensor y = answer(op, {{"keepdims", Dim{0}}, {"select_last_index", last}}, {x});
  CHECK(y.shape() == Shape{});
  return y.values<std::int64_t>()[0];
}

// Values and Indices, as the reference and every candidate make them.
std::vector<Tensor> top(const Tensor& x, std::int64_t k, Attributes attributes = {}) {
  const Case c{"TopK", std::move(attributes), {given(x), given(integers({k}))}, false, 2};
  const Sample sample(*find_op(c.op), c);
  std::vector<Tensor> want = sample.references();
  const Box all(want[0].shape());
  for (const KernelTable* kernels : supported_kernels())
    for (const Step& step : sample.candidates(*kernels)) {
      INFO(std::string(kernels->name));
      Buffer values = sample.make_output(step, all, Room::Padded);
      std::list<Buffer> places = sample.make_others(step, Room::Padded);
      sample.run(step, sample.feed(step, all, Room::Padded).views, values.view, places, all);
      CHECK(same_elements(values.view, want[0].view(), all));
      CHECK(same_elements(places.front().view, want[1].view(), all));
    }
  return want;
}

Tensor running(const char* op, const Tensor& x, std::int64_t axis, Dim exclusive = 0, Dim reverse = 0) {
  return answer(op, {{"exclusive", exclusive}, {"reverse", reverse}}, {x, Tensor(Shape{}, {axis})});
}

}  // namespace

TEST_CASE("ArgMax and ArgMin find the first of equals, or the last where it is asked for") {
  const Tensor x = list({2.f, 7.f, -1.f, 7.f, -1.f, 3.f});
  CHECK(place("ArgMax", x) == 1);
  CHECK(place("ArgMax", x, 1) == 3);
  CHECK(place("ArgMin", x) == 2);
  CHECK(place("ArgMin", x, 1) == 4);
  Tensor many({DType::f32, {100}});
  CHECK(place("ArgMax", many) == 0);
  CHECK(place("ArgMax", many, 1) == 99);
  many.values<float>()[77] = -1;
  CHECK(place("ArgMin", many) == 77);
}

TEST_CASE("ArgMax along an axis keeps it or not") {
  const Tensor x({2, 3}, {1.f, 9.f, 2.f, 8.f, 0.f, 3.f});
  CHECK(same_numbers(answer("ArgMax", {}, {x}), Tensor({1, 3}, {std::int64_t{1}, std::int64_t{0}, std::int64_t{1}})));
  CHECK(same_numbers(answer("ArgMax", {{"axis", Dim{-1}}, {"keepdims", Dim{0}}}, {x}), integers({1, 0})));
}

TEST_CASE("NaN is more than the most and less than the least") {
  CHECK(place("ArgMax", list({1.f, kNaN, kInfinity, kNaN})) == 1);
  CHECK(place("ArgMin", list({1.f, kNaN, -kInfinity, kNaN})) == 1);
  CHECK(place("ArgMax", list({kNaN, 5.f, kNaN, 1.f}), 1) == 2);
  const auto best = top(list({1.f, kNaN, 3.f, kInfinity}), 3);
  CHECK(same_numbers(best[0], list({kNaN, kInfinity, 3.f})));
  CHECK(same_numbers(best[1], integers({1, 3, 2})));
  CHECK(same_numbers(top(list({1.f, kNaN, 3.f}), 3, {{"largest", Dim{0}}})[1], integers({0, 2, 1})));
}

TEST_CASE("ArgMax finds integers that no float holds") {
  constexpr std::int64_t kBig = std::int64_t{1} << 53;
  CHECK(place("ArgMax", integers({kBig, kBig + 1})) == 1);
  CHECK(place("ArgMin", list({std::uint8_t{200}, std::uint8_t{100}})) == 1);
}

TEST_CASE("TopK gives the best first, and of equals the first") {
  const Tensor x = list({3.f, 1.f, 4.f, 1.f, 5.f, 4.f});
  CHECK(same_numbers(top(x, 4)[0], list({5.f, 4.f, 4.f, 3.f})));
  CHECK(same_numbers(top(x, 4)[1], integers({4, 2, 5, 0})));
  CHECK(same_numbers(top(x, 3, {{"largest", Dim{0}}})[0], list({1.f, 1.f, 3.f})));
  CHECK(same_numbers(top(x, 3, {{"largest", Dim{0}}})[1], integers({1, 3, 0})));
  const Tensor rows({2, 2}, {1.f, 8.f, 3.f, 2.f});
  CHECK(same_numbers(top(rows, 1, {{"axis", Dim{0}}})[0], Tensor({1, 2}, {3.f, 8.f})));
  CHECK(top(x, 0)[0].shape() == Shape{0});
  // Those that are better stand late, at the ends of vectors and past them.
  Tensor many({DType::f32, {101}});
  std::int64_t place = 0;
  for (float& each : many.values<float>()) each = -1 - static_cast<float>(place++ % 7);
  many.values<float>()[31] = 5;
  many.values<float>()[32] = kNaN;
  many.values<float>()[100] = 6;
  CHECK(same_numbers(top(many, 4)[0], list({kNaN, 6.f, 5.f, -1.f})));
  CHECK(same_numbers(top(many, 4)[1], integers({32, 100, 31, 0})));
  CHECK(same_numbers(top(many, 3, {{"largest", Dim{0}}})[1], integers({6, 13, 20})));
  CHECK(same_numbers(answer("TopK", {}, {x, integers({2})}), list({5.f, 4.f})));
}

TEST_CASE("CumSum adds up to each place, without it where exclusive, from the end where reverse") {
  const Tensor x = list({1.f, 2.f, 3.f});
  CHECK(same_numbers(running("CumSum", x, 0), list({1.f, 3.f, 6.f})));
  CHECK(same_numbers(running("CumSum", x, 0, 1), list({0.f, 1.f, 3.f})));
  CHECK(same_numbers(running("CumSum", x, 0, 0, 1), list({6.f, 5.f, 3.f})));
  CHECK(same_numbers(running("CumSum", x, -1, 1, 1), list({5.f, 3.f, 0.f})));
  CHECK(same_numbers(running("CumSum", Tensor({2, 2}, {1.f, 2.f, 3.f, 4.f}), 0), Tensor({2, 2}, {1.f, 2.f, 4.f, 6.f})));
  CHECK(same_numbers(running("CumSum", list({INT32_MAX, 1}), 0), list({INT32_MAX, INT32_MIN})));
}

TEST_CASE("running sums go on in wider numbers, and NaN and infinity spread from where they stand") {
  constexpr float kMost = std::numeric_limits<float>::max();
  CHECK(same_numbers(running("CumSum", list({16777216.f, 1.f, 1.f}), 0), list({16777216.f, 16777216.f, 16777218.f})));
  CHECK(same_numbers(running("CumProd", list({kMost, 2.f, 0.25f}), 0), list({kMost, kInfinity, kMost / 2})));
  const Tensor columns({3, 3}, {1.f, kNaN, kInfinity, 2.f, 1.f, 1.f, 3.f, 1.f, -kInfinity});
  CHECK(same_numbers(running("CumSum", columns, 0),
                     Tensor({3, 3}, {1.f, kNaN, kInfinity, 3.f, kNaN, kInfinity, 6.f, kNaN, kNaN})));
  CHECK(same_numbers(running("CumSum", columns, 0, 1, 1),
                     Tensor({3, 3}, {5.f, 2.f, -kInfinity, 3.f, 1.f, -kInfinity, 0.f, 0.f, 0.f})));
}

TEST_CASE("CumProd multiplies up to each place") {
  const Tensor x = list({2.f, 3.f, 4.f});
  CHECK(same_numbers(running("CumProd", x, 0), list({2.f, 6.f, 24.f})));
  CHECK(same_numbers(running("CumProd", x, 0, 1), list({1.f, 2.f, 6.f})));
  CHECK(same_numbers(running("CumProd", x, 0, 1, 1), list({12.f, 4.f, 1.f})));
}

TEST_CASE("LpNormalization divides by the norm of its line, and leaves zeros as they are") {
  const Tensor x({2, 2}, {3.f, 4.f, 0.f, 0.f});
  CHECK(same_numbers(answer("LpNormalization", {}, {x}), Tensor({2, 2}, {0.6f, 0.8f, 0.f, 0.f})));
  CHECK(same_numbers(answer("LpNormalization", {{"p", Dim{1}}, {"axis", Dim{0}}}, {Tensor({2, 1}, {-1.f, 3.f})}),
                     Tensor({2, 1}, {-0.25f, 0.75f})));
  CHECK(refusal("LpNormalization", {{"p", Dim{3}}}, {data({2})}) == Errc::Unsupported);
}

TEST_CASE("what asks for places refuses what has none") {
  CHECK(refusal("ArgMax", {}, {data({0, 2})}) == Errc::BadShape);
  CHECK(refusal("ArgMax", {}, {data(TensorType{DType::boolean, {2}})}) == Errc::Unsupported);
  CHECK(refusal("TopK", {}, {data({3}), given(integers({4}))}) == Errc::BadShape);
  CHECK(refusal("TopK", {}, {data({3}), given(integers({-1}))}) == Errc::BadShape);
  CHECK(refusal("CumSum", {}, {data({3}), given(integers({1}))}) == Errc::BadModel);
  CHECK(refusal("CumSum", {}, {data(TensorType{DType::u8, {3}}), given(integers({0}))}) == Errc::Unsupported);
}

}  // namespace v0
}  // namespace coverslip
