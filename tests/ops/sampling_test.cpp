// Operators that take numbers from between the elements of a picture, in numbers worked by hand.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

using List = std::vector<Dim>;

Attributes sampling(const char* mode, const char* padding, bool align = false) {
  return {{"mode", std::string(mode)}, {"padding_mode", std::string(padding)}, {"align_corners", Dim{align}}};
}
// A line of 4, sampled at such coordinates.
Tensor sampled(const Attributes& attributes, std::initializer_list<float> at) {
  const Tensor x({1, 1, 4}, {1.f, 2.f, 4.f, 8.f});
  const auto n = static_cast<Dim>(at.size());
  const Tensor y = answer("GridSample", attributes, {x, Tensor({1, n, 1}, at)});
  REQUIRE(y.shape() == Shape{1, 1, n});
  Tensor flat({DType::f32, {n}});
  std::memcpy(flat.data(), y.data(), y.type().bytes());
  return flat;
}

}  // namespace

TEST_CASE("GridSample mixes the elements around a place, from the middles or the corners of the outermost") {
  // Element i of 4 is at (2 i + 1) / 4 - 1, or with align_corners at 2 i / 3 - 1.
  CHECK(same_numbers(sampled(sampling("linear", "zeros"), {-.75f, -.5f, .25f, 1.f, -1.25f}),
                     list({1.f, 1.5f, 4.f, 4.f, 0.f})));
  CHECK(same_numbers(sampled(sampling("linear", "zeros", true), {-1.f, 0.f, 1.f}), list({1.f, 3.f, 8.f})));
  CHECK(same_numbers(sampled(sampling("bilinear", "border"), {-1.f, 1.f, 9.f}), list({1.f, 8.f, 8.f})));
  CHECK(same_numbers(sampled(sampling("linear", "reflection"), {-1.25f, 1.5f}), list({1.f, 6.f})));
  CHECK(same_numbers(sampled(sampling("linear", "reflection", true), {-1.f, 2.f}), list({1.f, 3.f}), 1e-6));
}

TEST_CASE("GridSample takes the nearest element, the even one of two") {
  CHECK(same_numbers(sampled(sampling("nearest", "zeros"), {-.5f, 0.f, .5f, .8f, 1.1f}),
                     list({1.f, 4.f, 4.f, 8.f, 0.f})));
  CHECK(same_numbers(sampled(sampling("nearest", "border"), {-7.f, 7.f}), list({1.f, 8.f})));
}

TEST_CASE("GridSample's cubic is that of a = -0.75") {
  // Half way between the second and third: (-3, 19, 19, -3) / 32.
  CHECK(same_numbers(sampled(sampling("cubic", "zeros"), {0.f}), list({(-3 * 1 + 19 * 2 + 19 * 4 - 3 * 8) / 32.f})));
  CHECK(same_numbers(sampled(sampling("bicubic", "border"), {-.5f, -2.f}),
                     list({(-3 * 1 + 19 * 1 + 19 * 2 - 3 * 4) / 32.f, 1.f})));
}

TEST_CASE("GridSample's coordinates begin with the last axis, and nothing is read where nothing counts") {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const Tensor x({1, 1, 2, 2}, {1.f, 2.f, 3.f, kNaN});
  const Tensor grid({1, 1, 3, 2}, {1.f, -1.f, -1.f, 1.f, kNaN, 0.f});
  CHECK(same_numbers(answer("GridSample", sampling("linear", "zeros", true), {x, grid}),
                     Tensor({1, 1, 1, 3}, {2.f, 3.f, 0.f})));
  CHECK(refusal("GridSample", {}, {data({1, 1, 2, 2}), data({1, 1, 3, 3})}) == Errc::BadShape);
  CHECK(refusal("GridSample", sampling("quintic", "zeros"), {data({1, 1, 2}), data({1, 3, 1})}) == Errc::BadModel);
  CHECK(refusal("GridSample", {}, {data(TensorType{DType::u8, {1, 1, 2}}), data({1, 3, 1})}) == Errc::Unsupported);
}

TEST_CASE("DeformConv moves its taps") {
  const Tensor x({1, 1, 4}, {1.f, 2.f, 4.f, 8.f}), w({1, 1, 2}, {1.f, 10.f}), bias = list({100.f});
  const auto offsets = [](std::initializer_list<float> numbers) { return Tensor({1, 2, 3}, numbers); };
  CHECK(same_numbers(answer("DeformConv", {}, {x, w, offsets({0, 0, 0, 0, 0, 0})}),
                     Tensor({1, 1, 3}, {21.f, 42.f, 84.f})));
  CHECK(same_numbers(answer("DeformConv", {}, {x, w, offsets({.5f, 0, -9, 0, 0, .5f}), bias}),
                     Tensor({1, 1, 3}, {121.5f, 142.f, 140.f})));
  CHECK(same_numbers(
      answer("DeformConv", {},
             {x, w, offsets({0, 0, 0, 0, 0, 0}), Tensor(), Tensor({1, 2, 3}, {1.f, 2.f, 0.f, 0.f, .5f, 1.f})}),
      Tensor({1, 1, 3}, {1.f, 24.f, 80.f})));
  CHECK(refusal("DeformConv", {}, {data({1, 1, 4}), data({1, 1, 2}), data({1, 1, 3})}) == Errc::BadShape);
}

TEST_CASE("RoiAlign averages samples of each bin, or takes the most of their corners") {
  const Tensor x({1, 1, 2, 4}, {0.f, 1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f});
  const Tensor picture = integers({0}), other = integers({7});
  const auto region = [](float x1, float y1, float x2, float y2) { return Tensor({1, 4}, {x1, y1, x2, y2}); };
  Attributes attributes{{"output_width", Dim{2}}, {"sampling_ratio", Dim{1}}};
  // Bins of 1.5 x 2 from (0, 0), of which half a pixel is taken: samples at 0.25 and 1.75, half way down.
  CHECK(same_numbers(answer("RoiAlign", attributes, {x, region(0, 0, 3, 2), picture}),
                     Tensor({1, 1, 1, 2}, {2.25f, 3.75f})));
  attributes["coordinate_transformation_mode"] = std::string("output_half_pixel");
  CHECK(same_numbers(answer("RoiAlign", attributes, {x, region(0, 0, 3, 1), picture}),
                     Tensor({1, 1, 1, 2}, {2.75f, 4.25f})));
  CHECK(same_numbers(answer("RoiAlign", attributes, {x, region(9, 0, 12, 1), picture}),
                     Tensor({1, 1, 1, 2}, {0.f, 0.f})));
  CHECK(same_numbers(answer("RoiAlign", attributes, {x, region(0, 0, 3, 1), other}), Tensor({1, 1, 1, 2}, {0.f, 0.f})));
  attributes["mode"] = std::string("max");
  CHECK(same_numbers(answer("RoiAlign", attributes, {x, region(0, 0, 3, 1), picture}),
                     Tensor({1, 1, 1, 2}, {1.875f, 2.25f})));
  CHECK(refusal("RoiAlign", {}, {data({1, 1, 4}), data({1, 4}), given(picture)}) == Errc::BadShape);
}

}  // namespace v0
}  // namespace coverslip
