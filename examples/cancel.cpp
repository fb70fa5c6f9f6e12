// Runs a network in the background, shows how far it is, and stops it: after some seconds, or at Ctrl-C.
#include <chrono>
#include <csignal>
#include <future>

#include "coverslip/coverslip.hpp"
#include "program.hpp"

namespace {
std::atomic<bool> stop = false;  // a handler of signals may write such
static_assert(std::atomic<bool>::is_always_lock_free);
}  // namespace

namespace coverslip::example {
namespace {

using namespace std::chrono_literals;
constexpr const char* kUsage =
    "usage: cancel MODEL.slip SECONDS\n"
    "\n"
    "Runs the model on zeros (free dimensions are 1), and stops it after so many seconds, or at Ctrl-C.\n";

std::vector<Tensor> zeros(const Model& model) {
  std::vector<Tensor> inputs;
  for (const Port& port : model.inputs()) {
    TensorType type{port.dtype, port.shape};
    for (Dim& dim : type.shape) dim = dim == kFree ? 1 : dim;
    inputs.emplace_back(type);
  }
  return inputs;
}

void watch(int argc, char** argv) {
  if (argc != 3 || argv[1][0] == '-') throw Usage{};
  const auto limit = std::chrono::seconds(number(argv[2]));
  Session session{Model::load(argv[1])};
  const std::vector<Tensor> inputs = zeros(session.model());
  std::atomic<double> progress = 0;
  std::signal(SIGINT, [](int) { stop = true; });

  const auto start = std::chrono::steady_clock::now();
  auto running = std::async(std::launch::async, [&] { session.run(inputs, {.stop = &stop, .progress = &progress}); });
  while (running.wait_for(100ms) != std::future_status::ready) {
    std::printf("%3.0f %%\n", 100 * progress);
    if (std::chrono::steady_clock::now() - start > limit) stop = true;
  }
  try {
    running.get();
    std::printf("done\n");
  } catch (const Error& error) {
    if (error.code() != Errc::Cancelled) throw;
    std::printf("stopped at %.0f %%; the Session may run again\n", 100 * progress);
  }
}

}  // namespace
}  // namespace coverslip::example

int main(int argc, char** argv) {
  using namespace coverslip::example;
  return run(kUsage, [&] { watch(argc, argv); });
}
