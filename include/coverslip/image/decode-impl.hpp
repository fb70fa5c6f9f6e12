// Decoding of pictures, by stb_image and jpeg-impl.hpp.
#pragma once
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "coverslip/image/jpeg-impl.hpp"
#include "coverslip/image/structure-impl.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

// What stb may hold at once: planes, coefficients and copies of the pixels, padded to blocks, and copies of the file.
inline std::size_t decoding_bytes(const PictureInfo& info, std::size_t file_bytes) {
  const auto padded = [](int n) { return static_cast<std::size_t>(n) + 64; };
  return 32 * padded(info.width) * padded(info.height) + 4 * file_bytes;
}

// Nothing where the file cannot be decoded; stbi_failure_reason() says why. Call it within a Budget.
inline std::optional<Image> decode_png(const stbi_uc* data, int size, const PictureInfo& info) {
  int width = 0, height = 0, in_file = 0;
  if (info.bits == 16) {
    const auto* wide = stbi_load_16_from_memory(data, size, &width, &height, &in_file, info.channels);
    if (wide == nullptr) return std::nullopt;
    Image result(width, height, info.channels);
    for (std::uint8_t& x : result.pixels) x = static_cast<std::uint8_t>((*wide++ + 128u) / 257u);
    return result;
  }
  const stbi_uc* decoded = stbi_load_from_memory(data, size, &width, &height, &in_file, info.channels);
  if (decoded == nullptr) return std::nullopt;
  Image result(width, height, info.channels);
  std::memcpy(result.pixels.data(), decoded, result.pixels.size());
  return result;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using OpenFile = std::unique_ptr<std::FILE, CloseFile>;

inline std::vector<std::byte> read_file(const std::string& path) {
  const auto fail = [&](const char* what) { throw Error(Errc::Io, path, what, std::strerror(errno)); };
  const OpenFile file(std::fopen(path.c_str(), "rb"));
  if (!file) fail("cannot be opened: ");
  std::vector<std::byte> bytes;
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  for (std::size_t got = kPiece; got == kPiece;) {
    const std::size_t before = bytes.size();
    if (before > INT_MAX) throw Error(Errc::OverBudget, path, "a picture file has at most ", INT_MAX, " bytes");
    bytes.resize(before + kPiece);
    got = std::fread(bytes.data() + before, 1, kPiece, file.get());
    bytes.resize(before + got);
  }
  if (std::ferror(file.get())) fail("cannot be read: ");
  return bytes;
}

}  // namespace image

PictureInfo picture_info(std::span<const std::byte> bytes, const DecodeLimits& limits, std::string_view name) {
  constexpr unsigned char kPng[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  constexpr unsigned char kJpeg[] = {0xFF, 0xD8, 0xFF};
  const auto begins_with = [&](const auto& magic) {
    return bytes.size() >= sizeof magic && std::memcmp(bytes.data(), magic, sizeof magic) == 0;
  };
  const image::FileView file(bytes, name);
  if (bytes.size() > INT_MAX) file.fail_with(Errc::OverBudget, 0, "a picture file has at most ", INT_MAX, " bytes");
  const bool png = begins_with(kPng);
  if (!png && !begins_with(kJpeg))
    file.fail(0, bytes.empty() ? "the file is empty" : "neither a PNG nor a JPEG; convert it to PNG");
  const PictureInfo info = png ? image::png_info(file) : image::jpeg_info(file);
  const auto pixels = static_cast<std::uint64_t>(info.width) * static_cast<std::uint64_t>(info.height);
  if (pixels > limits.max_pixels)
    file.fail_with(Errc::OverBudget, 0, info.width, "x", info.height, " pixels, the limit is ", limits.max_pixels,
                   "; cut the picture, or raise DecodeLimits::max_pixels");
  // Each block of 64 pixels takes at least one bit of a JPEG.
  const std::size_t most = png ? std::max<std::size_t>(limits.max_pixels_per_byte, 1) : 512;
  if (pixels / most > bytes.size())
    file.fail_with(Errc::OverBudget, 0, info.width, "x", info.height, " pixels in ", bytes.size(),
                   " bytes, the limit is ", most, " a byte: the file is damaged, or no ordinary picture");
  return info;
}

Image decode(std::span<const std::byte> bytes, const DecodeLimits& limits, std::string_view name) {
  const PictureInfo info = picture_info(bytes, limits, name);
  const image::FileView file(bytes, name);
  image::Budget budget(image::decoding_bytes(info, bytes.size()));
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  std::optional<Image> result =
      info.format == PictureFormat::Jpeg ? image::decode_jpeg(data, size) : image::decode_png(data, size, info);
  if (budget.exceeded()) file.fail_with(Errc::OverBudget, 0, "decoding wants more memory than such a picture should");
  if (!result && std::strcmp(stbi_failure_reason(), "outofmem") == 0)
    file.fail_with(Errc::OutOfMemory, 0, "no memory to decode ", info.width, "x", info.height, " pixels");
  if (!result) file.fail(0, "cannot be decoded (", stbi_failure_reason(), "); the file is damaged, get another copy");
  if (result->width != info.width || result->height != info.height) file.fail(0, "the file speaks of two sizes");
  return std::move(*result);
}

Image load_image(const std::string& path, const DecodeLimits& limits) {
  return decode(image::read_file(path), limits, path);
}

}  // namespace v0
}  // namespace coverslip
