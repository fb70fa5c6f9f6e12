// Resizing with a triangle filter as wide as the coarser of the two grids, half-pixel centres.
#pragma once
#include <cmath>

#include "coverslip/image/resize.hpp"
#include "coverslip/image/tiles.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

// Which pixels make one pixel of the result along one axis.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

// Pixels beside the part repeat its border.
inline Taps taps_of(int to, int from, int count) {
  const float scale = static_cast<float>(from) / static_cast<float>(count), reach = std::max(scale, 1.0f);
  const float centre = (static_cast<float>(to) + 0.5f) * scale - 0.5f;
  const int first = static_cast<int>(std::ceil(centre - reach)), last = static_cast<int>(std::floor(centre + reach));
  Taps taps{.first = std::clamp(first, 0, from - 1), .weights = {}};
  taps.weights.resize(static_cast<std::size_t>(std::clamp(last, 0, from - 1) - taps.first) + 1, 0.0f);
  float sum = 0;
  for (int i = first; i <= last; ++i) {
    const float weight = std::max(0.0f, 1 - std::abs(static_cast<float>(i) - centre) / reach);
    taps.weights[static_cast<std::size_t>(std::clamp(i, 0, from - 1) - taps.first)] += weight;
    sum += weight;
  }
  for (float& weight : taps.weights) weight /= sum;
  return taps;
}

inline std::vector<Taps> all_taps(int from, int count) {
  std::vector<Taps> taps;
  for (int to = 0; to < count; ++to) taps.push_back(taps_of(to, from, count));
  return taps;
}

}  // namespace image

Image resized(const Image& image, const Rect& part, int width, int height) {
  if (part.empty() || width <= 0 || height <= 0)
    throw Error(Errc::BadInput, "resized", "wants a part and a size above 0, got ", part.width, "x", part.height,
                " to ", width, "x", height);
  const Image source = cut(image, part);
  Image result(width, height, image.channels);
  const std::vector<image::Taps> columns = image::all_taps(part.width, width),
                                 rows = image::all_taps(part.height, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const image::Taps &down = rows[static_cast<std::size_t>(y)], &across = columns[static_cast<std::size_t>(x)];
      float sums[3] = {0.5f, 0.5f, 0.5f};
      for (std::size_t j = 0; j < down.weights.size(); ++j) {
        const std::uint8_t* pixel = source.at(across.first, down.first + static_cast<int>(j));
        for (const float weight : across.weights)
          for (int c = 0; c < image.channels; ++c) sums[c] += down.weights[j] * weight * static_cast<float>(*pixel++);
      }
      for (int c = 0; c < image.channels; ++c)
        result.at(x, y)[c] = static_cast<std::uint8_t>(std::min(sums[c], 255.0f));
    }
  return result;
}

}  // namespace v0
}  // namespace coverslip
