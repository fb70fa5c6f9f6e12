// Pooling in numbers worked by hand: padding, ceil_mode, what counts in an average, NaN.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

using List = std::vector<Dim>;

Tensor line(std::initializer_list<float> numbers) { return Tensor({1, 1, static_cast<Dim>(numbers.size())}, numbers); }

Attributes window(Dim taps, Dim stride, const List& pads = {0, 0}, Dim ceil = 0, Dim count_padding = 0) {
  return {{"kernel_shape", List{taps}},
          {"strides", List{stride}},
          {"pads", pads},
          {"ceil_mode", ceil},
          {"count_include_pad", count_padding}};
}

}  // namespace

TEST_CASE("MaxPool takes the most of each window") {
  const Tensor x({1, 1, 2, 4}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f});
  CHECK(same_numbers(answer("MaxPool", {{"kernel_shape", List{2, 2}}, {"strides", List{2, 2}}}, {x}),
                     Tensor({1, 1, 1, 2}, {6.f, 8.f})));
  CHECK(same_numbers(answer("MaxPool", {{"kernel_shape", List{2}}, {"dilations", List{2}}}, {line({1, 5, 2, 4})}),
                     line({2, 5})));
}

TEST_CASE("padding is where pads say, before and after, and never the most") {
  CHECK(same_numbers(answer("MaxPool", window(2, 2, {1, 0}), {line({-1, -2, -3})}), line({-1, -2})));
  CHECK(same_numbers(answer("MaxPool", window(2, 2, {0, 1}), {line({-1, -2, -3})}), line({-1, -3})));
  const Attributes upper{{"kernel_shape", List{2}}, {"auto_pad", std::string("SAME_UPPER")}};
  const Attributes lower{{"kernel_shape", List{2}}, {"auto_pad", std::string("SAME_LOWER")}};
  CHECK(same_numbers(answer("MaxPool", upper, {line({3, 1, 2})}), line({3, 2, 2})));
  CHECK(same_numbers(answer("MaxPool", lower, {line({3, 1, 2})}), line({3, 3, 2})));
}

TEST_CASE("ceil_mode adds a last window, if it begins inside the input or its left padding") {
  CHECK(same_numbers(answer("MaxPool", window(2, 2), {line({1, 2, 3})}), line({2})));
  CHECK(same_numbers(answer("MaxPool", window(2, 2, {0, 0}, 1), {line({1, 2, 3})}), line({2, 3})));
  CHECK(same_numbers(answer("MaxPool", window(1, 3, {0, 0}, 1), {line({1, 2, 3})}), line({1})));
}

TEST_CASE("MaxPool of a window that holds NaN is NaN, wherever it stands") {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  CHECK(same_numbers(answer("MaxPool", window(2, 1), {line({1, kNaN, 2, 3})}), line({kNaN, kNaN, 3})));
}

TEST_CASE("AveragePool counts padding only where it is told to, and never what ceil_mode adds") {
  CHECK(same_numbers(answer("AveragePool", window(2, 2, {1, 0}), {line({1, 2, 3})}), line({1, 2.5f})));
  CHECK(same_numbers(answer("AveragePool", window(2, 2, {1, 0}, 0, 1), {line({1, 2, 3})}), line({0.5f, 2.5f})));
  CHECK(same_numbers(answer("AveragePool", window(3, 2, {1, 1}, 1), {line({1, 2, 3, 4})}), line({1.5f, 3, 4})));
  CHECK(same_numbers(answer("AveragePool", window(3, 2, {1, 1}, 1, 1), {line({1, 2, 3, 4})}), line({1, 3, 2})));
}

