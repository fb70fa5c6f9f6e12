// Grids of windows over pictures.
#include "coverslip/image/tiles.hpp"

#include "coverslip/image/resize.hpp"
#include "image/pictures.hpp"

namespace coverslip {
namespace {

TEST_CASE("the cores of a grid hold every pixel exactly once, row by row") {
  const struct {
    int width, height, window, step, margin;
  } cases[] = {
      {1226, 652, 188, 100, 44}, {1, 1, 188, 100, 44}, {100, 200, 188, 100, 44}, {37, 23, 8, 8, 0}, {64, 9, 12, 5, 7}};
  for (const auto& c : cases) {
    const TileGrid grid(c.width, c.height, c.window, c.step, c.margin);
    std::vector<int> seen(static_cast<std::size_t>(c.width * c.height), 0);
    int last = -1;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const auto [window, core] = grid[i];
      CHECK(core.y * c.width + core.x > last);
      last = core.y * c.width + core.x;
      CHECK(window.x == core.x - c.margin);
      CHECK(window.y == core.y - c.margin);
      CHECK(intersection(window, core) == core);
      for (int y = core.y; y < core.y + core.height; ++y)
        for (int x = core.x; x < core.x + core.width; ++x) ++seen.at(static_cast<std::size_t>(y * c.width + x));
    }
    CHECK(seen == std::vector<int>(seen.size(), 1));
  }
}

TEST_CASE("188 pixels are read for each 100") {
  const TileGrid grid(1226, 652, 188, 100);
  CHECK(grid.columns() == 13);
  CHECK(grid.rows() == 7);
  CHECK(grid[14].window == Rect{56, 56, 188, 188});
  CHECK(grid[14].core == Rect{100, 100, 100, 100});
  CHECK(grid[90].core == Rect{1200, 600, 26, 52});
}

TEST_CASE("a grid that would miss pixels is refused") {
  CHECK(refusal([] { TileGrid(10, 10, 8, 0, 0); }) == Errc::BadInput);
  CHECK(refusal([] { TileGrid(10, 10, 8, 9, 0); }) == Errc::BadInput);
  CHECK(refusal([] { TileGrid(10, 10, 8, 5, 4); }) == Errc::BadInput);
  CHECK(refusal([] { TileGrid(10, 10, 8, 5, -1); }) == Errc::BadInput);
  CHECK(TileGrid(0, 10, 8, 5, 0).size() == 0);
}

TEST_CASE("a window is black where it reaches over the border") {
  const Image image = pattern(6, 4, 3);
  for (const Rect& part :
       {Rect{-2, -1, 10, 7}, Rect{1, 1, 3, 2}, Rect{4, 2, 9, 9}, Rect{-9, 0, 5, 5}, Rect{6, 4, 2, 2}}) {
    const Image piece = cut(image, part);
    for (int y = 0; y < part.height; ++y)
      for (int x = 0; x < part.width; ++x)
        for (int c = 0; c < 3; ++c) {
          const bool inside = Rect{0, 0, 6, 4}.contains(part.x + x, part.y + y);
          CHECK(piece.at(x, y)[c] == (inside ? image.at(part.x + x, part.y + y)[c] : 0));
        }
  }
}

TEST_CASE("resizing keeps a picture at its own size, averages when it shrinks, interpolates when it grows") {
  const Image image = noise(9, 7, 3);
  CHECK(resized(image, {0, 0, 9, 7}, 9, 7).pixels == image.pixels);
  CHECK(resized(image, {2, 1, 4, 5}, 4, 5).pixels == cut(image, {2, 1, 4, 5}).pixels);
  CHECK(resized(Image({0, 100}, 2, 1, 1), {0, 0, 2, 1}, 4, 1).pixels == std::vector<std::uint8_t>{0, 25, 75, 100});
  CHECK(resized(Image({40, 40, 80, 80}, 4, 1, 1), {0, 0, 4, 1}, 2, 1).pixels == std::vector<std::uint8_t>{45, 75});
  CHECK(resized(Image(std::vector<std::uint8_t>(99, 200), 11, 9, 1), {0, 0, 11, 9}, 4, 31).pixels ==
        std::vector<std::uint8_t>(124, 200));
  CHECK(refusal([&] { resized(image, {0, 0, 0, 7}, 9, 7); }) == Errc::BadInput);
}

}  // namespace
}  // namespace coverslip
