// Drawing: every shape is a distance to its border, and covers a pixel by how far the pixel's centre lies inside.
#pragma once
#include <cmath>

#include "coverslip/image/draw.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

inline void check_drawable(const Image& image) {
  if (image.channels != 3)
    throw Error(Errc::BadInput, "picture", "to draw on has 3 channels, this one ", image.channels);
}

// Mixes the colour into the pixel, which lies inside the picture.
inline void blend(Image& image, int x, int y, Color color, float coverage) {
  const float share = std::clamp(coverage, 0.0f, 1.0f) * std::clamp(color.alpha, 0.0f, 1.0f);
  std::uint8_t* pixel = image.at(x, y);
  const std::uint8_t values[] = {color.r, color.g, color.b};
  for (int c = 0; c < 3; ++c) {
    const float below = pixel[c];
    pixel[c] = static_cast<std::uint8_t>(below + share * (static_cast<float>(values[c]) - below) + 0.5f);
  }
}

// The pixels of the picture that the rectangle touches. Lengths that no picture has, and NaN, become nothing or the
// border.
inline Rect touched(const Image& image, float left, float top, float right, float bottom) {
  const auto pixel = [](float at, int most) {
    return at > 0 ? static_cast<int>(std::min(at, static_cast<float>(most))) : 0;
  };
  const int x = pixel(std::floor(left), image.width), y = pixel(std::floor(top), image.height);
  return {x, y, pixel(std::ceil(right), image.width) - x, pixel(std::ceil(bottom), image.height) - y};
}

// Calls f(x, y) for each pixel of the rectangle.
template <class F>
void each_pixel(const Rect& rect, const F& f) {
  for (int y = rect.y; y < rect.y + rect.height; ++y)
    for (int x = rect.x; x < rect.x + rect.width; ++x) f(x, y);
}

// Draws the shape inside the bounds. distance(x, y): from the point to the shape's border in pixels, negative inside.
template <class Distance>
void fill(Image& image, float left, float top, float right, float bottom, Color color, const Distance& distance) {
  check_drawable(image);
  each_pixel(touched(image, left - 1, top - 1, right + 1, bottom + 1), [&](int x, int y) {
    const float coverage = 0.5f - distance(static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f);
    if (coverage > 0) blend(image, x, y, color, coverage);
  });
}

struct Stroke {
  float x0, y0, x1, y1;
  // To the line between the two ends.
  float distance(float x, float y) const {
    const float dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
    const float along = length > 0 ? std::clamp(((x - x0) * dx + (y - y0) * dy) / length, 0.0f, 1.0f) : 0.0f;
    return std::hypot(x - x0 - along * dx, y - y0 - along * dy);
  }
};

struct RoundedBox {
  float x, y, width, height, radius;
  float distance(float px, float py) const {
    const float r = std::clamp(radius, 0.0f, std::max(0.0f, std::min(width, height) / 2));
    const float dx = std::abs(px - x - width / 2) - width / 2 + r, dy = std::abs(py - y - height / 2) - height / 2 + r;
    return std::hypot(std::max(dx, 0.0f), std::max(dy, 0.0f)) + std::min(std::max(dx, dy), 0.0f) - r;
  }
};

}  // namespace image

void fill_rectangle(Image& image, float x, float y, float width, float height, Color color, float radius) {
  const image::RoundedBox box{x, y, width, height, radius};
  image::fill(image, x, y, x + width, y + height, color, [&](float px, float py) { return box.distance(px, py); });
}

void draw_rectangle(Image& image, float x, float y, float width, float height, Color color, float thickness,
                    float radius) {
  const image::RoundedBox box{x, y, width, height, radius};
  image::fill(image, x, y, x + width, y + height, color, [&](float px, float py) {
    const float distance = box.distance(px, py);
    return std::max(distance, -thickness - distance);
  });
}

void draw_line(Image& image, float x0, float y0, float x1, float y1, Color color, float thickness) {
  const image::Stroke stroke{x0, y0, x1, y1};
  const float half = thickness / 2;
  image::fill(image, std::min(x0, x1) - half, std::min(y0, y1) - half, std::max(x0, x1) + half, std::max(y0, y1) + half,
              color, [&](float x, float y) { return stroke.distance(x, y) - half; });
}

