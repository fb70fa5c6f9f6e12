// Pictures at another size.
#pragma once
#include "coverslip/core/image.hpp"
#include "coverslip/image/rect.hpp"

namespace coverslip {
inline namespace v0 {

// The part of a picture at another size: interpolated linearly where it grows, averaged where it shrinks, black
// beyond the picture's border. Throws Error(BadInput) for an empty part or size.
Image resized(const Image& image, const Rect& part, int width, int height);

}  // namespace v0
}  // namespace coverslip
