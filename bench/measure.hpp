// Times of this thread, and what the core can do at most: the measures that the benchmarks compare with.
#pragma once
#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <ctime>
#include <map>
#include <vector>

#include "coverslip/core/tensor.hpp"
#include "coverslip/kernels/table.hpp"

namespace coverslip {
inline namespace v0 {

inline double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class F>
double seconds_of(F&& f) {
  const double begin = cpu_seconds();
  f();
  return cpu_seconds() - begin;
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Multiply-adds per second that a core does at most, by the register-only loop, for about a tenth of a millisecond.
inline double peak(const KernelTable& kernels) {
  const std::size_t rounds = 1500 * kernels.f32_lanes;
  return static_cast<double>(rounds * kernels.peak.multiply_adds_per_round) /
         seconds_of([&] { benchmark::DoNotOptimize(kernels.peak.multiply_adds(rounds)); });
}

// Bytes per second, read and written, of copying one half of so much memory to the other, again and again: what the
// cache that holds it all can give, or the memory. Measured once for sizes that are about the same.
inline double bandwidth(std::size_t memory) {
  static std::map<std::size_t, double> known;
  const std::size_t quarter = std::bit_floor(std::clamp<std::size_t>(memory, 1 << 13, 1 << 28)) / 4;
  const std::size_t half = (memory / quarter + 1) * quarter / 2;
  const auto [it, is_new] = known.try_emplace(half, 0.0);
  if (is_new) {
    const Bytes from = allocate(half), to = allocate(half);
    std::memset(from.get(), 1, half);
    const std::size_t times = std::max<std::size_t>(1, (std::size_t{1} << 24) / half);
    for (int sample = 0; sample < 6; ++sample) {  // the first warms up
      const double seconds = seconds_of([&] {
        for (std::size_t i = 0; i < times; ++i) {
          std::memcpy(to.get(), from.get(), half);
          benchmark::DoNotOptimize(to.get());
          benchmark::ClobberMemory();
        }
      });
      it->second = std::max(it->second, 2.0 * static_cast<double>(half * times) / seconds);
    }
  }
  return it->second;
}

}  // namespace v0
}  // namespace coverslip
