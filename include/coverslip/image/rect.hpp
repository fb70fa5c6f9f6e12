// A rectangle of pixels: what tiles, components and drawing speak of.
#pragma once
#include <algorithm>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

// Columns x .. x + width - 1 and rows y .. y + height - 1; empty where either size is not positive.
struct Rect {
  int x = 0, y = 0, width = 0, height = 0;
  bool empty() const { return width <= 0 || height <= 0; }
  bool contains(int px, int py) const { return px >= x && py >= y && px - x < width && py - y < height; }
  std::int64_t area() const { return empty() ? 0 : static_cast<std::int64_t>(width) * height; }
  bool operator==(const Rect&) const = default;
};

inline Rect intersection(const Rect& a, const Rect& b) {
  const int x = std::max(a.x, b.x), y = std::max(a.y, b.y);
  return {x, y, std::max(0, std::min(a.x + a.width, b.x + b.width) - x),
          std::max(0, std::min(a.y + a.height, b.y + b.height) - y)};
}

}  // namespace v0
}  // namespace coverslip
