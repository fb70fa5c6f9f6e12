// Times of this thread, and the peak that the benchmarks compare with.
#pragma once
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <vector>

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

}  // namespace v0
}  // namespace coverslip
