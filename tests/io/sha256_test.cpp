// SHA-256 against the examples of FIPS 180-4 and its neighbours.
#include "coverslip/io/sha256.hpp"

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

using namespace coverslip;

namespace {

std::string hash(std::string_view text) { return io::to_hex(io::sha256(std::as_bytes(std::span(text)))); }

}  // namespace

TEST_CASE("SHA-256 gives the digests that NIST publishes") {
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 does not depend on how the bytes come in") {
  std::vector<std::byte> bytes(300);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const std::span<const std::byte> all = std::span(bytes).first(n);
    for (const std::size_t cut : {n / 2, n / 3, std::min<std::size_t>(n, 1)})
      CHECK(io::Sha256().add(all.first(cut)).add(all.subspan(cut)).digest() == io::sha256(all));
  }
}
