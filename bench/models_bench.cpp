// Times of whole models, given on the command line, with one thread and with as many as the quota allows.
#include <chrono>
#include <cstdio>

#include "coverslip/coverslip.hpp"
#include "measure.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

std::string stem(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
  return file.substr(0, file.find_last_of('.'));
}

// Numbers of both signs; a free dimension is 1.
Tensor sample(const Port& port) {
  Shape shape = port.shape;
  for (Dim& d : shape)
    if (d == kFree) d = 1;
  Tensor tensor(TensorType{port.dtype, shape});
  if (port.dtype == DType::f32) {
    float x = 0.3f;
    for (float& y : tensor.values<float>()) y = x += x > 0.5f ? -0.93f : 0.37f;
  }
  return tensor;
}

const KernelTable* kernels_of(Target target) {
  for (const KernelTable* kernels : supported_kernels())
    if (kernels->name == to_string(target)) return kernels;
  return supported_kernels().front();
}

void run(benchmark::State& state, const Model& model, int threads) {
  Session session(model, {.threads = threads});
  std::vector<Tensor> inputs;
  std::vector<Shape> shapes;
  for (const Port& port : model.inputs()) {
    inputs.push_back(sample(port));
    shapes.push_back(inputs.back().shape());
  }
  session.run(inputs);
  const KernelTable& kernels = *kernels_of(session.target());
  std::vector<double> times, shares;
  double multiply_adds = 0;
  for (const StepInfo& step : session.steps(shapes)) multiply_adds += step.multiply_adds;
  for (auto _ : state) {
    const double most = peak(kernels) * threads;
    const auto begin = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(session.run(inputs));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    state.SetIterationTime(seconds);
    times.push_back(seconds);
    shares.push_back(multiply_adds / seconds / most);
  }
  state.counters["median_ms"] = 1e3 * median(times);
  state.counters["GFLOP/s"] = 2e-9 * multiply_adds / median(times);
  state.counters["percent_of_peak"] = 100 * median(shares);
  state.counters["peak_memory_MB"] = 1e-6 * static_cast<double>(session.memory(shapes).peak());
}

void add(const std::string& path) {
  const Model model = Model::load(path);
  std::vector<int> counts{1};
  if (cpu().threads > 1) counts.push_back(cpu().threads);
  for (const int threads : counts)
    benchmark::RegisterBenchmark((stem(path) + "/threads:" + std::to_string(threads)).c_str(),
                                 [model, threads](benchmark::State& state) { run(state, model, threads); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace v0
}  // namespace coverslip

int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);
  if (argc < 2) {
    std::fputs("usage: models_bench [--benchmark_...] MODEL.slip...\n", stderr);
    return 1;
  }
  for (int i = 1; i < argc; ++i) coverslip::add(argv[i]);
  benchmark::RunSpecifiedBenchmarks();
} catch (const coverslip::Error& error) {
  std::fprintf(stderr, "models_bench: %s\n", error.what());
  return 2;
}
