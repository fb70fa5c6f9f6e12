// Pictures to files: PNG (exact) and JPEG.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "coverslip/core/image.hpp"

namespace coverslip {
inline namespace v0 {

// Throw Error(BadInput) for a picture without pixels, Error(Unsupported) for one above 2^30 bytes or, in JPEG, 65,535
// pixels a side.
std::vector<std::byte> encode_png(const Image& image);
std::vector<std::byte> encode_jpeg(const Image& image, int quality = 92);  // 1 to 100

// PNG or JPEG by the ending of the path (.png, .jpg, .jpeg). The file appears whole or not at all: it is written
// beside its place and then renamed. Throws Error(Io) too, Error(BadInput) for another ending.
void save_image(const Image& image, const std::string& path);

}  // namespace v0
}  // namespace coverslip
