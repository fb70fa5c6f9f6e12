// Times of every way in which every target does the samples of operators, beside what the core can do and what the
// planner predicts.
#include <benchmark/benchmark.h>

#include "layers.hpp"
#include "measure.hpp"
#include "trial.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

struct Work {
  double multiply_adds = 0, bytes = 0;
  std::size_t memory = 0;  // that it touches
  double predicted = 0;    // nanoseconds; 0: not predicted
};

// The median time of one call. The peak is measured beside each sample: a clock that changes its frequency changes
// both.
template <class F>
void measure(benchmark::State& state, const KernelTable& kernels, const Work& work, F& call) {
  constexpr double kSeconds = 0.03;
  constexpr std::size_t kLeast = 3, kMost = 25;
  const double most_bytes = bandwidth(work.memory);
  call();
  const double once = std::max(seconds_of(call), 1e-8);
  const auto calls = static_cast<int>(std::clamp(1e-3 / once, 1.0, 1e4));
  std::vector<double> times, shares;
  for (auto _ : state) {
    const double end = cpu_seconds() + kSeconds;
    while (times.size() < kLeast || (times.size() < kMost && cpu_seconds() < end)) {
      const double most = peak(kernels);
      times.push_back(seconds_of([&] {
                        for (int i = 0; i < calls; ++i) call();
                      }) /
                      calls);
      shares.push_back(work.multiply_adds / times.back() / most);
    }
    state.SetIterationTime(median(times));
  }
  const double seconds = median(times);
  if (work.multiply_adds > 0) {
    state.counters["GFLOP/s"] = 2e-9 * work.multiply_adds / seconds;
    state.counters["percent_of_peak"] = 100 * median(shares);
  }
  state.counters["GB/s"] = 1e-9 * work.bytes / seconds;
  state.counters["percent_of_bandwidth"] = 100 * work.bytes / seconds / most_bytes;
  if (work.predicted > 0) state.counters["predicted_over_measured"] = 1e-9 * work.predicted / seconds;
}

std::string word(const char* key, const Attribute& value) {
  if (const std::string* text = std::get_if<std::string>(&value)) return *text;
  if (const Dim* number = std::get_if<Dim>(&value))
    return *number == 1 && key == std::string_view("group") ? "" : key + std::to_string(*number);
  const auto* list = std::get_if<std::vector<Dim>>(&value);
  if (list == nullptr || list->empty()) return "";
  if (std::ranges::count(*list, 1) == std::ssize(*list)) return "";
  if (std::ranges::count(*list, list->front()) == std::ssize(*list)) return word(key, list->front());
  std::string numbers;
  for (const Dim d : *list) numbers += (numbers.empty() ? "" : ",") + std::to_string(d);
  return key + numbers;
}

// Shapes of the operands, and attributes that tell samples apart; lists of ones do not.
std::string words(const Case& c) {
  std::string text;
  const auto add = [&](const std::string& next) { text += (text.empty() || next.empty() ? "" : "_") + next; };
  for (const Operand& operand : c.operands)
    if (operand.kind != Operand::Kind::Absent) add(to_string(operand.type.shape));
  for (const auto& [attribute, key] : {std::pair{"kernel_shape", "window"},
                                       {"strides", "stride"},
                                       {"dilations", "dilation"},
                                       {"group", "group"},
                                       {"axis", "axis"},
                                       {"axes", "axes"},
                                       {"perm", "perm"},
                                       {"mode", ""},
                                       {"activation", ""}})
    if (const auto it = c.attributes.find(attribute); it != c.attributes.end()) add(word(key, it->second));
  return text;
}

template <class F>
void add(const std::string& name, const F& run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(1);
}

void run_way(benchmark::State& state, const Case& sample, const KernelTable& kernels, std::size_t which) {
  Trial trial(sample, kernels);
  const Way& way = trial.ways()[which];
  trial.prepare(way);
  measure(state, kernels, {way.multiply_adds, static_cast<double>(trial.bytes()), trial.memory(), way.nanoseconds},
          trial);
}

void run_pack(benchmark::State& state, const Case& sample, const KernelTable& kernels, std::size_t which) {
  const Trial trial(sample, kernels);
  const auto [constant, form] = trial.packed_input(trial.ways()[which]);
  const Tensor numbers = some_numbers(constant->type());
  Tensor packed(form->packed, allocate(form->packed.bytes()));
  const std::size_t bytes = numbers.type().bytes() + form->packed.bytes();
  const auto call = [&, pack = &form->pack] {
    (*pack)(numbers, packed);
    benchmark::DoNotOptimize(packed.data());
  };
  measure(state, kernels, {0, static_cast<double>(bytes), bytes, 0}, call);
}

// "group/target/case/kernel"; the group is the operator, or what `group` says.
void add_ways(const Case& sample, const KernelTable& kernels, const std::string& group) {
  const std::string middle = std::string("/") + kernels.name + "/" + words(sample) + "/";
  const Trial trial(sample, kernels);
  for (std::size_t i = 0; i < trial.ways().size(); ++i) {
    const Way& way = trial.ways()[i];
    add(group + middle + way.kernel,
        [sample, &kernels, i](benchmark::State& state) { run_way(state, sample, kernels, i); });
    if (trial.packed_input(way).constant != nullptr)
      add("pack" + middle + way.kernel,
          [sample, &kernels, i](benchmark::State& state) { run_pack(state, sample, kernels, i); });
  }
}

// Square products, the samples of the operators themselves, and those of layers.hpp.
void add_all(const KernelTable& kernels) {
  benchmark::RegisterBenchmark((std::string("peak/") + kernels.name).c_str(), [&kernels](benchmark::State& state) {
    std::vector<double> rates;
    for (auto _ : state) rates.push_back(peak(kernels));
    state.counters["GFLOP/s"] = 2e-9 * median(rates);
  })->Iterations(100);
  for (const Dim n : {512, 768, 1024}) add_ways({"MatMul", {}, {data({n, n}), weights({n, n})}}, kernels, "gemm");
  for_each_op([&](const OpDef& op) {
    if (op.cases == nullptr) return;
    for (const Case& sample : op.cases())
      if (sample.bench && sample.op == op.name && !is_internal(op)) add_ways(sample, kernels, sample.op);
  });
  for (const Case& sample : layers()) add_ways(sample, kernels, sample.op);
}

}  // namespace
}  // namespace v0
}  // namespace coverslip

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (const coverslip::KernelTable* kernels : coverslip::supported_kernels()) coverslip::add_all(*kernels);
  benchmark::RunSpecifiedBenchmarks();
}
