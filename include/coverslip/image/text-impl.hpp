// Text: the letters of stb_easy_font are cells of a coarse grid; round strokes of any size join the neighbours.
#pragma once
#include "coverslip/image/draw-impl.hpp"
#include "coverslip/image/stb-impl.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

constexpr int kLetterHeight = 7, kGridHeight = 12;  // of a capital, and of all letters, in cells of the grid

inline std::string printable(std::string_view text) {
  std::string s(text.substr(0, 1000));
  for (char& c : s) {
    if (c < ' ' || c > '~') c = '?';
    if (c == '0') c = 'O';  // the font's own zero has a stroke inside, which only reads well on a screen of few pixels
  }
  return s;
}

// The cells of the text that are ink.
class LetterGrid {
 public:
  explicit LetterGrid(std::string text) {
    columns_ = stb_easy_font_width(text.data()) + 1;
    ink_.resize(static_cast<std::size_t>(columns_ * kGridHeight), false);
    struct Corner {
      float x, y, z;
      unsigned char color[4];
    };
    std::vector<Corner> corners(4 * 24 * (text.size() + 1));  // 4 a stroke, no letter has more than 24
    const int strokes = stb_easy_font_print(0, 0, text.data(), nullptr, corners.data(),
                                            static_cast<int>(corners.size() * sizeof(Corner)));
    for (std::size_t i = 0; i < static_cast<std::size_t>(strokes) * 4; i += 4)
      each_pixel({static_cast<int>(corners[i].x), static_cast<int>(corners[i].y),
                  static_cast<int>(corners[i + 2].x - corners[i].x), static_cast<int>(corners[i + 2].y - corners[i].y)},
                 [&](int x, int y) {
                   if (x < columns_ && y < kGridHeight) ink_[index(x, y)] = true;
                 });
  }
  // Joins each cell with its neighbours, across a corner only where no third cell leads around it. A lone cell is a
  // dot.
  std::vector<Stroke> strokes() const {
    std::vector<Stroke> result;
    each_pixel({0, 0, columns_, kGridHeight}, [&](int x, int y) {
      if (!ink(x, y)) return;
      const auto join = [&](int dx, int dy) {
        const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
        result.push_back({fx, fy, fx + static_cast<float>(dx), fy + static_cast<float>(dy)});
      };
      if (ink(x + 1, y)) join(1, 0);
      if (ink(x, y + 1)) join(0, 1);
      for (const int side : {-1, 1})
        if (ink(x + side, y + 1) && !ink(x + side, y) && !ink(x, y + 1)) join(side, 1);
      join(0, 0);
    });
    return result;
  }

 private:
  std::size_t index(int x, int y) const { return static_cast<std::size_t>(y * columns_ + x); }
  bool ink(int x, int y) const { return x >= 0 && x < columns_ && y < kGridHeight && ink_[index(x, y)]; }
  int columns_ = 0;
  std::vector<bool> ink_;
};

}  // namespace image

float text_width(std::string_view text, float size) {
  std::string s = image::printable(text);
  return s.empty() ? 0 : static_cast<float>(stb_easy_font_width(s.data()) - 1) * size / image::kLetterHeight;
}

void draw_text(Image& image, float x, float y, std::string_view text, const TextStyle& style) {
  image::check_drawable(image);
  if (text.empty()) return;
  const float cell = style.size / image::kLetterHeight, half = 0.5f * cell * style.weight;
  const auto strokes = image::LetterGrid(image::printable(text)).strokes();
  const float halo = style.halo.alpha > 0 ? std::max(1.5f, cell) : 0.0f, reach = half + halo + 1;
  const Rect area = image::touched(image, x - reach, y - reach, x + text_width(text, style.size) + reach,
                                   y + cell * image::kGridHeight + reach);
  if (area.empty()) return;
  std::vector<float> nearest(static_cast<std::size_t>(area.area()), reach);  // distance to a stroke
  for (const image::Stroke& s : strokes) {
    const image::Stroke placed{x + (s.x0 + 0.5f) * cell, y + (s.y0 + 0.5f) * cell, x + (s.x1 + 0.5f) * cell,
                               y + (s.y1 + 0.5f) * cell};
    const Rect around =
        intersection(area, image::touched(image, std::min(placed.x0, placed.x1) - reach, placed.y0 - reach,
                                          std::max(placed.x0, placed.x1) + reach, placed.y1 + reach));
    image::each_pixel(around, [&](int px, int py) {
      float& distance = nearest[static_cast<std::size_t>(py - area.y) * static_cast<std::size_t>(area.width) +
                                static_cast<std::size_t>(px - area.x)];
      distance = std::min(distance, placed.distance(static_cast<float>(px) + 0.5f, static_cast<float>(py) + 0.5f));
    });
  }
  const auto ink = [&](Color color, float radius) {
    std::size_t i = 0;
    image::each_pixel(area, [&](int px, int py) {
      const float coverage = radius + 0.5f - nearest[i++];
      if (coverage > 0) image::blend(image, px, py, color, coverage);
    });
  };
  if (halo > 0) ink(style.halo, half + halo);
  ink(style.color, half);
}

}  // namespace v0
}  // namespace coverslip
