// A grid of windows over a picture: for networks that read more than they answer for, for pictures too big for one run.
#pragma once
#include <cstring>

#include "coverslip/core/image.hpp"
#include "coverslip/image/rect.hpp"

namespace coverslip {
inline namespace v0 {

// Of one window: what is read, and what it answers for. Windows may reach over the picture's borders, cores do not.
struct Tile {
  Rect window, core;
};

// Cores of `step` pixels side by side, from the top left corner in rows, the last of each row and column cut at the
// border: together they hold each pixel exactly once. Each window is square and begins `margin` pixels left of and
// above its core.
class TileGrid {
 public:
  // Throws Error(BadInput) unless 0 < step, 0 <= margin and margin + step <= window.
  TileGrid(int width, int height, int window, int step, int margin)
      : width_(width), height_(height), window_(window), step_(step), margin_(margin) {
    if (width < 0 || height < 0 || step <= 0 || margin < 0 || margin > window || step > window - margin)
      throw Error(Errc::BadInput, "TileGrid",
                  "wants a picture and 0 < step, 0 <= margin, margin + step <= window; got ", width, "x", height,
                  ", window ", window, ", step ", step, ", margin ", margin);
    columns_ = width / step + (width % step != 0);
    rows_ = height / step + (height % step != 0);
  }
  // The margin is the same on all sides.
  TileGrid(int width, int height, int window, int step) : TileGrid(width, height, window, step, (window - step) / 2) {}

  int columns() const { return columns_; }
  int rows() const { return rows_; }
  std::size_t size() const { return static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows_); }
  // Row by row.
  Tile operator[](std::size_t index) const {
    const auto columns = static_cast<std::size_t>(columns_);
    const int x = static_cast<int>(index % columns) * step_, y = static_cast<int>(index / columns) * step_;
    return {{x - margin_, y - margin_, window_, window_},
            {x, y, std::min(step_, width_ - x), std::min(step_, height_ - y)}};
  }

 private:
  int width_, height_, window_, step_, margin_;
  int columns_ = 0, rows_ = 0;
};

// The part of a picture, black where it reaches over the border.
inline Image cut(const Image& image, const Rect& part) {
  Image piece(part.width, part.height, image.channels);
  const Rect inside = intersection(part, {0, 0, image.width, image.height});
  if (inside.empty()) return piece;
  const auto bytes = static_cast<std::size_t>(inside.width) * static_cast<std::size_t>(image.channels);
  for (int y = inside.y; y < inside.y + inside.height; ++y)
    std::memcpy(piece.at(inside.x - part.x, y - part.y), image.at(inside.x, y), bytes);
  return piece;
}

}  // namespace v0
}  // namespace coverslip
