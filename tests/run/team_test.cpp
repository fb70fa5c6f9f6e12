// The threads of a run share pieces, whoever of them comes and whenever.
#include "coverslip/run/team.hpp"

#include <doctest/doctest.h>
#include <tbb/global_control.h>

#include <numeric>
#include <stdexcept>

using namespace coverslip;

TEST_CASE("a team does each piece once, and gives no two at a time the same slot") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 8);  // some come late
  for (const int threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    Team team(threads);
    std::vector<std::atomic<bool>> busy(static_cast<std::size_t>(threads));
    std::atomic<int> clashes = 0;
    for (int run = 0; run < 3; ++run)
      team.run([&] {
        for (const Dim n : {0, 1, 2, 7, 64, 3, 1000}) {
          std::vector<std::atomic<int>> done(static_cast<std::size_t>(n));
          team.share(n, [&](Dim i, std::size_t slot) {
            if (busy.at(slot).exchange(true)) ++clashes;
            ++done.at(static_cast<std::size_t>(i));
            busy.at(slot) = false;
          });
          CHECK(std::ranges::all_of(done, [](const std::atomic<int>& times) { return times == 1; }));
        }
      });
    CHECK(clashes == 0);
  }
}

TEST_CASE("what a piece wrote is seen by all pieces of the next share") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 8);  // some come late
  Team team(4);
  std::vector<Dim> values(64, 0), sums(64, 0);
  team.run([&] {
    for (Dim round = 1; round <= 2000; ++round) {
      team.share(64, [&](Dim i, std::size_t) { values[static_cast<std::size_t>(i)] += i; });
      team.share(64, [&](Dim i, std::size_t) {
        sums[static_cast<std::size_t>(i)] = std::accumulate(values.begin(), values.end(), Dim{0});
      });
      if (std::ranges::count(sums, round * 63 * 32) != 64) FAIL("round ", round);
    }
  });
}

TEST_CASE("helpers that left for want of work come again") {
  Team team(2);
  std::atomic<Dim> done = 0;
  team.run([&] {
    for (int round = 0; round < 5; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      team.share(10, [&](Dim, std::size_t) { ++done; });
    }
  });
  CHECK(done == 50);
}

TEST_CASE("an error between shares passes through, and the team can run again") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 8);  // some come late
  Team team(3);
  const auto fail = [&] {
    team.share(5, [](Dim, std::size_t) {});
    throw std::runtime_error("stop");
  };
  CHECK_THROWS_WITH_AS(team.run(fail), "stop", std::runtime_error);
  std::atomic<Dim> done = 0;
  team.run([&] { team.share(9, [&](Dim, std::size_t) { ++done; }); });
  CHECK(done == 9);
}