TEST_CASE("ceil_mode leaves out a window that would begin in the padding behind") {
  // Padded by 1 and 2, windows of 2 could begin at -1, 2 and 5, but 5 is padding.
  CHECK(same_numbers(answer("MaxPool", window(2, 3, {1, 2}, 1), {line({1, 2, 3, 4})}), line({1, 4})));
  CHECK(same_numbers(answer("AveragePool", window(2, 3, {1, 2}, 1, 1), {line({1, 2, 3, 4})}), line({.5f, 3.5f})));
  // With taps 2 apart windows reach over 3 and begin at 0 and 2; the second has one tap.
  Attributes dilated = window(2, 2, {0, 0}, 1, 1);
  dilated["dilations"] = List{2};
  CHECK(same_numbers(answer("MaxPool", dilated, {line({5, 1, 2, 4})}), line({5, 2})));
  CHECK(same_numbers(answer("AveragePool", dilated, {line({5, 1, 2, 4})}), line({3.5f, 2})));
  CHECK(same_numbers(answer("LpPool", dilated, {line({3, 1, 4, 9})}), line({5, 4})));
  // One element of padding behind counts as a tap, were it there to count.
  dilated["pads"] = List{0, 1};
  CHECK(same_numbers(answer("AveragePool", dilated, {line({5, 1, 2, 4})}), line({3.5f, 1})));
  dilated["count_include_pad"] = Dim{0};
  CHECK(same_numbers(answer("AveragePool", dilated, {line({5, 1, 2, 4})}), line({3.5f, 2})));
}

TEST_CASE("a stride over the window skips, and a window of padding alone has no most, no sum and no place") {
  CHECK(same_numbers(answer("MaxPool", window(1, 3), {line({1, 2, 3, 4})}), line({1, 4})));
  CHECK(same_numbers(answer("AveragePool", window(2, 4), {line({1, 2, 3, 4, 5, 7})}), line({1.5f, 6})));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  CHECK(same_numbers(answer("MaxPool", window(2, 2, {2, 2}), {line({3})}), line({-kInfinity, 3})));
  CHECK(same_numbers(answer("AveragePool", window(2, 2, {2, 2}), {line({3})}), line({0, 3})));
  CHECK(same_numbers(answer("AveragePool", window(2, 2, {2, 2}, 0, 1), {line({3})}), line({0, 1.5f})));
  CHECK(same_numbers(answer("LpPool", window(2, 2, {2, 2}), {line({-3})}), line({0, 3})));
}

TEST_CASE("auto_pad makes as many windows as strides begin in the input, and SAME_LOWER pads more before") {
  const auto same = [](const char* rule, Dim taps, Dim stride, Dim dilation) {
    return Attributes{{"kernel_shape", List{taps}},
                      {"strides", List{stride}},
                      {"dilations", List{dilation}},
                      {"count_include_pad", Dim{1}},
                      {"auto_pad", std::string(rule)}};
  };
  // Four windows of 4, 2 apart, over 7 and 3 of padding.
  CHECK(same_numbers(answer("AveragePool", same("SAME_LOWER", 4, 2, 1), {line({4, 8, 12, 16, 20, 24, 28})}),
                     line({3, 10, 18, 18})));
  CHECK(same_numbers(answer("AveragePool", same("SAME_UPPER", 4, 2, 1), {line({4, 8, 12, 16, 20, 24, 28})}),
                     line({6, 14, 22, 13})));
  // Two taps 3 apart: 3 of padding, 2 of them before.
  CHECK(same_numbers(answer("MaxPool", same("SAME_LOWER", 2, 1, 3), {line({9, 1, 8, 2})}), line({1, 8, 9, 1})));
  CHECK(same_numbers(answer("MaxPool", same("SAME_UPPER", 2, 1, 3), {line({9, 1, 8, 2})}), line({8, 9, 1, 8})));
  // Windows shorter than the stride need no padding.
  CHECK(same_numbers(answer("MaxPool", same("SAME_LOWER", 1, 3, 1), {line({1, 2, 3, 4, 5})}), line({1, 4})));
}

