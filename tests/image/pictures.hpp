// Small pictures for the tests of image/.
#pragma once
#include <doctest/doctest.h>

#include <random>
#include <string_view>

#include "coverslip/image/decode.hpp"

namespace coverslip {
inline namespace v0 {

// Every pixel different from its neighbours, and smooth enough that a wrong stride or channel order changes it much.
inline Image pattern(int width, int height, int channels) {
  Image image(width, height, channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c) image.at(x, y)[c] = static_cast<std::uint8_t>(7 * x + 13 * y + 80 * c);
  return image;
}

inline Image noise(int width, int height, int channels, unsigned seed = 1) {
  Image image(width, height, channels);
  std::mt19937 random(seed);
  for (std::uint8_t& x : image.pixels) x = static_cast<std::uint8_t>(random());
  return image;
}

// A grey picture from lines of text: '.' is 0, everything else 255.
inline Image drawn(std::initializer_list<std::string_view> rows) {
  Image mask(static_cast<int>(rows.begin()->size()), static_cast<int>(rows.size()), 1);
  std::size_t i = 0;
  for (const std::string_view row : rows)
    for (const char c : row) mask.pixels[i++] = c == '.' ? 0 : 255;
  return mask;
}

// The code of the Error that f throws; none is a failure of the test.
template <class F>
Errc refusal(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    CHECK(!error.where().empty());
    CHECK(!error.message().empty());
    return error.code();
  }
  FAIL("no Error was thrown");
  return Errc::Busy;
}

// Decodes, and wants a picture or an Error.
inline bool survives(std::span<const std::byte> file) {
  try {
    const Image image = decode(file, {.max_pixels = 1 << 20});
    return !image.pixels.empty();
  } catch (const Error& error) {
    return error.code() == Errc::BadInput || error.code() == Errc::OverBudget || error.code() == Errc::Unsupported;
  }
}

}  // namespace v0
}  // namespace coverslip
