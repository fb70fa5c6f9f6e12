// .npy files: what is written is read, and no damage to a header does harm.
#include "npy.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "support.hpp"

namespace coverslip::tool {
namespace {

// A file of the test's own, removed at the end.
class File {
 public:
  File() {
    const std::string name = "coverslip" + std::to_string(std::random_device()()) + ".npy";
    path_ = (std::filesystem::temp_directory_path() / name).string();
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }
  std::string contents() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void fill(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

 private:
  std::string path_;
};

TEST_CASE("every element type and shape comes back as it was written") {
  const File file;
  for (const DType dtype : {DType::f32, DType::f16, DType::i8, DType::u8, DType::i32, DType::i64, DType::boolean})
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{0, 2}, Shape{1, 3, 2, 2}}) {
      Tensor tensor(TensorType{dtype, shape});
      std::fill_n(tensor.data(), tensor.type().bytes(), std::byte{1});
      write_npy(file.path(), tensor);
      CAPTURE(to_string(tensor.type()));
      CHECK(is_npy(file.path()));
      CHECK(same_bits(read_npy(file.path()), tensor));
      CHECK(file.contents().size() % 64 == tensor.type().bytes() % 64);  // NEP 1 aligns the data
    }
}

TEST_CASE("bf16 is written as the floats that it stands for") {
  const File file;
  write_npy(file.path(), Tensor({2}, {to_bfloat16(1.5f), to_bfloat16(-8.0f)}));
  CHECK(same_bits(read_npy(file.path()), Tensor({2}, {1.5f, -8.0f})));
}

TEST_CASE("no flipped bit and no cut of a file does harm") {
  const File file;
  write_npy(file.path(), ramp({DType::f32, {2, 3}}));
  const std::string whole = file.contents();
  const auto bytes_read = [&](const std::string& bytes) -> std::size_t {
    file.fill(bytes);
    try {
      return read_npy(file.path()).type().bytes();
    } catch (const Error& error) {
      CHECK(error.code() != Errc::Io);
      return 0;
    }
  };
  REQUIRE(bytes_read(whole) == 24);
  for (std::size_t length = 0; length < whole.size(); ++length) CHECK(bytes_read(whole.substr(0, length)) == 0);
  CHECK(bytes_read(whole + "x") == 0);
  for (std::size_t bit = 0; bit < 8 * (whole.size() - 24); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const std::size_t bytes = bytes_read(flipped);
    CHECK((bytes == 0 || bytes == 24));  // never more or less than the file has
  }
}

TEST_CASE("a file that is not there is an input or output error") {
  CHECK_THROWS_AS(read_npy("no such file.npy"), Error);
  CHECK_THROWS_AS(write_npy("no such folder/x.npy", Tensor({1}, {1.0f})), Error);
}

}  // namespace
}  // namespace coverslip::tool
