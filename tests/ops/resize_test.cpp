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
  // The length of the output is that by the scale, 2.4, not the 2 elements that fit: the second lies at 3 / 1.4.
  const Tensor corners = resized(ways("linear", "align_corners"), list({1.f, 2.f, 3.f, 4.f}), list({0.6f}));
  CHECK(same_numbers(corners, list({1.f, 3.1428571f}), 1e-6));
}

TEST_CASE("cubic is that of cubic_coeff_a, and may leave out what lies outside") {
  const Tensor x = list({1.f, 2.f, 4.f, 8.f});
  // Half way between the second and third: (-3, 19, 19, -3) / 32, or with a = -0.5 (-1, 9, 9, -1) / 16.
  CHECK(same_numbers(resized_to(ways("cubic", "half_pixel"), x, 1), list({(-3 + 38 + 76 - 24) / 32.f})));
  Attributes attributes = ways("cubic", "half_pixel");
  attributes["cubic_coeff_a"] = -.5f;
  CHECK(same_numbers(resized_to(attributes, x, 1), list({(-1 + 18 + 36 - 8) / 16.f})));
  attributes = ways("cubic", "asymmetric");
  CHECK(same_numbers(resized(attributes, x, list({.5f})), list({1.f, 4.f})));
  const Tensor two = list({1.f, 2.f});
  CHECK(same_numbers(resized_to(ways("cubic", "half_pixel"), two, 1), list({1.5f})));
  attributes = ways("linear", "half_pixel");
  attributes["exclude_outside"] = Dim{1};
  CHECK(same_numbers(resized(attributes, two, list({2.f})), list({1.f, 1.25f, 1.75f, 2.f})));
}

TEST_CASE("antialias widens the filter where the picture shrinks, and changes nothing where it grows") {
  Attributes attributes = ways("linear", "half_pixel");
  attributes["antialias"] = Dim{1};
  // Output 0 lies at 0.5 and reaches over 2: elements -1 to 2 count 1, 3, 3 and 1, and that before the first is it.
  CHECK(same_numbers(resized_to(attributes, list({1.f, 2.f, 4.f, 8.f}), 2), list({14 / 8.f, 46 / 8.f})));
  CHECK(same_numbers(resized(attributes, list({1.f, 2.f}), list({2.f})), list({1.f, 1.25f, 1.75f, 2.f})));
}

TEST_CASE("a place that is a whole number is that element, whatever it is divided by") {
  // 49 / 49 * 49 is less than 1 if the quotient is rounded first.
  const auto line = [](Dim n) {
    Tensor t({DType::f32, {n}});
    for (Dim i = 0; i < n; ++i) t.values<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i);
    return t;
  };
  for (const Dim scale : {3, 7, 49, 98, 103, 107}) {
    CAPTURE(scale);
    Tensor want({DType::f32, {3 * scale}});
    for (Dim i = 0; i < 3 * scale; ++i)
      want.values<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i / scale);
    CHECK(same_numbers(resized(ways("nearest", "asymmetric", "floor"), line(3), list({static_cast<float>(scale)})),
                       want));
    CHECK(same_numbers(resized_to(ways("nearest", "asymmetric", "floor"), line(3), 3 * scale), want));
  }
  // Of 3.5 outputs there are 3: they lie at 1, 3 and 5 of 7.
  const Attributes symmetric = ways("nearest", "half_pixel_symmetric", "ceil");
  CHECK(same_numbers(resized(symmetric, line(7), list({.5f})), list({1.f, 3.f, 5.f})));
}

TEST_CASE("integers are mixed in double, rounded to the nearest, and bounded by their type") {
  const auto one_axis = [](const char* mode, const Tensor& x, float scale) {
    return resized(ways(mode, "half_pixel"), x, list({scale}));
  };
  using Byte = std::uint8_t;
  CHECK(same_numbers(one_axis("linear", list<Byte>({0, 10, 255}), 2),
                     list<Byte>({0, 2, 8, 71, 194, 255})));  // 2.5, 7.5, 71.25 and 193.75: the even one of two
  CHECK(same_numbers(one_axis("linear", list<std::int8_t>({-128, 127}), 2), list<std::int8_t>({-128, -64, 63, 127})));
  // A quarter of the way the weights are (-27, 225, 67, -9) / 256: beyond both ends at the edge.
  CHECK(
      same_numbers(one_axis("cubic", list<Byte>({0, 0, 255, 255}), 2), list<Byte>({0, 0, 0, 58, 197, 255, 255, 255})));
  CHECK(same_numbers(one_axis("linear", integers({Dim{1} << 62, Dim{1} << 62}), 2),
                     integers({Dim{1} << 62, Dim{1} << 62, Dim{1} << 62, Dim{1} << 62})));
}

