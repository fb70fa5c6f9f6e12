// From JPEG coefficients, which stb reads, to pixels exactly as libjpeg makes them: networks are trained on those.
#pragma once
#include <array>
#include <optional>

#include "coverslip/core/image.hpp"
#include "coverslip/image/stb-impl.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

constexpr std::uint8_t to_byte(std::int64_t x) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(x, 0, 255));
}

// The inverse DCT of eight values, without rounding: Loeffler, Ligtenberg and Moschytz 1989 (figure 1, run
// backwards), the factors with 13 bits. The results are 2^13 * sqrt(8) times too large. 64 bits hold whatever a
// damaged file leads to.
inline std::array<std::int64_t, 8> idct_8(const std::array<std::int64_t, 8>& x) {
  const auto c = [](double factor) { return static_cast<std::int64_t>(factor * 8192 + 0.5); };
  const std::int64_t turn = (x[2] + x[6]) * c(0.541196100);
  const std::int64_t even2 = turn - x[6] * c(1.847759065), even3 = turn + x[2] * c(0.765366865);
  const std::int64_t even0 = (x[0] + x[4]) * 8192, even1 = (x[0] - x[4]) * 8192;
  const std::int64_t even[] = {even0 + even3, even1 + even2, even1 - even2, even0 - even3};

  const std::int64_t all = (x[7] + x[3] + x[5] + x[1]) * c(1.175875602);
  const std::int64_t a = -(x[7] + x[1]) * c(0.899976223), b = -(x[5] + x[3]) * c(2.562915447);
  const std::int64_t d = all - (x[7] + x[3]) * c(1.961570560), e = all - (x[5] + x[1]) * c(0.390180644);
  const std::int64_t odd[] = {x[1] * c(1.501321110) + a + e, x[3] * c(3.072711026) + b + d,
                              x[5] * c(2.053119869) + b + e, x[7] * c(0.298631336) + a + d};
  std::array<std::int64_t, 8> y;
  for (std::size_t i = 0; i < 4; ++i) {
    y[i] = even[i] + odd[i];
    y[7 - i] = even[i] - odd[i];
  }
  return y;
}

// A block of coefficients to pixels around 128: columns rounded to 2 more bits than the result needs, then rows.
inline void idct_block(stbi_uc* out, int stride, short coefficients[64]) {
  std::array<std::array<std::int64_t, 8>, 8> rows;
  for (std::size_t x = 0; x < 8; ++x) {
    std::array<std::int64_t, 8> column;
    for (std::size_t y = 0; y < 8; ++y) column[y] = coefficients[8 * y + x];
    column = idct_8(column);
    for (std::size_t y = 0; y < 8; ++y) rows[y][x] = (column[y] + (1 << 10)) >> 11;
  }
  for (const auto& row : rows) {
    const auto pixels = idct_8(row);
    for (std::size_t x = 0; x < 8; ++x) out[x] = to_byte(((pixels[x] + (1 << 17)) >> 18) + 128);
    out += stride;
  }
}

// One component of the picture, at its own resolution.
struct Plane {
  const std::uint8_t* data;
  std::size_t stride;
  int width, height;  // without the padding to blocks
  int across, down;   // pixels of the picture for one sample

  const std::uint8_t* row(int y) const {
    return data + static_cast<std::size_t>(std::clamp(y, 0, height - 1)) * stride;
  }

  // Row y of the picture: halved axes are interpolated (3/4 of the near sample, 1/4 of the far one, rounded up and
  // down in turns), others repeated.
  void upsample(int y, std::uint8_t* out) const {
    const int at = y / down;
    const std::uint8_t* near = row(at);
    const std::uint8_t* far = row(y % down == 0 ? at - 1 : at + 1);
    const bool smooth_across = across == 2 && down <= 2 && width > 2,
               smooth_down = down == 2 && (across == 1 || smooth_across);
    const auto sum = [&](int x) { return smooth_down ? 3 * near[x] + far[x] : int{near[x]}; };
    if (smooth_across) {
      const int shift = smooth_down ? 4 : 2, left_bias = smooth_down ? 8 : 1, right_bias = smooth_down ? 7 : 2;
      for (int x = 0; x < width; ++x) {
        const int mine = 3 * sum(x);
        *out++ = static_cast<std::uint8_t>((mine + sum(std::max(x - 1, 0)) + left_bias) >> shift);
        *out++ = static_cast<std::uint8_t>((mine + sum(std::min(x + 1, width - 1)) + right_bias) >> shift);
      }
    } else if (smooth_down) {
      for (int x = 0; x < width; ++x) *out++ = static_cast<std::uint8_t>((sum(x) + 1 + y % 2) >> 2);
    } else {
      for (int x = 0; x < width; ++x, out += across) std::fill_n(out, across, near[x]);
    }
  }
};

