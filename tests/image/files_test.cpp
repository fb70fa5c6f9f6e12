// PNG and JPEG files: round trips, limits, and files that are cut, flipped or lie.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "coverslip/image/decode.hpp"
#include "coverslip/image/encode.hpp"
#include "image/pictures.hpp"

namespace coverslip {
namespace {

using File = std::vector<std::byte>;

File bytes_of(std::initializer_list<int> values) {
  File file;
  for (const int v : values) file.push_back(static_cast<std::byte>(v));
  return file;
}

void put(File& file, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) file[at + i] = static_cast<std::byte>(value >> (24 - 8 * i));
}

std::uint32_t checksum(std::span<const std::byte> bytes) {  // CRC-32, bit by bit
  std::uint32_t crc = ~0u;
  for (const std::byte b : bytes) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1u ? 0xEDB88320u : 0u) ^ crc >> 1;
  }
  return ~crc;
}

File chunk(std::string_view type, const File& data) {
  File c(12 + data.size());
  put(c, 0, static_cast<std::uint32_t>(data.size()));
  for (std::size_t i = 0; i < 4; ++i) c[4 + i] = static_cast<std::byte>(type[i]);
  std::copy(data.begin(), data.end(), c.begin() + 8);
  put(c, c.size() - 4, checksum(std::span(c).subspan(4, data.size() + 4)));
  return c;
}

