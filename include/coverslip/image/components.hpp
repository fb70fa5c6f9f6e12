// Connected components of a mask: which pixels hang together, and what each group measures.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "coverslip/core/image.hpp"
#include "coverslip/image/rect.hpp"

namespace coverslip {
inline namespace v0 {

struct Component {
  std::int64_t area = 0;  // pixels
  Rect box;               // the smallest that holds it
  double x = 0, y = 0;    // centroid; the centre of the picture's first pixel is 0, 0
};

struct Components {
  int width = 0, height = 0;
  std::vector<std::int32_t> labels;  // of each pixel, row by row: 0 is background, i + 1 belongs to items[i]
  std::vector<Component> items;      // in the order in which rows from the top first meet them

  std::int32_t label(int x, int y) const {
    return labels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
  }
};

enum class Neighbours : std::uint8_t { Four, Eight };

// The groups of pixels that are not 0; those below min_area count as background. Throws Error(BadInput) unless grey.
Components connected_components(const Image& mask, Neighbours neighbours = Neighbours::Eight,
                                std::int64_t min_area = 1);

// Makes those components background for which `unwanted` is true; the rest keeps its order, without gaps in the labels.
void drop(Components& components, const std::function<bool(const Component&)>& unwanted);

// Lets each component grow through the pixels of the mask that belong to none, step by step and all at once, until
// they meet: gives touching cells, found apart by their cores, their full size. Parts of the mask without a core stay
// background.
Components grow(const Components& cores, const Image& mask);

}  // namespace v0
}  // namespace coverslip
