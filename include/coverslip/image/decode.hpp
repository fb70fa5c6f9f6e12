// Pictures from files: PNG and JPEG, checked before they are decoded.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "coverslip/core/image.hpp"

namespace coverslip {
inline namespace v0 {

// A picture beyond either limit is refused with OverBudget before memory is taken for it.
struct DecodeLimits {
  std::size_t max_pixels = std::size_t{1} << 28;
  std::size_t max_pixels_per_byte = 8256;  // of a PNG: DEFLATE reaches 1,032 times 8 pixels; a JPEG has 512 at most
};

enum class PictureFormat : std::uint8_t { Png, Jpeg };

// What a file says about its picture.
struct PictureInfo {
  PictureFormat format = PictureFormat::Png;
  int width = 0, height = 0;
  int channels = 3;    // that decode() gives: 1 or 3
  int bits = 8;        // a channel, in the file
  bool alpha = false;  // the file has transparency, which decode() drops
};

// Checks the structure of the whole file, and decodes nothing. `name` is what errors call the picture. Throws Error:
// BadInput (no PNG or JPEG, damaged, cut short), Unsupported (kinds of JPEG that nobody uses), OverBudget.
PictureInfo picture_info(std::span<const std::byte> file, const DecodeLimits& limits = {},
                         std::string_view name = "picture");

// Grey pictures have one channel, all others R G B.
// - The pixels of a JPEG are those of libjpeg (Pillow, OpenCV), bit for bit.
// - Alpha is dropped and the stored colours are taken, as Pillow's convert("RGB") and OpenCV's imread do: networks are
//   trained on such pixels. PictureInfo::alpha tells.
// - 16 bits become 8 by scaling the whole range and rounding, so a film that uses 12 of its 16 bits comes out dark:
//   window it before. PictureInfo::bits tells.
// - The orientation that cameras note beside the picture (Exif) is not applied.
// - A PNG with a wrong checksum and a JPEG without its end are refused: a damaged picture is never completed with grey.
//   JPEG has no checksum, so damage inside may pass unseen.
// Throws what picture_info() throws, and OutOfMemory.
Image decode(std::span<const std::byte> file, const DecodeLimits& limits = {}, std::string_view name = "picture");

// The same from a file. Throws Error(Io) too; errors name the path.
Image load_image(const std::string& path, const DecodeLimits& limits = {});

}  // namespace v0
}  // namespace coverslip
