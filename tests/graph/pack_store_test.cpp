// Packed constants.
#include "coverslip/graph/pack_store.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "support.hpp"
using namespace coverslip;

namespace {

void copy(const Tensor& constant, Tensor& packed) {
  std::ranges::copy(constant.values<float>(), packed.values<float>().begin());
}

}  // namespace

TEST_CASE("a constant is packed once each way, whoever asks") {
  const Tensor a({2}, {1.f, 2.f}), b({2}, {3.f, 4.f});
  int given_back = 0;
  PackStore packs([&](const Tensor&) { ++given_back; });
  int made = 0;
  const auto pack = [&](const Tensor& constant, Tensor& packed) { ++made, copy(constant, packed); };
  const auto ask = [&] {
    for (const Tensor* constant : {&a, &b})
      for (const char* packing : {"one way", "another"}) packs.get({constant, packing, pack, a.type()});
  };
  std::thread other(ask);
  ask();
  other.join();
  CHECK(made == 4);
  CHECK(given_back == 4);
  CHECK(packs.bytes() == 4 * a.type().bytes());
}

TEST_CASE("constants that are packed together are those that are packed one by one, each once") {
  const Tensor a({2}, {1.f, 2.f}), b({2}, {3.f, 4.f});
  PackStore packs;
  std::atomic<int> made = 0;
  const auto twice = [&](const Tensor& constant, Tensor& packed) {
    ++made;
    for (std::size_t i = 0; i < 2; ++i) packed.values<float>()[i] = 2 * constant.values<float>()[i];
  };
  const TensorType type = a.type();
  const Tensor* before = &packs.get({&a, "twice", twice, type});
  const Packing wanted[] = {
      {&a, "twice", twice, type}, {&b, "twice", twice, type}, {&b, "twice", twice, type}, {&b, "again", twice, type}};
  std::size_t asked = 0;
  packs.add(wanted, [&](std::size_t n, const std::function<void(std::size_t)>& f) {
    asked = n;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < n; ++i) threads.emplace_back(f, i);
    for (std::thread& thread : threads) thread.join();
  });
  CHECK(asked == 2);
  CHECK(made == 3);
  CHECK(&packs.get(wanted[0]) == before);
  CHECK(packs.get(wanted[1]).values<float>()[1] == 8);
  CHECK(packs.get(wanted[3]).values<float>()[0] == 6);
  CHECK(made == 3);
}

TEST_CASE("what is packed together lies apart, each aligned") {
  const Tensor a({3}, {1.f, 2.f, 3.f});
  PackStore packs;
  const auto fill = [](float value) {
    return [value](const Tensor&, Tensor& packed) { std::ranges::fill(packed.values<float>(), value); };
  };
  std::vector<Packing> wanted;
  for (const Dim n : {3, 0, 100'000, 17, 1, 40'000})
    wanted.push_back({&a, std::to_string(n), fill(static_cast<float>(n)), {DType::f32, {n}}});
  packs.provide(a, "17", DType::f32, Tensor({DType::f32, {17}}).memory(), 17 * sizeof(float));
  packs.add(wanted);
  for (const Packing& packing : wanted) {
    const Tensor& packed = packs.get(packing);
    REQUIRE(packed.type() == packing.made);
    CHECK(reinterpret_cast<std::uintptr_t>(packed.data()) % kAlign == 0);
    const float value = packing.name == "17" ? 0.0f : static_cast<float>(packing.made.shape[0]);
    CHECK(std::ranges::all_of(packed.values<float>(), [&](float x) { return x == value; }));
  }
}

TEST_CASE("what cannot be packed is told to who asked, and nothing is kept of it") {
  const Tensor a({2}, {1.f, 2.f});
  PackStore packs;
  const auto fails = [](const Tensor&, Tensor&) { throw Error(Errc::OutOfMemory, "memory", "none"); };
  CHECK_THROWS_AS(packs.get({&a, "way", fails, a.type()}), Error);
  CHECK(packs.bytes() == 0);
  CHECK(packs.get({&a, "way", copy, a.type()}).shape() == a.shape());
}

TEST_CASE("bytes of a file are used where type and size are what the packing makes, and nowhere else") {
  const Tensor a({2}, {1.f, 2.f}), b({2}, {1.f, 2.f});
  int made = 0;
  const auto pack = [&](const Tensor& constant, Tensor& packed) { ++made, copy(constant, packed); };
  const auto given = [](std::initializer_list<float> values) {
    return Tensor({static_cast<Dim>(values.size())}, values).memory();
  };
  PackStore packs;
  packs.provide(a, "right", DType::f32, given({5, 6}), 8);
  packs.provide(a, "too small", DType::f32, given({5}), 4);
  packs.provide(a, "too large", DType::f32, given({5, 6, 7}), 12);
  packs.provide(a, "another type", DType::i32, given({5, 6}), 8);
  const auto first = [&](const Tensor& constant, const char* name) {
    return packs.get({&constant, name, pack, constant.type()}).values<float>()[0];
  };
  CHECK(first(a, "right") == 5);
  CHECK(made == 0);
  CHECK(first(b, "right") == 1);
  for (const char* name : {"too small", "too large", "another type", "of another name"}) CHECK(first(a, name) == 1);
  CHECK(made == 5);
}