TEST_CASE("GlobalAveragePool is the mean of each channel") {
  const Tensor x({1, 2, 2, 2}, {1.f, 2.f, 3.f, 6.f, -1.f, -1.f, 1.f, 3.f});
  CHECK(same_numbers(answer("GlobalAveragePool", {}, {x}), Tensor({1, 2, 1, 1}, {3.f, 0.5f})));
}

TEST_CASE("MaxPool's Indices count all elements of the input, and name the first of equals") {
  const auto places = [](const Attributes& attributes, const Tensor& x) {
    const Case c{.op = "MaxPool", .attributes = attributes, .operands = {given(x)}, .outputs = 2};
    return Sample(*find_op("MaxPool"), c).references()[1];
  };
  const auto wanted = [](const Shape& shape, std::initializer_list<std::int64_t> numbers) {
    return Tensor(shape, numbers);
  };
  const Tensor x({1, 2, 2, 3}, {1.f, 5.f, 2.f, 5.f, 3.f, 4.f, 0.f, 0.f, 0.f, 0.f, 0.f, 9.f});
  Attributes attributes{{"kernel_shape", List{2, 2}}};
  CHECK(same_numbers(places(attributes, x), wanted({1, 2, 1, 2}, {1, 1, 6, 11})));
  attributes["storage_order"] = Dim{1};
  CHECK(same_numbers(places(attributes, x), wanted({1, 2, 1, 2}, {2, 2, 6, 11})));
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  CHECK(same_numbers(places(window(2, 2), line({7, kNaN, -kInfinity, -kInfinity})), wanted({1, 1, 2}, {1, 2})));
}

TEST_CASE("GlobalMaxPool is the most of each channel, and NaN where one is") {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const Tensor x({1, 2, 3}, {-3.f, -1.f, -2.f, 5.f, kNaN, 6.f});
  CHECK(same_numbers(answer("GlobalMaxPool", {}, {x}), Tensor({1, 2, 1}, {-1.f, kNaN})));
}

TEST_CASE("LpPool and GlobalLpPool are norms") {
  const auto with_p = [](Dim p) {
    Attributes attributes = window(2, 2, {1, 0});
    attributes["p"] = p;
    return attributes;
  };
  CHECK(same_numbers(answer("LpPool", with_p(1), {line({-1, 3, -4})}), line({1, 7})));
  CHECK(same_numbers(answer("LpPool", with_p(2), {line({-1, 3, -4})}), line({1, 5})));
  CHECK(same_numbers(answer("LpPool", with_p(3), {line({-1, 3, -4})}), line({1, std::cbrt(91.0f)}), 1e-6));
  CHECK(same_numbers(answer("LpPool", window(2, 2, {1, 0}), {line({-1, 3, -4})}), line({1, 5})));
  CHECK(same_numbers(answer("GlobalLpPool", {}, {line({1, -2, 2, 4})}), line({5})));
  CHECK(same_numbers(answer("GlobalLpPool", {{"p", Dim{1}}}, {line({1, -2, 2, 4})}), line({9})));
}

TEST_CASE("pooling refuses windows that do not fit, and attributes that no window has") {
  CHECK(refusal("MaxPool", window(5, 1), {data({1, 1, 4})}) == Errc::BadShape);
  CHECK(refusal("MaxPool", {{"kernel_shape", List{2, 2}}}, {data({1, 1, 4})}) == Errc::BadModel);
  CHECK(refusal("MaxPool", window(2, 0), {data({1, 1, 4})}) == Errc::BadModel);
  CHECK(refusal("MaxPool", window(2, 1, {-1, 0}), {data({1, 1, 4})}) == Errc::BadModel);
  CHECK(refusal("AveragePool", window(Dim{1} << 60, 1), {data({1, 1, 4})}) == Errc::BadModel);
  CHECK(refusal("GlobalAveragePool", {}, {data({1, 1, 0})}) == Errc::BadShape);
}

}  // namespace v0
}  // namespace coverslip
