// Files on disk: mapped, and refused where they are none.
#include "coverslip/io/file.hpp"

#include <filesystem>

#include "io/slip_file.hpp"

using namespace coverslip;
using namespace coverslip::test;

namespace {

const std::string kGolden = COVERSLIP_SOURCE_DIR "/tests/data/golden/v1.slip";

Errc code_of(const std::string& path, const Limits& limits = {}) {
  try {
    read_file(path, limits);
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("was read: ", path);
  throw;
}

// A file in the temporary folder, for as long as this lives.
struct Scratch {
  std::string path = (std::filesystem::temp_directory_path() / "coverslip_file_test.slip").string();
  explicit Scratch(std::span<const std::byte> bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  ~Scratch() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("a file is read where it lies, and stays mapped as long as a constant is in use") {
  Graph graph = read_file(kGolden);
  const std::shared_ptr<const Tensor> constant = graph.values[0].constant;
  graph = {};
  CHECK(constant->values<float>()[0] == -1.625f);
  const FileBytes file = open_file(kGolden);
  CHECK(std::ranges::equal(file.bytes(), golden_file()));
}

TEST_CASE("reading a file allocates for its structure, not for its weights") {
  Parts parts;
  parts.add("STRI", {1, 0}).add("STRS", "c").add("DIMS", {1 << 20}).add("VALS", {0, 0, 0, 1, 0});
  parts.add("TENS", {0, 4 << 20, 0, 0}).add("OUTP", {0});
  parts["DATA"] = Raw(4 << 20);
  const Scratch scratch(parts.file().bytes());
  const Allocations begin = allocations();
  const Graph graph = read_file(scratch.path);
  CHECK(since(begin).bytes < 4096);
  CHECK(graph.values[0].constant->values<float>().size() == 1 << 20);
}

TEST_CASE("what is no file, or too much of one, is refused") {
  CHECK(code_of(COVERSLIP_SOURCE_DIR "/no such file.slip") == Errc::Io);
  CHECK(code_of(COVERSLIP_SOURCE_DIR) == Errc::Io);
  CHECK(code_of("/dev/null") == Errc::Io);
  CHECK(code_of(kGolden, {.file_bytes = 100}) == Errc::OverBudget);
  const Scratch empty({});
  CHECK(code_of(empty.path) == Errc::BadModel);
}
