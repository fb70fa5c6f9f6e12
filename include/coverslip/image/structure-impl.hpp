// The structure of PNG and JPEG files, walked from end to end before anything is decoded.
#pragma once
#include <array>
#include <optional>

#include "coverslip/image/decode.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

// The bytes of a file, and the name for errors. Reading beyond the end says that the file is cut.
class FileView {
 public:
  FileView(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes), name_(name) {}
  std::size_t size() const { return bytes_.size(); }
  unsigned u8(std::size_t at) const { return std::to_integer<unsigned>(part(at, 1)[0]); }
  unsigned u16(std::size_t at) const { return u8(at) << 8 | u8(at + 1); }
  std::uint32_t u32(std::size_t at) const { return u16(at) << 16 | u16(at + 2); }
  std::span<const std::byte> part(std::size_t at, std::size_t n) const {
    if (n > size() || at > size() - n)
      fail(size(), "the file is cut short: it ends in the middle of the picture; get a complete copy");
    return bytes_.subspan(at, n);
  }
  template <class... Parts>
  [[noreturn]] void fail(std::size_t at, const Parts&... parts) const {
    fail_with(Errc::BadInput, at, parts...);
  }
  template <class... Parts>
  [[noreturn]] void fail_with(Errc code, std::size_t at, const Parts&... parts) const {
    throw Error(code, std::string(name_) + ", offset " + std::to_string(at), parts...);
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
};

// CRC-32 as PNG (ISO/IEC 15948, annex D) wants it.
inline std::uint32_t crc32(std::span<const std::byte> bytes) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t n = 0; n < 256; ++n) {
      table[n] = n;
      for (int bit = 0; bit < 8; ++bit) table[n] = (table[n] & 1u ? 0xEDB88320u : 0u) ^ table[n] >> 1;
    }
    return table;
  }();
  std::uint32_t crc = ~std::uint32_t{0};
  for (const std::byte b : bytes) crc = kTable[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xFFu] ^ crc >> 8;
  return ~crc;
}

constexpr std::uint32_t chunk_type(const char (&name)[5]) {
  std::uint32_t type = 0;
  for (int i = 0; i < 4; ++i) type = type << 8 | static_cast<unsigned char>(name[i]);
  return type;
}

// The header, a checksum for each chunk, and the end.
inline PictureInfo png_info(const FileView& file) {
  PictureInfo info{.format = PictureFormat::Png};
  bool pixels = false;
  for (std::size_t at = 8;;) {
    const std::size_t length = file.u32(at);
    const std::uint32_t type = file.u32(at + 4);
    if (length > 0x7FFFFFFFu) file.fail(at, "a PNG chunk wants to be ", length, " bytes long; the file is damaged");
    const auto summed = file.part(at + 4, length + 4);
    if (crc32(summed) != file.u32(at + 8 + length))
      file.fail(at, "the checksum of a PNG chunk is wrong; the file is damaged, get another copy");
    if ((at == 8) != (type == chunk_type("IHDR")))
      file.fail(at, "a PNG begins with one header (IHDR), and has no other");
    if (at == 8) {
      if (length != 13) file.fail(at, "a PNG header has 13 bytes, this one ", length);
      const std::uint32_t width = file.u32(at + 8), height = file.u32(at + 12);
      if (width == 0 || height == 0 || width > 0x7FFFFFFFu || height > 0x7FFFFFFFu)
        file.fail(at, "a PNG has 1 to 2147483647 pixels a side, this one ", width, "x", height);
      const unsigned colour = file.u8(at + 17);  // bit 0: palette, 1: colour, 2: alpha
      info.width = static_cast<int>(width);
      info.height = static_cast<int>(height);
      info.bits = static_cast<int>(file.u8(at + 16));
      info.channels = colour & 2u ? 3 : 1;
      info.alpha = (colour & 4u) != 0;
    }
    info.alpha |= type == chunk_type("tRNS");
    pixels |= type == chunk_type("IDAT");
    if (type == chunk_type("IEND")) break;
    at += 12 + length;
  }
  if (!pixels) file.fail(file.size(), "a PNG without pixels (IDAT)");
  return info;
}

// Reads a frame header (SOFn) at its length field.
inline PictureInfo jpeg_frame(const FileView& file, unsigned marker, std::size_t at) {
  const unsigned process = marker & 15u;
  if (process > 2)
    file.fail_with(Errc::Unsupported, at, "this kind of JPEG (SOF", process, ": ",
                   process > 8 ? "arithmetic coding" : "lossless or hierarchical",
                   ") is not read; save it as baseline JPEG or as PNG");
  PictureInfo info{.format = PictureFormat::Jpeg};
  info.bits = static_cast<int>(file.u8(at + 2));
  info.height = static_cast<int>(file.u16(at + 3));
  info.width = static_cast<int>(file.u16(at + 5));
  info.channels = file.u8(at + 7) == 1 ? 1 : 3;
  if (info.bits != 8) file.fail_with(Errc::Unsupported, at, "a JPEG of ", info.bits, " bits a channel; save it as PNG");
  if (info.width == 0 || info.height == 0) file.fail(at, "a JPEG of ", info.width, "x", info.height, " pixels");
  return info;
}

// The offset of the next marker that ends entropy-coded data: neither a stuffed byte, nor a restart, nor fill.
inline std::size_t after_scan(const FileView& file, std::size_t at) {
  for (;; ++at) {
    if (file.u8(at) != 0xFF) continue;
    const unsigned next = file.u8(at + 1);
    if (next != 0x00 && next != 0xFF && (next < 0xD0 || next > 0xD7)) return at;
  }
}

// The frame header, and all segments and scans up to the end.
inline PictureInfo jpeg_info(const FileView& file) {
  constexpr int kMostScans = 100;  // each costs time like the whole picture, but few bytes
  std::optional<PictureInfo> info;
  int scans = 0;
  for (std::size_t at = 2;;) {
    while (file.u8(at) != 0xFF) ++at;  // what some writers leave between segments
    while (file.u8(at) == 0xFF) ++at;
    const unsigned marker = file.u8(at++);
    if (marker == 0xD9) break;
    if (marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD8)) continue;  // markers without a segment
    const std::size_t length = file.u16(at);
    if (length < 2) file.fail(at, "a JPEG segment has at least 2 bytes, this one ", length);
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame && info) file.fail(at, "a JPEG has one frame, this one a second");
    if (frame) info = jpeg_frame(file, marker, at);
    at += length;
    if (marker != 0xDA) continue;
    if (!info) file.fail(at, "a JPEG scan before the frame that says its size");
    if (++scans > kMostScans) file.fail_with(Errc::OverBudget, at, "a JPEG of more than ", kMostScans, " scans");
    at = after_scan(file, at);
  }
  if (!info || scans == 0) file.fail(file.size(), "a JPEG without pixels");
  return *info;
}

}  // namespace image
}  // namespace v0
}  // namespace coverslip
