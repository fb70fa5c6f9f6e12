// Holes, distances and necks of masks.
#include "coverslip/image/separate.hpp"

#include <array>
#include <cmath>

#include "image/pictures.hpp"

namespace coverslip {
namespace {

Image discs(int width, int height, std::initializer_list<std::array<double, 3>> circles) {
  Image mask(width, height, 1);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const auto& [cx, cy, r] : circles)
        if (std::hypot(x - cx, y - cy) <= r) *mask.at(x, y) = 1;
  return mask;
}

TEST_CASE("distances are those to the nearest background pixel, found by looking at all of them") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    Image mask = noise(19, 13, 1, seed);
    for (std::uint8_t& x : mask.pixels) x = x < 5 + 8 * seed ? 0 : 1;
    const std::vector<float> distance = distance_inside(mask);
    for (int y = 0; y < 13; ++y)
      for (int x = 0; x < 19; ++x) {
        double nearest = 19 + 13;
        for (int v = 0; v < 13; ++v)
          for (int u = 0; u < 19; ++u)
            if (*mask.at(u, v) == 0) nearest = std::min(nearest, std::hypot(x - u, y - v));
        CHECK(distance[static_cast<std::size_t>(y * 19 + x)] == static_cast<float>(nearest));
      }
  }
}

TEST_CASE("holes are filled up to a size, and bays never") {
  const Image mask = drawn({
      "#######.",
      "#.#..##.",
      "#######.",
      "##.####.",
      "#.######",
      "#.##....",
  });
  const Image filled = drawn({
      "#######.",
      "####.##.",
      "#######.",
      "##.####.",
      "#.######",
      "#.##....",
  });
  Image expected = filled;
  *expected.at(2, 3) = 255;  // a corner does not open a hole
  *expected.at(3, 1) = 255;
  *expected.at(4, 1) = 255;
  CHECK(fill_holes(mask, 2).pixels == expected.pixels);
  *expected.at(3, 1) = *expected.at(4, 1) = 0;
  CHECK(fill_holes(mask, 1).pixels == expected.pixels);
  CHECK(fill_holes(mask, 0).pixels == mask.pixels);
}

TEST_CASE("two discs that overlap come apart in the middle, and one that is merely long does not") {
  const Image two = discs(90, 50, {{25, 25, 20}, {57, 25, 20}});
  REQUIRE(connected_components(two).items.size() == 1);
  const Components parts = split(two);
  REQUIRE(parts.items.size() == 2);
  CHECK(std::abs(parts.items[0].area - parts.items[1].area) < 60);  // the waist is 30 pixels long
  CHECK(parts.label(25, 25) == 1);
  CHECK(parts.label(57, 25) == 2);
  CHECK(parts.label(36, 25) == 1);
  CHECK(parts.label(46, 25) == 2);
  CHECK(split(two, 0).items.size() == 1);
  CHECK(split(discs(90, 50, {{25, 25, 20}, {31, 25, 20}, {37, 25, 20}})).items.size() == 1);
}

TEST_CASE("a disc that the border cuts is one part") {
  CHECK(split(discs(60, 40, {{30, 2, 20}})).items.size() == 1);
  CHECK(split(discs(60, 40, {{0, 0, 25}, {59, 39, 25}})).items.size() == 2);
  CHECK(split(discs(9, 9, {{4, 4, 50}})).items.size() == 1);  // nothing but foreground
}

TEST_CASE("parts are numbered in the order of the rows, belong to the mask, and small ones are left out") {
  const Image mask = discs(160, 60, {{130, 20, 14}, {40, 30, 20}, {72, 30, 20}, {110, 50, 3}});
  const Components all = split(mask);
  REQUIRE(all.items.size() == 4);
  std::int32_t next = 1;
  for (std::size_t i = 0; i < all.labels.size(); ++i) {
    CHECK((all.labels[i] != 0) == (mask.pixels[i] != 0));
    CHECK(all.labels[i] <= next);
    if (all.labels[i] == next) ++next;
  }
  const Components big = split(mask, 0.85f, 100);
  CHECK(big.items.size() == 3);
  CHECK(big.label(110, 50) == 0);
  CHECK(refusal([&] { split(mask, 1.5f); }) == Errc::BadInput);
  CHECK(refusal([&] { split(mask, std::nanf("")); }) == Errc::BadInput);
  CHECK(split(Image(0, 0, 1)).items.empty());
}

TEST_CASE("without necks to cut, parts are the connected components") {
  for (unsigned seed = 0; seed < 30; ++seed) {
    Image mask = noise(21, 16, 1, seed);
    for (std::uint8_t& x : mask.pixels) x = x < 140 ? 0 : 1;
    CHECK(split(mask, 0).labels == connected_components(mask, Neighbours::Eight).labels);
  }
}

TEST_CASE("components can be dropped") {
  Components c = connected_components(drawn({"#.##.###"}));
  drop(c, [](const Component& item) { return item.area == 2; });
  REQUIRE(c.items.size() == 2);
  CHECK(c.items[1].area == 3);
  CHECK(c.labels == std::vector<std::int32_t>{1, 0, 0, 0, 0, 2, 2, 2});
}

}  // namespace
}  // namespace coverslip