// ITU-R BT.601 as JFIF has it, with 16 bits of fraction.
inline void to_rgb(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, int n, std::uint8_t* out) {
  constexpr int kHalf = 1 << 15;
  for (int i = 0; i < n; ++i, out += 3) {
    const int blue = cb[i] - 128, red = cr[i] - 128;
    out[0] = to_byte(y[i] + ((91881 * red + kHalf) >> 16));
    out[1] = to_byte(y[i] + ((-22554 * blue - 46802 * red + kHalf) >> 16));
    out[2] = to_byte(y[i] + ((116130 * blue + kHalf) >> 16));
  }
}

enum class JpegColours { Grey, Rgb, YCbCr, Inks, AdobeInks, AdobeYcck };

inline JpegColours colours_of(const stbi__jpeg& jpeg) {
  const int adobe = jpeg.app14_color_transform;  // -1: the file has no such segment
  if (jpeg.s->img_n == 1) return JpegColours::Grey;
  if (jpeg.s->img_n == 3) return jpeg.rgb == 3 || (adobe == 0 && !jpeg.jfif) ? JpegColours::Rgb : JpegColours::YCbCr;
  return adobe == 2 ? JpegColours::AdobeYcck : adobe == 0 ? JpegColours::AdobeInks : JpegColours::Inks;
}

using Rows = std::array<std::vector<std::uint8_t>, 4>;  // one of each component

// One row of the picture. Printers' inks are laid on white paper, as Pillow does; Adobe's files hold 255 minus the ink.
inline void mix(JpegColours colours, const Rows& rows, int width, std::uint8_t* out) {
  if (colours == JpegColours::Grey) {
    std::copy_n(rows[0].data(), width, out);
    return;
  }
  if (colours == JpegColours::YCbCr || colours == JpegColours::AdobeYcck) {
    to_rgb(rows[0].data(), rows[1].data(), rows[2].data(), width, out);
  } else {
    for (std::size_t i = 0; i < static_cast<std::size_t>(width) * 3; ++i) out[i] = rows[i % 3][i / 3];
  }
  if (colours == JpegColours::Rgb || colours == JpegColours::YCbCr) return;
  for (std::size_t i = 0; i < static_cast<std::size_t>(width) * 3; ++i) {
    const int black = rows[3][i / 3], left = colours == JpegColours::Inks ? 255 - black : black;
    const int ink = colours == JpegColours::AdobeInks ? 255 - out[i] : out[i];
    out[i] = static_cast<std::uint8_t>(left - (ink * left + 127) / 255);
  }
}

// Nothing where the file cannot be decoded; stbi_failure_reason() says why. Call it within a Budget.
inline std::optional<Image> decode_jpeg(const stbi_uc* data, int size) {
  stbi__context context{};
  stbi__start_mem(&context, data, size);
  const auto jpeg = std::make_unique<stbi__jpeg>();
  jpeg->s = &context;
  stbi__setup_jpeg(jpeg.get());
  jpeg->idct_block_kernel = idct_block;
  if (!stbi__decode_jpeg_image(jpeg.get())) return std::nullopt;
  std::vector<Plane> planes;
  for (int c = 0; c < context.img_n; ++c) {
    const auto& from = jpeg->img_comp[c];
    planes.push_back({from.data, static_cast<std::size_t>(from.w2), from.x, from.y, jpeg->img_h_max / from.h,
                      jpeg->img_v_max / from.v});
  }
  const int width = static_cast<int>(context.img_x), height = static_cast<int>(context.img_y);
  const JpegColours colours = colours_of(*jpeg);
  Image result(width, height, colours == JpegColours::Grey ? 1 : 3);
  Rows rows;
  for (auto& row : rows) row.resize(static_cast<std::size_t>(width) + 4);  // the last sample may stand for 4 pixels
  for (int y = 0; y < height; ++y) {
    for (std::size_t c = 0; c < planes.size(); ++c) planes[c].upsample(y, rows[c].data());
    mix(colours, rows, width, result.at(0, y));
  }
  stbi__cleanup_jpeg(jpeg.get());
  return result;
}

}  // namespace image
}  // namespace v0
}  // namespace coverslip
