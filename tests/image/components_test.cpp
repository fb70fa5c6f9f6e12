// Connected components of masks drawn by hand.
#include "coverslip/image/components.hpp"

#include "image/pictures.hpp"

namespace coverslip {
namespace {

TEST_CASE("groups are counted, measured and numbered from the top") {
  const Components c = connected_components(drawn({
      "##....#",
      "##...##",
      ".......",
      "..###..",
      "..#.#..",
      "..###..",
  }));
  REQUIRE(c.items.size() == 3);
  CHECK(c.items[0].area == 4);
  CHECK(c.items[0].box == Rect{0, 0, 2, 2});
  CHECK(c.items[0].x == 0.5);
  CHECK(c.items[0].y == 0.5);
  CHECK(c.items[1].area == 3);
  CHECK(c.items[1].box == Rect{5, 0, 2, 2});
  CHECK(c.items[2].area == 8);
  CHECK(c.items[2].box == Rect{2, 3, 3, 3});
  CHECK(c.items[2].x == 3);
  CHECK(c.items[2].y == 4);
  CHECK(c.label(3, 4) == 0);
  CHECK(c.label(4, 4) == 3);
}

TEST_CASE("corners join eight neighbours, not four") {
  const Image mask = drawn({
      "#.#.",
      ".#..",
      "#..#",
  });
  CHECK(connected_components(mask, Neighbours::Eight).items.size() == 2);
  CHECK(connected_components(mask, Neighbours::Four).items.size() == 5);
}

TEST_CASE("arms that meet late are one component") {
  const Components c = connected_components(drawn({
                                                "#.#.#.#",
                                                "#.#.#.#",
                                                "#.#.###",
                                                "#.#...#",
                                                "#.#####",
                                                "#......",
                                                "#######",
                                            }),
                                            Neighbours::Four);
  CHECK(c.items.size() == 2);
  CHECK(c.label(0, 0) == 1);
  CHECK(c.label(6, 6) == 1);
  CHECK(c.label(2, 0) == 2);
  CHECK(c.label(6, 0) == 2);
}

TEST_CASE("random masks fall apart as a flood fill says") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    Image mask = noise(23, 17, 1, seed);
    for (std::uint8_t& x : mask.pixels) x = x < 128 ? 0 : 1;
    const Components c = connected_components(mask, Neighbours::Four);
    std::vector<bool> seen(mask.pixels.size(), false);
    std::size_t groups = 0;
    for (std::size_t start = 0; start < seen.size(); ++start) {
      if (seen[start] || mask.pixels[start] == 0) continue;
      ++groups;
      std::vector<std::size_t> stack{start};
      seen[start] = true;
      while (!stack.empty()) {
        const std::size_t at = stack.back(), x = at % 23;
        stack.pop_back();
        CHECK(c.labels[at] == static_cast<std::int32_t>(groups));
        const auto visit = [&](bool exists, std::size_t to) {
          if (!exists || seen[to] || mask.pixels[to] == 0) return;
          seen[to] = true;
          stack.push_back(to);
        };
        visit(x > 0, at - 1);
        visit(x < 22, at + 1);
        visit(at >= 23, at - 23);
        visit(at + 23 < seen.size(), at + 23);
      }
    }
    CHECK(c.items.size() == groups);
  }
}

TEST_CASE("small groups become background, and the rest is numbered without gaps") {
  const Components c = connected_components(drawn({
                                                "#.##.#",
                                                "..##..",
                                                "##...#",
                                            }),
                                            Neighbours::Four, 2);
  REQUIRE(c.items.size() == 2);
  CHECK(c.items[0].area == 4);
  CHECK(c.items[1].area == 2);
  CHECK(c.labels == std::vector<std::int32_t>{0, 0, 1, 1, 0, 0,  //
                                              0, 0, 1, 1, 0, 0,  //
                                              2, 2, 0, 0, 0, 0});
}

TEST_CASE("touching cells grow from their cores until they meet") {
  const Components cores = connected_components(drawn({
      "........",
      ".#....#.",
      "........",
  }));
  const Components cells = grow(cores, drawn({
                                           "########",
                                           "########",
                                           "#......#",
                                       }));
  CHECK(cells.labels == std::vector<std::int32_t>{1, 1, 1, 1, 2, 2, 2, 2,  //
                                                  1, 1, 1, 1, 2, 2, 2, 2,  //
                                                  1, 0, 0, 0, 0, 0, 0, 2});
  REQUIRE(cells.items.size() == 2);
  CHECK(cells.items[0].area == 9);
  CHECK(cells.items[1].box == Rect{4, 0, 4, 3});
}

TEST_CASE("what cannot be a mask is refused, and an empty one has no groups") {
  CHECK(refusal([] { connected_components(pattern(4, 4, 3)); }) == Errc::BadInput);
  const Components none = connected_components(Image(5, 4, 1));
  CHECK(none.items.empty());
  CHECK(connected_components(Image(0, 0, 1)).items.empty());
  CHECK(refusal([&] { grow(none, Image(4, 5, 1)); }) == Errc::BadInput);
}

}  // namespace
}  // namespace coverslip
