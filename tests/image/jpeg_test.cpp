// JPEG pixels are those of libjpeg, bit for bit; damaged files give a picture or an Error.
#include <array>

#include "coverslip/image/decode.hpp"
#include "image/pictures.hpp"

namespace coverslip {
namespace {

// Pictures of 11x9 pixels saved by Pillow 12 (libjpeg-turbo 3), and what it reads back: FNV-1a of all bytes, last
// pixel.
struct Sample {
  const char* kind;
  std::uint32_t hash;
  std::array<std::uint8_t, 3> last;
  std::string_view hex;
};
// clang-format off
const Sample kSamples[] = {
    {"4:4:4", 0x24B097ECu, {44, 173, 70},
     "ffd8ffe000104a46494600010100000100010000ffdb0043000503040404030504040405050506070c08070707070f0b0b090c110f12"
     "12110f111113161c1713141a1511111821181a1d1d1f1f1f13172224221e241c1e1f1effdb0043010505050706070e08080e1e141114"
     "1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1effc00011"
     "080009000b03011100021101031101ffc400160001010100000000000000000000000000060407ffc400221000000503040300000000"
     "000000000000000102030405061107122172343541ffc400160101010100000000000000000000000000060507ffc400251100000600"
     "040701000000000000000000000102030405111222350614213133415181ffda000c03010002110311003f003b42454af2b992cc46cd"
     "984dab95638c0af664cc794865478e4214ec6ca658c7e5e19646bef61ada2996ec2414579f41b8d96d51e7e8ceec78866b9296a6cb4e"
     "3d00d2a4a76f4babc55ec11d11f09dea1559eecf07f2767fc1356bdac8ee0a24616ff9143fffd9"},
    {"4:2:2", 0x66EA2D92u, {50, 170, 70},
     "ffd8ffe000104a46494600010100000100010000ffdb0043000503040404030504040405050506070c08070707070f0b0b090c110f12"
     "12110f111113161c1713141a1511111821181a1d1d1f1f1f13172224221e241c1e1f1effdb0043010505050706070e08080e1e141114"
     "1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1effc00011"
     "080009000b03012100021101031101ffc400160001010100000000000000000000000000060407ffc400221000000503040300000000"
     "000000000000000102030405061107122172343541ffc400160101010100000000000000000000000000040305ffc400231100010302"
     "050500000000000000000000010002030405061112217231346181b1ffda000c03010002110311003f003b42454af2b992cc46cd984d"
     "ab95638c0d6d14cb76120a2bcfa0dc6cb6a8f3f413135c1f424c74fb9d5bfa1928dea386e93367ad3a6303260f088e88f84ef51356bd"
     "ac8ee0376ee1fc9ff565e39eb4fc42ffd9"},
    {"4:2:0", 0x1266AE3Cu, {61, 167, 56},
     "ffd8ffe000104a46494600010100000100010000ffdb0043000503040404030504040405050506070c08070707070f0b0b090c110f12"
     "12110f111113161c1713141a1511111821181a1d1d1f1f1f13172224221e241c1e1f1effdb0043010505050706070e08080e1e141114"
     "1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1effc00011"
     "080009000b03012200021101031101ffc400160001010100000000000000000000000000060407ffc400221000000503040300000000"
     "000000000000000102030405061107122172343541ffc40014010100000000000000000000000000000005ffc4002111000201030305"
     "000000000000000000000103020004120506312141425161ffda000c03010002110311003f003b42454af2b992cc46cd984dab95638c"
     "0d6d14cb76120a2bcfa0dc6cb6a8f3f411d11f09dea26ad7b591dc1baf5d398c92d52c06478f9d051fbaae05bcd4c7c436528f97007a"
     "03b57fffd9"},
    {"4:2:0, progressive", 0x1266AE3Cu, {61, 167, 56},
     "ffd8ffe000104a46494600010100000100010000ffdb0043000503040404030504040405050506070c08070707070f0b0b090c110f12"
     "12110f111113161c1713141a1511111821181a1d1d1f1f1f13172224221e241c1e1f1effdb0043010505050706070e08080e1e141114"
     "1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1effc20011"
     "080009000b03012200021101031101ffc400160001010100000000000000000000000000050306ffc400140101000000000000000000"
     "00000000000004ffda000c030100021003100000013b5a44cc7fffc4001b100001040300000000000000000000000004000203130532"
     "33ffda000801010001050282c309ac762c269375ffc4001b11000201050000000000000000000000000102000305121341ffda000801"
     "0301013f01bad4d6559c6448ecffc4001a110100010500000000000000000000000002010003041121ffda0008010201013f01cfbad2"
     "92675dafffc400191000030101010000000000000000000000000102111221ffda0008010100063f02c95908e5bf50ca3fffc4001810"
     "0002030000000000000000000000000000011131a1ffda0008010100013f2145e74b12d1e8664361ffda000c03010002000300000010"
     "63ffc4001811010003010000000000000000000000000100415171ffda0008010301013f1001ae40302a7fffc4001911000105000000"
     "00000000000000000000110001213161ffda0008010201013f10002956432fffc4001910000203010000000000000000000000000111"
     "00102141ffda0008010100013f10382d44c506c9818fb6cbffd9"},
};
// clang-format on

std::vector<std::byte> from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return bytes;
}

TEST_CASE("the pixels of a JPEG are those that libjpeg makes") {
  for (const Sample& sample : kSamples) {
    CAPTURE(sample.kind);
    const Image image = decode(from_hex(sample.hex));
    REQUIRE(image.width == 11);
    REQUIRE(image.height == 9);
    for (int c = 0; c < 3; ++c) CHECK(int{image.at(10, 8)[c]} == int{sample.last[static_cast<std::size_t>(c)]});
    std::uint32_t hash = 0x811C9DC5u;
    for (const std::uint8_t x : image.pixels) hash = (hash ^ x) * 0x01000193u;
    CHECK(hash == sample.hash);
  }
}

TEST_CASE("a JPEG that claims more pixels than its bytes can hold is refused") {
  std::vector<std::byte> file = from_hex(kSamples[0].hex);
  std::size_t frame = 0;
  while (file[frame] != std::byte{0xFF} || file[frame + 1] != std::byte{0xC0}) ++frame;
  file[frame + 5] = std::byte{0xFF};  // 65,289 rows
  CHECK(refusal([&] { decode(file); }) == Errc::OverBudget);
}

TEST_CASE("a JPEG of another program, cut anywhere, is refused") {
  for (const Sample& sample : kSamples) {
    CAPTURE(sample.kind);
    const std::vector<std::byte> file = from_hex(sample.hex);
    for (std::size_t size = 0; size < file.size(); ++size)
      CHECK(refusal([&] { decode(std::span(file).first(size)); }) == Errc::BadInput);
  }
}

TEST_CASE("every flipped bit of a JPEG of another program gives a picture or an Error") {
  for (const Sample& sample : kSamples) {
    CAPTURE(sample.kind);
    std::vector<std::byte> file = from_hex(sample.hex);
    for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
      CAPTURE(bit);
      file[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      CHECK(survives(file));
      file[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
  }
}

}  // namespace
}  // namespace coverslip
