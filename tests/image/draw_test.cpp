// Drawing: clipped at the borders, exact where pixels are covered whole.
#include "coverslip/image/draw.hpp"

#include <functional>
#include <limits>

#include "image/pictures.hpp"

namespace coverslip {
namespace {

constexpr Color kRed{255, 0, 0};

int touched_pixels(const Image& image) {
  int n = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    n += image.pixels[i] != 0 || image.pixels[i + 1] != 0 || image.pixels[i + 2] != 0;
  return n;
}

using Draw = std::function<void(Image&, float x, float y)>;

const std::vector<Draw>& drawings() {
  static const Components kSquare = connected_components(drawn({"....", ".##.", ".##.", "...."}));
  static const std::vector<Draw> kAll = {
      [](Image& im, float x, float y) { fill_rectangle(im, x, y, 9, 5, kRed, 2); },
      [](Image& im, float x, float y) { draw_rectangle(im, x, y, 9, 5, kRed, 2, 1); },
      [](Image& im, float x, float y) { draw_line(im, x, y, x + 8, y + 4, kRed, 3); },
      [](Image& im, float x, float y) { fill_circle(im, x, y, 6, kRed); },
      [](Image& im, float x, float y) { paste(im, pattern(7, 6, 3), static_cast<int>(x), static_cast<int>(y)); },
      [](Image& im, float x, float y) {
        blend_mask(im, Image({255, 128, 0, 9}, 2, 2, 1), kRed, static_cast<int>(x), static_cast<int>(y));
      },
      [](Image& im, float x, float y) {
        draw_outline(im, kSquare, 1, kRed, 2, static_cast<int>(x), static_cast<int>(y));
      },
      [](Image& im, float x, float y) {
        draw_components(im, kSquare, kRed, 0.5f, 1, static_cast<int>(x), static_cast<int>(y));
      },
      [](Image& im, float x, float y) {
        draw_text(im, x, y, "Ag9", {.size = 7, .color = kRed, .halo = {1, 2, 3}});
      },
  };
  return kAll;
}

TEST_CASE("a drawing across the border is the middle of the same drawing on a bigger picture") {
  for (std::size_t i = 0; i < drawings().size(); ++i) {
    CAPTURE(i);
    for (const float x : {-5.0f, -1.0f, 4.0f, 14.0f, 21.0f})
      for (const float y : {-4.0f, 3.0f, 11.0f}) {
        Image small(20, 12, 3), big(100, 92, 3);
        drawings()[i](small, x, y);
        drawings()[i](big, x + 40, y + 40);
        bool same = true;
        for (int row = 0; row < 12; ++row)
          same &= std::equal(small.at(0, row), small.at(0, row) + 60, big.at(40, row + 40));
        CHECK(same);
      }
  }
}

TEST_CASE("nothing is drawn far outside, at places that no picture has, or on no picture") {
  constexpr float kFar[] = {-1e4f, 1e9f, -1e9f, std::numeric_limits<float>::infinity()};
  for (std::size_t i = 0; i < drawings().size(); ++i) {
    CAPTURE(i);
    Image none(0, 0, 3);
    drawings()[i](none, 0, 0);
    CHECK(none.pixels.empty());
    Image image(20, 12, 3);
    const bool whole_places = i >= 4 && i <= 7;
    for (const float place : kFar)
      if (!whole_places || place == -1e4f) drawings()[i](image, place, 3);
    CHECK(touched_pixels(image) == 0);
  }
}

TEST_CASE("a rectangle on whole pixels covers exactly these") {
  Image image(8, 6, 3);
  fill_rectangle(image, 2, 1, 3, 4, kRed);
  CHECK(touched_pixels(image) == 12);
  CHECK(image.at(2, 1)[0] == 255);
  CHECK(image.at(4, 4)[0] == 255);
  CHECK(image.at(5, 4)[0] == 0);
  Image frame(8, 6, 3);
  draw_rectangle(frame, 0, 0, 8, 6, kRed, 1);
  CHECK(touched_pixels(frame) == 2 * 8 + 2 * 4);
}

TEST_CASE("half a pixel or half the alpha is half the colour") {
  Image image(3, 1, 3);
  fill_rectangle(image, 0.5f, -2, 10, 9, {200, 100, 0});
  CHECK(image.at(0, 0)[0] == 100);
  CHECK(image.at(0, 0)[1] == 50);
  CHECK(image.at(1, 0)[0] == 200);
  Image other(1, 1, 3);
  fill_rectangle(other, 0, 0, 1, 1, Color{200, 100, 0}.with_alpha(0.5f));
  CHECK(other.pixels == std::vector<std::uint8_t>{100, 50, 0});
}

TEST_CASE("a mask colours as strongly as it says") {
  Image image(3, 1, 3);
  blend_mask(image, Image({0, 255, 51}, 3, 1, 1), {100, 0, 50});
  CHECK(image.pixels == std::vector<std::uint8_t>{0, 0, 0, 100, 0, 50, 20, 0, 10});
}

TEST_CASE("an outline runs along the border and leaves inside and outside as they are") {
  Image mask(40, 40, 1);
  for (int y = 10; y < 30; ++y)
    for (int x = 10; x < 30; ++x) *mask.at(x, y) = 1;
  Image image(40, 40, 3);
  draw_outline(image, connected_components(mask), 1, kRed, 2);
  CHECK(image.at(20, 20)[0] == 0);
  CHECK(image.at(20, 5)[0] == 0);
  CHECK(image.at(20, 9)[0] > 200);
  CHECK(image.at(20, 10)[0] > 200);
  CHECK(refusal([&] { draw_outline(image, connected_components(mask), 2, kRed); }) == Errc::BadInput);
}

TEST_CASE("text has the width it says, grows with its size, and takes any bytes") {
  for (const float size : {7.0f, 14.0f, 30.0f}) {
    Image image(300, 60, 3);
    draw_text(image, 10, 10, "Hill 93%", {.size = size, .color = kRed});
    CHECK(touched_pixels(image) > 20);
    int right = 0, top = 60;
    for (int y = 0; y < 60; ++y)
      for (int x = 0; x < 300; ++x)
        if (image.at(x, y)[0] > 128) right = std::max(right, x), top = std::min(top, y);
    CHECK(static_cast<float>(right) <= 10 + text_width("Hill 93%", size));
    CHECK(static_cast<float>(right) > 10 + 0.8f * text_width("Hill 93%", size));
    CHECK(top >= 9);
    CHECK(top <= 11);
  }
  CHECK(text_width("ab", 20) == doctest::Approx(2 * text_width("ab", 10)));
  Image image(200, 20, 3), same(200, 20, 3);
  draw_text(image, 0, 0, "\x80\xff\n\t", {.size = 10});
  draw_text(same, 0, 0, "????", {.size = 10});
  CHECK(image.pixels == same.pixels);
  std::string all(5000, '#');
  for (std::size_t i = 0; i < 256; ++i) all[i] = static_cast<char>(i);
  draw_text(image, 0, 0, all, {.size = 10, .color = kRed});
  CHECK(touched_pixels(image) > 0);
}

TEST_CASE("only colour pictures are drawn on") {
  for (const Draw& draw : drawings()) {
    Image grey(4, 4, 1);
    CHECK(refusal([&] { draw(grey, 0, 0); }) == Errc::BadInput);
  }
}

}  // namespace
}  // namespace coverslip
