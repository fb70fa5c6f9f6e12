// Implements peak.hpp.
#include "peak.hpp"

#include <barrier>
#include <chrono>
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

  double best = 0;
  for (int attempt = 0; attempt < 4; ++attempt) {
    std::vector<double> rates(static_cast<std::size_t>(threads));
    std::barrier<> start(threads);
    std::vector<std::jthread> workers;
    for (double& mine : rates)
      workers.emplace_back([&] {
        start.arrive_and_wait();
        mine = rate(kernels->peak, rounds);
      });
    workers.clear();
    best = std::max(best, std::accumulate(rates.begin(), rates.end(), 0.0));
  }
  return best;
}

}  // namespace coverslip::tool
