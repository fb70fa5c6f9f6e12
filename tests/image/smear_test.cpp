// The reading of a blood smear, from made-up probabilities: no network runs here.
#include "../examples/blood_smear/picture.hpp"
#include "image/pictures.hpp"

namespace coverslip::example {
namespace {

struct Disc {
  double x, y, radius;
};

Map discs(int width, int height, const std::vector<Disc>& all, double from = 0) {
  Map map(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const Disc& d : all) {
        const double r = std::hypot(x - d.x, y - d.y);
        if (r <= d.radius && r >= from * d.radius) map.values[static_cast<std::size_t>(y * width + x)] = 0.9f;
      }
  return map;
}

Probabilities smear(int width, int height, const std::vector<Disc>& red, const std::vector<Disc>& white,
                    const std::vector<Disc>& platelets = {}) {
  return {discs(width, height, red), discs(width, height, red, 0.9), discs(width, height, white),
          discs(width, height, platelets)};
}

TEST_CASE("cells are counted, whether they lie apart, touch, overlap or reach over the border") {
  const Reading reading = find_cells(
      smear(500, 300, {{60, 60, 40}, {141, 60, 40}, {260, 60, 40}, {325, 60, 40}, {60, 299, 40}, {499, 200, 40}},
            {{250, 220, 45}}, {{400, 150, 6}, {420, 250, 2}}));
  CHECK(reading.red.items.size() == 6);
  REQUIRE(reading.white.items.size() == 1);
  CHECK(reading.white.items[0].x == doctest::Approx(250));
  CHECK(reading.platelets.items.size() == 1);  // the smaller one is noise
}

TEST_CASE("pale centres are filled, pieces of other cells are not counted") {
  Probabilities p = smear(400, 200, {{60, 100, 40}, {160, 100, 40}, {260, 100, 40}, {350, 100, 14}}, {});
  for (int y = 95; y < 105; ++y)
    for (int x = 55; x < 65; ++x) p.red.values[static_cast<std::size_t>(y * 400 + x)] = 0.1f;
  const Reading reading = find_cells(p);
  REQUIRE(reading.red.items.size() == 3);
  CHECK(reading.red.label(60, 100) > 0);
  CHECK(reading.red.label(350, 100) == 0);
}

TEST_CASE("a picture without cells, or of one pixel, has none") {
  for (const int size : {1, 50}) {
    const Map blank(size, size);
    const Reading reading = find_cells({blank, blank, blank, blank});
    CHECK(reading.red.items.empty());
    CHECK(reading.white.items.empty());
    CHECK(reading.platelets.items.empty());
    const Image drawn = draw_reading(Image(size, size, 3), reading, {"Title", "about"});
    CHECK(drawn.width > size);
  }
}

TEST_CASE("a tile's answer lands on its own pixels") {
  const Image picture(230, 120, 3);
  Map map(230, 120);
  const TileGrid grid = tiles_of(picture);
  for (std::size_t i = 0; i < grid.size(); ++i) {
    Tensor answer(TensorType{DType::f32, {1, 1, 100, 100}});
    std::size_t at = 0;
    for (float& x : answer.values<float>()) {
      const auto tile = static_cast<int>(i);
      x = static_cast<float>((tile / 3 * 100 + static_cast<int>(at / 100)) * 1000 + tile % 3 * 100 +
                             static_cast<int>(at % 100));
      ++at;
    }
    stitch(map, grid[i], answer);
  }
  for (int y = 0; y < 120; ++y)
    for (int x = 0; x < 230; ++x)
      CHECK(map.values[static_cast<std::size_t>(y * 230 + x)] == static_cast<float>(y * 1000 + x));
  Tensor wrong(TensorType{DType::f32, {1, 1, 50, 50}});
  CHECK(refusal([&] { stitch(map, grid[0], wrong); }) == Errc::BadModel);
}

TEST_CASE("crops stay inside the picture where it is big enough") {
  const Image big(1000, 600, 3), small(100, 90, 3);
  CHECK(crop_around({.box = {}, .x = 500, .y = 300}, big) == Rect{388, 188, 224, 224});
  CHECK(crop_around({.box = {}, .x = 3, .y = 590}, big) == Rect{0, 376, 224, 224});
  CHECK(crop_around({.box = {}, .x = 50, .y = 45}, small) == Rect{-62, -67, 224, 224});
}

TEST_CASE("the drawing keeps the picture outside the cells, and has room for many white cells") {
  const Image picture = pattern(600, 300, 3);
  Reading reading = find_cells(smear(600, 300, {{200, 150, 40}}, {{400, 150, 40}}));
  const Note note{"Blood smear", "about"};
  reading.white_cells.assign(1, {.crop = {288, 38, 224, 224}, .shares = {{"neutrophil", 0.9f}, {"monocyte", 0.1f}}});
  const Image one = draw_reading(picture, reading, note);
  reading.white_cells.assign(30, reading.white_cells[0]);
  const Image many = draw_reading(picture, reading, note);
  CHECK(many.height > one.height);
  const auto pixel_of = [](const Image& image, int x, int y) {
    return std::vector<int>{image.at(x, y)[0], image.at(x, y)[1], image.at(x, y)[2]};
  };
  CHECK(pixel_of(one, kMargin + 550, kHeader + 20) == pixel_of(picture, 550, 20));
  CHECK(pixel_of(one, kMargin + 200, kHeader + 170) != pixel_of(picture, 200, 170));
}

TEST_CASE("ticks are round, and few") {
  CHECK(tick_for(1) == 1);
  CHECK(tick_for(67) == 20);
  CHECK(tick_for(9) == 2);
  for (double most = 1; most < 1e6; most *= 1.3) {
    CHECK(most / tick_for(most) <= 5);
    CHECK(tick_for(most) >= 1);
  }
}

}  // namespace
}  // namespace coverslip::example
