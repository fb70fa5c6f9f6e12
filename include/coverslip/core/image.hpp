// A picture in memory: what decoding makes, what Preprocess reads, what drawing changes.
#pragma once
#include <cstdint>
#include <vector>

#include "coverslip/core/error.hpp"

namespace coverslip {
inline namespace v0 {

// Pixels of 8 bits a channel: rows from top to bottom, channels (1: grey, 3: R G B) side by side.
struct Image {
  std::vector<std::uint8_t> pixels;
  int width = 0, height = 0, channels = 3;

  Image() = default;
  // Black, or the pixels given. Throws Error(BadInput) where their number is not width * height * channels.
  Image(int w, int h, int c) : Image({}, w, h, c) {}
  Image(std::vector<std::uint8_t> p, int w, int h, int c) : pixels(std::move(p)), width(w), height(h), channels(c) {
    if (w < 0 || h < 0 || (c != 1 && c != 3))
      throw Error(Errc::BadInput, "Image", "wants a size and 1 or 3 channels, got ", w, "x", h, "x", c);
    const std::size_t wanted = static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * static_cast<std::size_t>(c);
    if (pixels.empty()) pixels.resize(wanted);
    if (pixels.size() != wanted)
      throw Error(Errc::BadInput, "Image", w, "x", h, "x", c, " wants ", wanted, " bytes, got ", pixels.size());
  }
  std::uint8_t* at(int x, int y) { return pixels.data() + offset(x, y); }
  const std::uint8_t* at(int x, int y) const { return pixels.data() + offset(x, y); }

 private:
  std::size_t offset(int x, int y) const {
    return (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) *
           static_cast<std::size_t>(channels);
  }
};

}  // namespace v0
}  // namespace coverslip
