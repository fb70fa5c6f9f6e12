// Encoding of pictures, by stb_image_write, and files that appear whole or not at all.
#pragma once
#include <filesystem>
#include <limits>
#include <random>

#include "coverslip/image/decode-impl.hpp"
#include "coverslip/image/encode.hpp"

namespace coverslip {
inline namespace v0 {
namespace image {

inline void check_encodable(const Image& image, std::size_t most_a_side) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // stb counts in int
  const auto side = static_cast<std::size_t>(std::max(image.width, image.height));
  if (image.pixels.empty()) throw Error(Errc::BadInput, "picture", "has no pixels");
  if (image.pixels.size() > kMostBytes || side > most_a_side)
    throw Error(Errc::Unsupported, "picture", image.width, "x", image.height,
                " pixels are too many for one file; at most ", kMostBytes, " bytes, ", most_a_side, " pixels a side");
}

inline void append(void* bytes, void* data, int size) {
  const auto* from = static_cast<const std::byte*>(data);
  auto& to = *static_cast<std::vector<std::byte>*>(bytes);
  to.insert(to.end(), from, from + size);
}

// A file beside `path` that nobody else has.
inline std::pair<OpenFile, std::string> open_beside(const std::string& path) {
  std::random_device random;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const std::string name = path + "." + std::to_string(random()) + ".part";
    if (OpenFile file{std::fopen(name.c_str(), "wbx")}) return {std::move(file), name};
    if (errno != EEXIST) break;
  }
  throw Error(Errc::Io, path, "cannot be written: ", std::strerror(errno));
}

inline void write_file(std::span<const std::byte> bytes, const std::string& path) {
  auto [file, part] = open_beside(path);
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  const bool closed = std::fclose(file.release()) == 0;
  std::error_code error;
  if (written && closed) {
    std::filesystem::rename(part, path, error);
    if (!error) return;
  }
  const std::string reason = error ? error.message() : std::strerror(errno);
  std::filesystem::remove(part, error);
  throw Error(Errc::Io, path, "cannot be written: ", reason);
}

}  // namespace image

std::vector<std::byte> encode_png(const Image& image) {
  image::check_encodable(image, INT_MAX);
  image::Budget budget(std::numeric_limits<std::size_t>::max());
  std::vector<std::byte> bytes;
  if (!stbi_write_png_to_func(image::append, &bytes, image.width, image.height, image.channels, image.pixels.data(),
                              image.width * image.channels))
    throw Error(Errc::OutOfMemory, "picture", "no memory to encode ", image.width, "x", image.height, " pixels");
  return bytes;
}

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  image::check_encodable(image, 65535);
  if (quality < 1 || quality > 100) throw Error(Errc::BadInput, "quality", "is 1 to 100, got ", quality);
  image::Budget budget(std::numeric_limits<std::size_t>::max());
  std::vector<std::byte> bytes;
  if (!stbi_write_jpg_to_func(image::append, &bytes, image.width, image.height, image.channels, image.pixels.data(),
                              quality))
    throw Error(Errc::OutOfMemory, "picture", "no memory to encode ", image.width, "x", image.height, " pixels");
  return bytes;
}

void save_image(const Image& image, const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".png") return image::write_file(encode_png(image), path);
  if (ending == ".jpg" || ending == ".jpeg") return image::write_file(encode_jpeg(image), path);
  throw Error(Errc::BadInput, path, "pictures are written as .png, .jpg or .jpeg, this ends in '", ending, "'");
}

}  // namespace v0
}  // namespace coverslip