TEST_CASE("tf_crop_and_resize takes a part, and has a number of its own for what lies outside") {
  const auto cropped = [](const char* mode, std::initializer_list<float> roi, std::int64_t size) {
    Attributes attributes = ways(mode, "tf_crop_and_resize");
    attributes["extrapolation_value"] = 10.f;
    return answer("Resize", attributes, {list({0.f, 1.f, 2.f, 3.f, 4.f}), list(roi), Tensor(), integers({size})});
  };
  CHECK(same_numbers(cropped("linear", {.25f, .75f}, 5), list({1.f, 1.5f, 2.f, 2.5f, 3.f})));
  CHECK(same_numbers(cropped("linear", {.5f, 1.5f}, 3), list({2.f, 4.f, 10.f})));
  CHECK(same_numbers(cropped("nearest", {.5f, 1.5f}, 3), list({2.f, 4.f, 10.f})));
  CHECK(same_numbers(cropped("cubic", {.25f, .75f}, 1), list({2.f})));
  CHECK(same_numbers(cropped("linear", {1.f, 0.f}, 5), list({4.f, 3.f, 2.f, 1.f, 0.f})));
}

TEST_CASE("keep_aspect_ratio_policy scales all axes alike, to at most or at least the sizes") {
  const auto shape = [](const char* policy) {
    const Attributes attributes{{"keep_aspect_ratio_policy", std::string(policy)}};
    const Tensor x({2, 4}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f});
    return answer("Resize", attributes, {x, Tensor(), Tensor(), integers({7, 8})}).shape();
  };
  CHECK(shape("stretch") == Shape{7, 8});
  CHECK(shape("not_larger") == Shape{4, 8});
  CHECK(shape("not_smaller") == Shape{7, 14});
  // By 2.5: of 7.5 outputs there are 8, at (o + 0.5) / 2.5 - 0.5. By 1.1: three stay three, but lie elsewhere.
  const auto first_row = [](Dim rows, const Tensor& sizes) {
    Tensor x({DType::f32, {rows, 3}});
    for (std::size_t i = 0; i < x.values<float>().size(); ++i) x.values<float>()[i] = 5.f * static_cast<float>(i % 3);
    const Attributes linear{{"keep_aspect_ratio_policy", std::string("not_larger")}, {"mode", std::string("linear")}};
    const Tensor y = answer("Resize", linear, {x, Tensor(), Tensor(), sizes});
    const auto row = y.values<float>().first(static_cast<std::size_t>(y.shape()[1]));
    Tensor copy({DType::f32, {y.shape()[1]}});
    std::ranges::copy(row, copy.values<float>().begin());
    return copy;
  };
  CHECK(same_numbers(first_row(2, integers({5, 9})), list({0.f, .5f, 2.5f, 4.5f, 6.5f, 8.5f, 10.f, 10.f}), 1e-5));
  CHECK(same_numbers(first_row(10, integers({11, 9})), list({0.f, 4.3181818f, 8.8636364f}), 1e-5));
}

TEST_CASE("Upsample takes the element that it began with") {
  const Tensor x({1, 1, 3}, {1.f, 2.f, 3.f});
  CHECK(same_numbers(answer("Upsample", {}, {x, list({1.f, 1.f, 2.f})}),
                     Tensor({1, 1, 6}, {1.f, 1.f, 2.f, 2.f, 3.f, 3.f})));
  CHECK(same_numbers(answer("Upsample", {{"mode", std::string("linear")}}, {x, list({1.f, 1.f, 2.f})}),
                     Tensor({1, 1, 6}, {1.f, 1.5f, 2.f, 2.5f, 3.f, 3.f})));
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
  CHECK(refusal("Resize", ways("quintic", "half_pixel"), {x, absent(), scales(2)}) == Errc::Unsupported);
  CHECK(refusal("Resize", ways("linear", "tf_crop_and_resize"), {x, absent(), scales(2)}) == Errc::BadShape);
  CHECK(refusal("Resize", ways("linear", "half_pixel"),
                {data(TensorType{DType::boolean, {1, 1, 4, 4}}), absent(), scales(2)}) == Errc::Unsupported);
}

}  // namespace v0
}  // namespace coverslip
