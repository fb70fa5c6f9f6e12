// Times of every candidate of every operator on every target, from the operators' own cases, and their share of the
// peak.
#include <benchmark/benchmark.h>

#include "coverslip/ops/registry.hpp"
#include "coverslip/ops/shapes/identity.hpp"
#include "measure.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

// The times of one call, and of the peak beside it: a clock that changes its frequency changes both.
template <class F>
void measure(benchmark::State& state, const KernelTable& kernels, double multiply_adds, F& call) {
  call();
  const double once = std::max(seconds_of(call), 1e-8);
  const auto calls = static_cast<int>(std::clamp(1e-3 / once, 1.0, 1e4));
  std::vector<double> rates, shares;
  for (auto _ : state) {
    const double most = peak(kernels);
    const double seconds = seconds_of([&] {
                             for (int i = 0; i < calls; ++i) call();
                           }) /
                           calls;
    state.SetIterationTime(seconds);
    rates.push_back(multiply_adds / seconds);
    shares.push_back(multiply_adds / seconds / most);
  }
  if (multiply_adds == 0) return;
  state.counters["GFLOP/s"] = 2e-9 * median(rates);
  state.counters["percent_of_peak"] = 100 * median(shares);
}

// One case, planned; its numbers are made when it is to run.
class Run {
 public:
  Run(const OpDef& op, const Case& c, const KernelTable& kernels) : operands_(c.operands) {
    node_.op = c.op;
    node_.name = "bench";
    node_.attributes = c.attributes;
    Types types;
    std::vector<const Tensor*> constants;
    for (const Operand& operand : operands_) {
      node_.inputs.push_back(operand.kind == Operand::Kind::Absent ? kNoValue : node_.inputs.size());
      types.push_back(operand.type);
      values_.push_back(operand.value ? *operand.value : Tensor(operand.type, nullptr));
    }
    for (std::size_t i = 0; i < values_.size(); ++i)
      constants.push_back(operands_[i].kind == Operand::Kind::Constant ? &values_[i] : nullptr);
    outputs_of_ = op.infer(node_, types, constants);
    steps_ = op.plan(node_, types, constants, {kernels});
  }
  const std::vector<Step>& steps() const { return steps_; }

  void prepare(std::size_t candidate) {
    step_ = &steps_[candidate];
    for (std::size_t i = 0; i < values_.size(); ++i) prepare_input(i);
    for (std::size_t i = 0; i < outputs_of_.size(); ++i) {
      memory_.push_back(allocate(outputs_of_[i].bytes()));
      outputs_.emplace_back(memory_.back().get(), outputs_of_[i].dtype, step_->outputs.at(i),
                            Box(outputs_of_[i].shape));
    }
    scratch_ = allocate(step_->scratch_bytes);
    box_ = Box(outputs_of_[0].shape);
  }
  void operator()() { step_->run(inputs_, outputs_, box_, scratch_.get()); }

 private:
  static Tensor numbers(const TensorType& type) {
    Tensor tensor(type);
    if (type.dtype == DType::f32) {
      float x = 0.3f;
      for (float& y : tensor.values<float>()) y = x += x > 0.5f ? -0.93f : 0.37f;
    }
    return tensor;
  }
  void prepare_input(std::size_t i) {
    const Operand& operand = operands_[i];
    if (operand.kind == Operand::Kind::Absent) {
      inputs_.emplace_back();
      return;
    }
    if (!operand.value) values_[i] = numbers(operand.type);
    if (step_->inputs[i].pack) {
      values_[i] = step_->inputs[i].pack(values_[i]);
      inputs_.push_back(values_[i].view());
    } else {
      memory_.push_back(allocate(operand.type.bytes()));
      const Layout layout = step_->inputs[i].layout;
      View view(memory_.back().get(), operand.type.dtype, layout, Box(operand.type.shape));
      const std::array<View, 1> from{values_[i].view()};
      ops::copy_step(operand.type, Layout::Planar, layout).run(from, {&view, 1}, view.held(), nullptr);
      inputs_.push_back(view);
    }
  }

  std::vector<Operand> operands_;
  Node node_;
  std::vector<Tensor> values_;
  Types outputs_of_;
  std::vector<Step> steps_;
  const Step* step_ = nullptr;
  std::vector<Bytes> memory_;
  std::vector<View> inputs_, outputs_;
  Bytes scratch_;
  Box box_;
};

std::string words(const Case& c) {
  std::string text;
  for (const Operand& operand : c.operands)
    if (operand.kind != Operand::Kind::Absent) text += (text.empty() ? "" : "_") + to_string(operand.type.shape);
  for (const char* key : {"strides", "group"})
    if (const auto it = c.attributes.find(key); it != c.attributes.end()) {
      if (const Dim* number = std::get_if<Dim>(&it->second)) text += std::string("_") + key + std::to_string(*number);
      if (const auto* list = std::get_if<std::vector<Dim>>(&it->second))
        text += std::string("_") + key + std::to_string((*list)[0]);
    }
  return text;
}

void add(const std::string& name, const OpDef& op, const Case& c, const KernelTable& kernels, std::size_t candidate) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [&op, c, &kernels, candidate](benchmark::State& state) {
                                 Run run(op, c, kernels);
                                 run.prepare(candidate);
                                 measure(state, kernels, run.steps()[candidate].multiply_adds, run);
                               })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond)
      ->Iterations(25);
}

// "op/target/case/kernel", and "gemm/target/N" for a square product with packed weights.
void add_all(const KernelTable& kernels) {
  const std::string target = kernels.name;
  benchmark::RegisterBenchmark(("peak/" + target).c_str(), [&kernels](benchmark::State& state) {
    std::vector<double> rates;
    for (auto _ : state) rates.push_back(peak(kernels));
    state.counters["GFLOP/s"] = 2e-9 * median(rates);
  })->Iterations(100);
  for (const Dim n : {512, 768, 1024})
    add("gemm/" + target + "/" + std::to_string(n), *find_op("MatMul"), {"MatMul", {}, {data({n, n}), weights({n, n})}},
        kernels, 0);
  for_each_op([&](const OpDef& op) {
    if (op.cases == nullptr || op.plan == nullptr) return;
    for (const Case& c : op.cases()) {
      if (!c.bench || c.op != op.name) continue;
      const std::string name = std::string(op.name) + "/" + target + "/" + words(c);
      const Run run(op, c, kernels);
      for (std::size_t i = 0; i < run.steps().size(); ++i) add(name + "/" + run.steps()[i].kernel, op, c, kernels, i);
    }
  });
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
