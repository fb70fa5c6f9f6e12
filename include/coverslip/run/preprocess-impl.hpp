// Preprocess: pixels to the input of a network.
#pragma once
#include <algorithm>

#include "coverslip/coverslip.hpp"

namespace coverslip {
inline namespace v0 {

// Where a resized pixel lies in the original: half-pixel centres, clamped at the edges.
struct PixelSource {
  int low, high;
  float share;  // of `high`

  PixelSource(int at, int to, int from, Preprocess::Resize resize) {
    const float x = (static_cast<float>(at) + 0.5f) * static_cast<float>(from) / static_cast<float>(to) - 0.5f;
    if (resize == Preprocess::Resize::Nearest) {
      low = high = std::clamp(static_cast<int>(x + 0.5f), 0, from - 1);
      share = 0;
      return;
    }
    const float inside = std::clamp(x, 0.0f, static_cast<float>(from - 1));
    low = static_cast<int>(inside);
    high = std::min(low + 1, from - 1);
    share = inside - static_cast<float>(low);
  }
};

inline float channel_of(const std::uint8_t* pixel, int channels, int channel, Preprocess::Color color) {
  if (channels == 1) return pixel[0];
  switch (color) {
    case Preprocess::Color::Bgr: return pixel[2 - channel];
    case Preprocess::Color::Gray:  // ITU-R BT.601 luma
      return 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
    case Preprocess::Color::Rgb: break;
  }
  return pixel[channel];
}

inline void check_preprocess(const Preprocess& p, const Image& image, std::size_t channels) {
  if (image.width < 1 || image.height < 1) throw Error(Errc::BadInput, "picture", "is empty");
  for (const auto* values : {&p.mean, &p.std})
    if (!values->empty() && values->size() != channels)
      throw Error(Errc::BadInput, "preprocess", "mean and std want ", channels, " values, got ", values->size());
  const bool resizes = (p.width > 0 && p.width != image.width) || (p.height > 0 && p.height != image.height);
  if (resizes && p.resize == Preprocess::Resize::None)
    throw Error(Errc::BadInput, "picture", "is ", image.width, "x", image.height, ", the model wants ", p.width, "x",
                p.height, " and allows no resizing");
}

Tensor Preprocess::operator()(const Image& image) const {
  const int channels = color == Color::Gray ? 1 : 3;
  check_preprocess(*this, image, static_cast<std::size_t>(channels));
  const int w = width > 0 ? width : image.width, h = height > 0 ? height : image.height;
  Tensor out({DType::f32, channels_last ? Shape{1, h, w, channels} : Shape{1, channels, h, w}});
  const auto y = out.values<float>();
  for (int row = 0; row < h; ++row) {
    const PixelSource v(row, h, image.height, resize);
    for (int col = 0; col < w; ++col) {
      const PixelSource u(col, w, image.width, resize);
      for (int c = 0; c < channels; ++c) {
        const auto at = [&](int px, int py) { return channel_of(image.at(px, py), image.channels, c, color); };
        const float top = at(u.low, v.low) + u.share * (at(u.high, v.low) - at(u.low, v.low));
        const float bottom = at(u.low, v.high) + u.share * (at(u.high, v.high) - at(u.low, v.high));
        const auto k = static_cast<std::size_t>(c);
        const float value = (top + v.share * (bottom - top)) * scale - (mean.empty() ? 0.0f : mean[k]);
        const int place = channels_last ? (row * w + col) * channels + c : (c * h + row) * w + col;
        y[static_cast<std::size_t>(place)] = value / (std.empty() ? 1.0f : std[k]);
      }
    }
  }
  return out;
}

}  // namespace v0
}  // namespace coverslip
