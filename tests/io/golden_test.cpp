// The seeded inputs of golden cases: the numbers are those of converters/tests/test_format.py.
#include "coverslip/io/golden.hpp"

#include <doctest/doctest.h>

using namespace coverslip;

namespace {

// FNV-1a of the bytes.
std::uint64_t fingerprint(const Tensor& t) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i < t.type().bytes(); ++i)
    hash = (hash ^ std::to_integer<unsigned>(t.data()[i])) * 0x100000001b3u;
  return hash;
}

GoldenCase sample(float high) {
  return {.seed = ~std::uint64_t{4}, .low = -300.5f, .high = high, .input_shapes = {Shape{5}, Shape{2, 500}}};
}

}  // namespace

TEST_CASE("the inputs of a golden case are the same in C++ and Python, in every type") {
  const struct {
    DType dtype;
    float high;
    std::uint64_t expected;
  } rows[] = {{DType::f32, 400.25f, 0x501ee5884fddc161u},  {DType::f32, 1e10f, 0x055d301b1f714797u},
              {DType::f16, 400.25f, 0x4f9bef19f46b11f1u},  {DType::bf16, 400.25f, 0x691483d29837161fu},
              {DType::bf16, 1e10f, 0xc0a2bd29b8db8001u},   {DType::i8, 400.25f, 0x3dd8096e5ad021f7u},
              {DType::i8, 1e10f, 0x4ce2f6a94f51b2ddu},     {DType::u8, 400.25f, 0x6491c01a0440abd8u},
              {DType::u8, 1e10f, 0xe5f75ff1e6d4e1ddu},     {DType::i32, 400.25f, 0xed0550d1a6b6d4bfu},
              {DType::i32, 1e10f, 0x5ac7a25330740c0au},    {DType::i64, 400.25f, 0x333ad39a679a453bu},
              {DType::i64, 1e10f, 0xebf9f4d40d6016a2u},    {DType::boolean, 400.25f, 0x43697a022d519cbcu},
              {DType::boolean, 1e10f, 0x43697a022d519cbcu}};
  for (const auto& row : rows) {
    CAPTURE(to_string(row.dtype));
    const Tensor t = golden_input(sample(row.high), 1, {row.dtype, {}});
    CHECK(t.type() == TensorType{row.dtype, {2, 500}});
    CHECK(fingerprint(t) == row.expected);
  }
}

TEST_CASE("golden inputs fill their range") {
  const Tensor t = golden_input({.seed = 1, .low = 0, .high = 2, .input_shapes = {Shape{100000}}}, 0, {DType::f32, {}});
  double sum = 0;
  float least = 2, most = 0;
  for (const float x : t.values<float>()) sum += x, least = std::min(least, x), most = std::max(most, x);
  CHECK(sum / 100000 == doctest::Approx(1).epsilon(0.01));  // five deviations of the mean of so many
  CHECK(least >= 0);
  CHECK(least < 0.001f);
  CHECK(most > 1.999f);
  CHECK(most <= 2);
}

TEST_CASE("a golden case has no more inputs than it says") { CHECK_THROWS_AS(golden_input({}, 0, {}), Error); }
