// Resize in numbers worked by hand, for each way of working out coordinates.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

// One axis, resized to a size or by a scale.
Tensor resized(const Attributes& attributes, const Tensor& x, const Tensor& scales) {
  return answer("Resize", attributes, {x, Tensor(), scales});
}
Tensor resized_to(const Attributes& attributes, const Tensor& x, std::int64_t size) {
  return answer("Resize", attributes, {x, Tensor(), Tensor(), integers({size})});
}
Attributes ways(const char* mode, const char* coordinates, const char* nearest = "round_prefer_floor") {
  return {{"mode", std::string(mode)},
          {"coordinate_transformation_mode", std::string(coordinates)},
          {"nearest_mode", std::string(nearest)}};
}

}  // namespace

TEST_CASE("nearest rounds places as its mode says") {
  const Tensor x = list({1.f, 2.f}), twice = list({2.f});
  CHECK(same_numbers(resized({}, x, twice), list({1.f, 1.f, 2.f, 2.f})));
  CHECK(same_numbers(resized(ways("nearest", "asymmetric", "floor"), x, twice), list({1.f, 1.f, 2.f, 2.f})));
  CHECK(same_numbers(resized(ways("nearest", "asymmetric", "ceil"), x, twice), list({1.f, 2.f, 2.f, 2.f})));
  CHECK(same_numbers(resized(ways("nearest", "asymmetric"), x, twice), list({1.f, 1.f, 2.f, 2.f})));
  CHECK(
      same_numbers(resized(ways("nearest", "asymmetric", "round_prefer_ceil"), x, twice), list({1.f, 2.f, 2.f, 2.f})));
  const Tensor picture({1, 1, 2, 4}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f});
  CHECK(same_numbers(resized({}, picture, list({1.f, 1.f, 0.6f, 0.6f})), Tensor({1, 1, 1, 2}, {1.f, 3.f})));
}

TEST_CASE("linear mixes the two nearest along each axis") {
  const Tensor x({1, 1, 2, 2}, {1.f, 2.f, 3.f, 4.f});
  const Tensor y({1, 1, 4, 4}, {1.f, 1.25f, 1.75f, 2.f, 1.5f, 1.75f, 2.25f, 2.5f,  //
                                2.5f, 2.75f, 3.25f, 3.5f, 3.f, 3.25f, 3.75f, 4.f});
  CHECK(same_numbers(resized(ways("linear", "half_pixel"), x, list({1.f, 1.f, 2.f, 2.f})), y));
}

TEST_CASE("coordinates are worked out by ONNX's formulas") {
  CHECK(same_numbers(resized_to(ways("linear", "align_corners"), list({1.f, 4.f}), 4), list({1.f, 2.f, 3.f, 4.f})));
  CHECK(same_numbers(resized_to(ways("linear", "align_corners"), list({5.f, 7.f}), 1), list({5.f})));
  CHECK(same_numbers(resized_to(ways("linear", "asymmetric"), list({1.f, 3.f}), 4), list({1.f, 2.f, 3.f, 3.f})));
  CHECK(same_numbers(resized_to(ways("linear", "half_pixel"), list({1.f, 2.f, 3.f}), 1), list({2.f})));
  CHECK(same_numbers(resized_to(ways("linear", "pytorch_half_pixel"), list({1.f, 2.f, 3.f}), 1), list({1.f})));
  const Tensor symmetric = resized(ways("linear", "half_pixel_symmetric"), list({1.f, 2.f, 3.f, 4.f}), list({0.6f}));
  CHECK(same_numbers(symmetric, list({1.6666667f, 3.3333333f}), 1e-6));
}

TEST_CASE("Resize refuses what it cannot do") {
  const Operand x = data({1, 1, 4, 4});
  const auto scales = [](float h) { return given(Tensor({4}, {1.f, 1.f, h, 1.f})); };
  CHECK(refusal("Resize", {}, {x, absent(), scales(0)}) == Errc::BadShape);
  CHECK(refusal("Resize", {}, {x, absent(), scales(1e30f)}) == Errc::BadShape);
  CHECK(refusal("Resize", {}, {x, absent(), scales(std::numeric_limits<float>::quiet_NaN())}) == Errc::BadShape);
  CHECK(refusal("Resize", {}, {x, absent(), data({4})}) == Errc::Unsupported);
  CHECK(refusal("Resize", {}, {x}) == Errc::BadShape);
  CHECK(refusal("Resize", {}, {x, absent(), absent(), given(integers({1, 1, -4, 4}))}) == Errc::BadShape);
  CHECK(refusal("Resize", {{"mode", std::string("cubic")}}, {x, absent(), scales(2)}) == Errc::Unsupported);
  CHECK(refusal("Resize", {{"antialias", Dim{1}}}, {x, absent(), scales(2)}) == Errc::Unsupported);
}

}  // namespace v0
}  // namespace coverslip
