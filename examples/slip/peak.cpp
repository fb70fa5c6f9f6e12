// Implements peak.hpp.
#include "peak.hpp"

#include <barrier>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>

#include "coverslip/kernels/table.hpp"

namespace coverslip::tool {
namespace {

using Clock = std::chrono::steady_clock;

// GFLOP/s of one thread doing so many rounds.
double rate(const PeakKernels& peak, std::size_t rounds) {
  const auto start = Clock::now();
  volatile float kept = peak.multiply_adds(rounds);
  static_cast<void>(kept);
  const double ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  return 2.0 * static_cast<double>(rounds * peak.multiply_adds_per_round) / ns;
}

// The sum over all threads at once of the rate that each says, at best.
template <class F>
double most_of(int threads, const F& rate) {
  double best = 0;
  for (int attempt = 0; attempt < 4; ++attempt) {
    std::vector<double> rates(static_cast<std::size_t>(threads));
    std::barrier<> start(threads);
    std::vector<std::jthread> workers;
    for (std::size_t thread = 0; thread < rates.size(); ++thread)
      workers.emplace_back([&, thread] {
        start.arrive_and_wait();
        rates[thread] = rate(thread);
      });
    workers.clear();
    best = std::max(best, std::accumulate(rates.begin(), rates.end(), 0.0));
  }
  return best;
}

}  // namespace

double measured_peak(Target target, int threads) {
  const KernelTable* kernels = nullptr;
  for (const KernelTable* table : supported_kernels())
    if (table->name == to_string(target)) kernels = table;
  if (kernels == nullptr) throw Error(Errc::Unsupported, "target", to_string(target), " is not in this build");
  constexpr double kNanoseconds = 2e7;
  const double flops = kNanoseconds * rate(kernels->peak, 100'000);
  const auto rounds =
      static_cast<std::size_t>(flops / (2.0 * static_cast<double>(kernels->peak.multiply_adds_per_round)));

  return most_of(threads, [&](std::size_t) { return rate(kernels->peak, rounds); });
}

double measured_bandwidth(int threads) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  std::vector<Bytes> from, to;
  for (int i = 0; i < threads; ++i) {
    from.push_back(allocate(kBytes));
    to.push_back(allocate(kBytes));
    std::memset(from.back().get(), 1, kBytes);
    std::memset(to.back().get(), 1, kBytes);
  }
  return most_of(threads, [&](std::size_t thread) {
    const auto start = Clock::now();
    std::memcpy(to[thread].get(), from[thread].get(), kBytes);
    return 2.0 * kBytes / std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  });
}

}  // namespace coverslip::tool
