// Packed constants.
#include "coverslip/graph/pack_store.hpp"

#include <thread>

#include "support.hpp"
using namespace coverslip;

TEST_CASE("a constant is packed once each way, whoever asks") {
  const Tensor a({2}, {1.f, 2.f}), b({2}, {3.f, 4.f});
  int given_back = 0;
  PackStore packs([&](const Tensor&) { ++given_back; });
  int made = 0;
  const auto pack = [&](const Tensor& constant) { return ++made, Tensor(constant.type()); };
  const auto ask = [&] {
    for (const Tensor* constant : {&a, &b})
      for (const char* packing : {"one way", "another"}) packs.get(*constant, packing, pack);
  };
  std::thread other(ask);
  ask();
  other.join();
  CHECK(made == 4);
  CHECK(given_back == 4);
  CHECK(packs.bytes() == 4 * a.type().bytes());
}