// A PNG of one uncompressed DEFLATE block. `rows` has the filter byte before each row.
File png(std::uint32_t width, std::uint32_t height, int bits, int colour, const File& rows) {
  File file = bytes_of({0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'});
  const auto add = [&](const File& bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); };
  const auto byte = [](auto value) { return static_cast<std::byte>(value); };
  File header(13);
  put(header, 0, width);
  put(header, 4, height);
  header[8] = byte(bits);
  header[9] = byte(colour);
  add(chunk("IHDR", header));
  const std::size_t n = rows.size();
  File stream{byte(0x78), byte(0x01), byte(1), byte(n & 255), byte(n >> 8), byte(~n & 255), byte(~n >> 8 & 255)};
  stream.insert(stream.end(), rows.begin(), rows.end());
  stream.resize(stream.size() + 4);  // Adler-32, which the chunk's CRC makes superfluous
  add(chunk("IDAT", stream));
  add(chunk("IEND", {}));
  return file;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

// A folder of the test's own, gone at its end.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("coverslip-" + std::to_string(std::random_device()()));
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string operator/(const char* name) const { return (path / name).string(); }
};

TEST_CASE("a picture comes back from PNG as it was, grey and colour, of any width") {
  for (const int channels : {1, 3})
    for (const int width : {1, 2, 3, 17, 64})
      for (const Image& image : {pattern(width, 5, channels), noise(width, 33, channels)}) {
        const Image back = decode(encode_png(image));
        CHECK(back.width == image.width);
        CHECK(back.height == image.height);
        CHECK(back.channels == channels);
        CHECK(back.pixels == image.pixels);
      }
}

TEST_CASE("a smooth picture comes back from JPEG nearly as it was, in the right colours") {
  Image image(48, 40, 3);
  for (int y = 0; y < 40; ++y)
    for (int x = 0; x < 48; ++x) {
      image.at(x, y)[0] = static_cast<std::uint8_t>(40 + 4 * x);
      image.at(x, y)[1] = static_cast<std::uint8_t>(60 + 3 * y);
      image.at(x, y)[2] = 90;
    }
  CHECK(mean_difference(decode(encode_jpeg(image, 100)), image) < 1.0);
  CHECK(mean_difference(decode(encode_jpeg(image, 80)), image) < 4.0);
  const Image grey = decode(encode_jpeg(pattern(20, 9, 1), 95));
  CHECK(picture_info(encode_jpeg(pattern(20, 9, 1), 95)).width == 20);
  CHECK((grey.channels == 1 || grey.channels == 3));
}

TEST_CASE("files are told apart by their contents, and described before they are decoded") {
  const PictureInfo info = picture_info(encode_png(pattern(19, 7, 3)));
  CHECK(info.format == PictureFormat::Png);
  CHECK(info.width == 19);
  CHECK(info.height == 7);
  CHECK(info.channels == 3);
  CHECK(info.bits == 8);
  CHECK_FALSE(info.alpha);
  CHECK(picture_info(encode_jpeg(pattern(19, 7, 3))).format == PictureFormat::Jpeg);
}

TEST_CASE("16 bits become 8 by scaling and rounding") {
  const File file = png(4, 1, 16, 0, bytes_of({0, 0, 0, 0, 128, 0, 129, 255, 255}));  // 0, 128, 129, 65535
  CHECK(picture_info(file).bits == 16);
  CHECK(decode(file).pixels == std::vector<std::uint8_t>{0, 0, 1, 255});
}

TEST_CASE("alpha is dropped, the stored colours stay") {
  const File file = png(2, 1, 8, 6, bytes_of({0, 10, 20, 30, 0, 200, 210, 220, 128}));
  CHECK(picture_info(file).alpha);
  CHECK(picture_info(file).channels == 3);
  CHECK(decode(file).pixels == std::vector<std::uint8_t>{10, 20, 30, 200, 210, 220});
  CHECK(decode(png(1, 1, 8, 4, bytes_of({0, 77, 0}))).pixels == std::vector<std::uint8_t>{77});
}

TEST_CASE("a picture beyond the limits is refused before it is decoded") {
  const File file = encode_png(pattern(30, 10, 3));
  CHECK(decode(file, {.max_pixels = 300}).width == 30);
  CHECK(refusal([&] { decode(file, {.max_pixels = 299}); }) == Errc::OverBudget);
  // A few bytes that want to be 1.6 gigapixels: twice the limit, and more than DEFLATE could hold.
  CHECK(refusal([] { decode(png(40000, 40000, 8, 2, bytes_of({0, 0}))); }) == Errc::OverBudget);
  CHECK(refusal([] { decode(png(16000, 16000, 8, 2, bytes_of({0, 0}))); }) == Errc::OverBudget);
  CHECK(refusal([] { decode(png(0xFFFFFFFFu, 1, 8, 2, bytes_of({0, 0}))); }) == Errc::BadInput);
  CHECK(refusal([] { decode(png(0, 1, 8, 2, bytes_of({0, 0}))); }) == Errc::BadInput);
}

TEST_CASE("a PNG that unpacks to more than its size wants is refused") {
  File file = encode_png(Image(3000, 3000, 3));
  put(file, 16, 1);
  put(file, 20, 1);
  put(file, 29, checksum(std::span(file).subspan(12, 17)));
  CHECK(refusal([&] { decode(file); }) == Errc::OverBudget);
}

TEST_CASE("what is neither PNG nor JPEG is refused, whatever stb could read") {
  CHECK(refusal([] { decode({}); }) == Errc::BadInput);
  CHECK(refusal([] { decode(bytes_of({'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0})); }) == Errc::BadInput);
  CHECK(refusal([] { decode(bytes_of({'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0})); }) == Errc::BadInput);
  // 18 bytes of TGA that want 2 GB
  CHECK(refusal([] {
          decode(bytes_of({0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 127, 255, 127, 32, 0}));
        }) == Errc::BadInput);
}

TEST_CASE("a file cut anywhere is refused") {
  for (const File& file : {encode_png(pattern(9, 6, 3)), encode_jpeg(pattern(9, 6, 3)), encode_png(noise(40, 30, 1))}) {
    CHECK(decode(file).height > 0);
    for (std::size_t size = 0; size < file.size(); ++size) {
      CAPTURE(size);
      CHECK(refusal([&] { decode(std::span(file).first(size)); }) == Errc::BadInput);
    }
  }
}

TEST_CASE("every flipped bit of a PNG is noticed") {
  File file = encode_png(pattern(7, 5, 3));
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    CAPTURE(bit);
    file[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    CHECK(refusal([&] { decode(file); }) == Errc::BadInput);
    file[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
  }
}

TEST_CASE("every flipped bit of a PNG with its checksums made right again gives a picture or an Error") {
  const Image image = noise(6, 4, 3);
  File rows;
  for (int y = 0; y < 4; ++y) {
    rows.push_back(static_cast<std::byte>(y));  // filters none, sub, up, average
    for (int i = 0; i < 18; ++i) rows.push_back(static_cast<std::byte>(image.at(0, y)[i]));
  }
  const File compressed = encode_png(pattern(12, 9, 3));  // with Huffman codes
  for (File file : {png(6, 4, 8, 2, rows), compressed}) {
    CHECK(survives(file));
    const std::size_t idat = 33;
    const std::size_t n =
        std::to_integer<std::size_t>(file[idat + 2]) << 8 | std::to_integer<std::size_t>(file[idat + 3]);
    for (std::size_t bit = 8 * 16; bit < 8 * (idat + 8 + n); ++bit) {
      if (bit / 8 >= 29 && bit / 8 < 41) continue;  // between the two contents
      CAPTURE(bit);
      File flipped = file;
      flipped[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      put(flipped, 29, checksum(std::span(flipped).subspan(12, 17)));
      put(flipped, idat + 8 + n, checksum(std::span(flipped).subspan(idat + 4, n + 4)));
      CHECK(survives(flipped));
    }
  }
}

TEST_CASE("every flipped bit of a JPEG gives a picture or an Error") {
  for (const int quality : {50, 95}) {  // with and without halved colour
    File file = encode_jpeg(noise(17, 9, 3), quality);
    for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
      CAPTURE(bit);
      file[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      CHECK(survives(file));
      file[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
  }
}

TEST_CASE("a JPEG of endless scans is refused") {
  File file = encode_jpeg(pattern(8, 8, 3));
  std::size_t scan = 0;
  for (std::size_t at = 0; at + 1 < file.size(); ++at)
    if (file[at] == std::byte{0xFF} && file[at + 1] == std::byte{0xDA}) scan = at;
  REQUIRE(scan > 0);
  const File body(file.begin() + static_cast<std::ptrdiff_t>(scan), file.end() - 2);
  const File end(file.end() - 2, file.end());
  file.erase(file.end() - 2, file.end());
  for (int i = 0; i < 100; ++i) file.insert(file.end(), body.begin(), body.end());
  file.insert(file.end(), end.begin(), end.end());
  CHECK(refusal([&] { decode(file); }) == Errc::OverBudget);
}

TEST_CASE("files are written whole, replace what was there, and leave nothing beside them") {
  const Folder folder;
  const Image image = pattern(21, 10, 3);
  save_image(noise(50, 50, 3), folder / "picture.png");
  save_image(image, folder / "picture.png");
  CHECK(load_image(folder / "picture.png").pixels == image.pixels);
  save_image(image, folder / "picture.jpg");
  CHECK(load_image(folder / "picture.jpg").width == 21);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 2);
}

TEST_CASE("errors with files name the path") {
  const Folder folder;
  const auto where = [](const std::function<void()>& f, Errc code) {
    try {
      f();
    } catch (const Error& error) {
      CHECK(error.code() == code);
      return error.where();
    }
    return std::string("no Error");
  };
  const std::string absent = folder / "absent.png";
  CHECK(where([&] { load_image(absent); }, Errc::Io) == absent);
  CHECK(where([&] { load_image(folder.path.string()); }, Errc::Io) == folder.path.string());
  CHECK(where([&] { save_image(pattern(2, 2, 3), folder / "no/such/folder.png"); }, Errc::Io) ==
        folder / "no/such/folder.png");
  CHECK(where([&] { save_image(pattern(2, 2, 3), folder / "picture.tiff"); }, Errc::BadInput) ==
        folder / "picture.tiff");
  std::ofstream(absent) << "text";
  CHECK(where([&] { load_image(absent); }, Errc::BadInput).starts_with(absent));
  CHECK(refusal([] { encode_png(Image()); }) == Errc::BadInput);
  CHECK(refusal([] { encode_jpeg(pattern(2, 2, 3), 0); }) == Errc::BadInput);
}

}  // namespace
}  // namespace coverslip
