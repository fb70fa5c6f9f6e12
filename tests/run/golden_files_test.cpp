// Files of every version of the format: each is read, and answers as it did when it was written.
#include <doctest/doctest.h>

#include <filesystem>

#include "coverslip/coverslip.hpp"

using namespace coverslip;

TEST_CASE("the golden files of all versions give the answers that they hold") {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(COVERSLIP_SOURCE_DIR "/tests/data/golden")) {
    if (entry.path().extension() != ".slip") continue;
    const std::string path = entry.path().string();
    CAPTURE(path);
    const Verification answer = Model::load(path).verify({.threads = 2});
    CHECK(answer.passed);
    CHECK(answer.samples > 0);
    ++files;
  }
  CHECK(files >= 1);
}
