// Types, shapes, views and the 16-bit floats.
#include <bit>
#include <cmath>
#include <cstring>

#include "support.hpp"
using namespace coverslip;

TEST_CASE("memory is aligned, and writable to its end") {
  constexpr std::size_t kMb = std::size_t{1} << 20;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kMb / 4 + 1, 2 * kMb - 1, 2 * kMb, 5 * kMb + 3}) {
    const Bytes memory = allocate(bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(memory.get()) % kAlign == 0);
    std::memset(memory.get(), 1, bytes);
  }
}

TEST_CASE("every binary16 widens to what IEEE 754 says, and narrows back to itself") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 half{static_cast<std::uint16_t>(bits)};
    const int exponent = static_cast<int>(bits >> 10 & 31), fraction = static_cast<int>(bits & 1023);
    const double sign = bits & 0x8000 ? -1 : 1;
    const float wide = to_float(half);
    if (exponent == 31) {
      CHECK((fraction == 0 ? std::isinf(wide) : std::isnan(wide)));
    } else {
      const double want = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
      REQUIRE(double{wide} == sign * want);
    }
    if (!std::isnan(wide)) REQUIRE(to_float16(wide).bits == half.bits);
  }
}

TEST_CASE("narrowing to binary16 rounds to nearest, ties to even") {
  for (std::uint32_t bits = 0; bits < 0x7C00; ++bits) {  // all finite neighbours
    const double low = to_float(Float16{static_cast<std::uint16_t>(bits)});
    const double high = bits == 0x7BFF ? 65536.0 : double{to_float(Float16{static_cast<std::uint16_t>(bits + 1)})};
    const auto tie = static_cast<float>((low + high) / 2);
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    REQUIRE(to_float16(tie).bits == even);
    REQUIRE(to_float16(std::nextafter(tie, 0.0f)).bits == bits);
    REQUIRE(to_float16(std::nextafter(tie, 1e9f)).bits == bits + 1);
  }
  CHECK(std::isnan(to_float(to_float16(std::nanf("")))));
  CHECK(to_float16(1e9f).bits == 0x7C00);
}

TEST_CASE("bfloat16 is the upper half of a float, rounded to nearest even") {
  CHECK(to_bfloat16(1.0f).bits == 0x3F80);
  CHECK(to_bfloat16(std::bit_cast<float>(0x3F808000u)).bits == 0x3F80);
  CHECK(to_bfloat16(std::bit_cast<float>(0x3F818000u)).bits == 0x3F82);
  CHECK(to_bfloat16(std::bit_cast<float>(0x3F808001u)).bits == 0x3F81);
  CHECK(std::isnan(to_float(to_bfloat16(std::bit_cast<float>(0x7F800001u)))));
  CHECK(to_float(BFloat16{0xC040}) == -3.0f);
}

TEST_CASE("shapes that cannot be counted are refused") {
  CHECK(Shape{2, 0, 3}.elements() == 0);
  CHECK(Shape{}.elements() == 1);
  CHECK_THROWS_AS((void)(Shape{Dim{1} << 40, Dim{1} << 40}.elements()), Error);
  CHECK_THROWS_AS((void)(Shape{2, -1}.elements()), Error);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), Error);
}

TEST_CASE("channels-last puts channels side by side and keeps the logical axes") {
  CHECK(strides_of(Layout::ChannelsLast, {2, 3, 4, 5}) == Index{60, 1, 15, 3});
  CHECK(strides_of(Layout::Planar, {2, 3, 4, 5}) == Index{60, 20, 5, 1});
  CHECK(same_order(Shape{1, 8, 1, 1}));
  CHECK(same_order(Shape{2, 1, 4, 5}));
  CHECK(!same_order(Shape{1, 2, 1, 3}));
}

TEST_CASE("a view names elements by the coordinates of the whole value") {
  Tensor t({DType::f32, {4, 6}});
  *t.view().as<float>({3, 5}) = 7;
  const View part(t.data() + 4 * (2 * 6 + 1), DType::f32, Index{6, 1}, Box{{2, 4}, {1, 6}});
  CHECK(*part.as<float>({3, 5}) == 7);
  CHECK(part.held() == Box{{2, 4}, {1, 6}});
}

TEST_CASE("a copied Tensor has memory of its own") {
  Tensor a({2}, {1.f, 2.f});
  Tensor b = a;
  b.values<float>()[0] = 5;
  CHECK(a.values<float>()[0] == 1);
  CHECK(a.argmax() == 1);
  CHECK_THROWS_WITH_AS((void)a.values<std::int64_t>(), "Tensor: holds f32, was asked for i64", Error);
}