void fill_circle(Image& image, float x, float y, float radius, Color color) {
  image::fill(image, x - radius, y - radius, x + radius, y + radius, color,
              [&](float px, float py) { return std::hypot(px - x, py - y) - radius; });
}

void paste(Image& image, const Image& from, int x, int y) {
  image::check_drawable(image);
  image::each_pixel(intersection({x, y, from.width, from.height}, {0, 0, image.width, image.height}),
                    [&](int px, int py) {
                      const std::uint8_t* pixel = from.at(px - x, py - y);
                      for (int c = 0; c < 3; ++c) image.at(px, py)[c] = pixel[from.channels == 3 ? c : 0];
                    });
}

void blend_mask(Image& image, const Image& mask, Color color, int x, int y) {
  image::check_drawable(image);
  if (mask.channels != 1)
    throw Error(Errc::BadInput, "mask", "is a grey picture, this one has ", mask.channels, " channels");
  image::each_pixel(intersection({x, y, mask.width, mask.height}, {0, 0, image.width, image.height}),
                    [&](int px, int py) {
                      const std::uint8_t strength = *mask.at(px - x, py - y);
                      if (strength > 0) image::blend(image, px, py, color, static_cast<float>(strength) / 255.0f);
                    });
}

void draw_outline(Image& image, const Components& components, std::int32_t label, Color color, float thickness, int x,
                  int y) {
  image::check_drawable(image);
  if (label < 1 || static_cast<std::size_t>(label) > components.items.size())
    throw Error(Errc::BadInput, "label", "is 1 to ", components.items.size(), ", got ", label);
  // The component blurred falls from 1 to 0 across its border: 0.5 is a smooth line there, and the value tells the
  // distance.
  constexpr int kReach = 4;
  constexpr float kSigma = 1.6f,
                  kPixelsPerUnit = kSigma * 2.5066283f;  // 1 / slope of a blurred edge: sigma * sqrt(2 pi)
  float weights[2 * kReach + 1], sum = 0;
  for (int i = -kReach; i <= kReach; ++i)
    sum += weights[i + kReach] = std::exp(static_cast<float>(-i * i) / (2 * kSigma * kSigma));
  const Rect& box = components.items[static_cast<std::size_t>(label - 1)].box;
  const int width = box.width + 2 * kReach, height = box.height + 2 * kReach;
  const auto at = [width](int px, int py) {
    return static_cast<std::size_t>(py) * static_cast<std::size_t>(width) + static_cast<std::size_t>(px);
  };
  std::vector<float> rows(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), 0.0f), blurred = rows;
  image::each_pixel({0, 0, box.width, box.height}, [&](int px, int py) {
    if (components.label(box.x + px, box.y + py) != label) return;
    for (int i = 0; i <= 2 * kReach; ++i) rows[at(px + i, py + kReach)] += weights[i] / sum;
  });
  image::each_pixel({0, kReach, width, box.height}, [&](int px, int py) {
    for (int i = -kReach; i <= kReach; ++i) blurred[at(px, py + i)] += rows[at(px, py)] * weights[i + kReach] / sum;
  });
  const int left = x + box.x - kReach, top = y + box.y - kReach;
  image::each_pixel(intersection({left, top, width, height}, {0, 0, image.width, image.height}), [&](int px, int py) {
    const float distance = std::abs(blurred[at(px - left, py - top)] - 0.5f) * kPixelsPerUnit;
    const float coverage = thickness / 2 + 0.5f - distance;
    if (coverage > 0) image::blend(image, px, py, color, coverage);
  });
}

void draw_components(Image& image, const Components& components, Color color, float filling, float thickness, int x,
                     int y) {
  Image mask(components.width, components.height, 1);
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) mask.pixels[i] = components.labels[i] != 0 ? 255 : 0;
  blend_mask(image, mask, color.with_alpha(filling * color.alpha), x, y);
  for (std::size_t i = 1; i <= components.items.size(); ++i)
    draw_outline(image, components, static_cast<std::int32_t>(i), color, thickness, x, y);
}

}  // namespace v0
}  // namespace coverslip
