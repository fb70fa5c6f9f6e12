// Session behind the public API.
#pragma once
#include "coverslip/run/cpu-impl.hpp"
#include "coverslip/run/executor.hpp"
#include "coverslip/run/model-impl.hpp"
#include "coverslip/run/out_of_memory.hpp"
#include "coverslip/run/plans.hpp"

namespace coverslip {
inline namespace v0 {

namespace {

std::vector<StepInfo> infos_of(const Plan& plan) {
  std::vector<StepInfo> infos;
  for (const PlannedStep& s : plan.steps) {
    const PlannedValue& out = plan.values[s.node.outputs[0]];
    std::size_t bytes = 0;
    for (const auto& ports : {s.node.inputs, s.node.outputs})
      for (const ValueId v : ports)
        if (v != kNoValue && !s.saved && plan.values[v].home != Home::Scratch) bytes += plan.values[v].type.bytes();
    const char* how = s.saved                     ? " (no copy)"
                      : out.home == Home::Scratch ? " (chained)"
                      : out.home == Home::Sample  ? " (by sample)"
                                                  : "";
    infos.push_back({s.node.label(), s.step.kernel + how, out.type, out.layout, s.step.multiply_adds, bytes,
                     s.saved ? 0 : s.step.nanoseconds * 1e-6, 0});
  }
  return infos;
}

// Holds a Session for one call.
class Hold {
 public:
  explicit Hold(std::atomic_flag& busy) : busy_(busy) {
    if (busy_.test_and_set(std::memory_order_acquire))
      throw Error(Errc::Busy, "Session",
                  "another thread runs it; give each thread a copy, they share plan and weights");
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { busy_.clear(std::memory_order_release); }

 private:
  std::atomic_flag& busy_;
};

}  // namespace

struct Session::State {
  State(const Model& m, const Options& options)
      : model(m), threads(std::min(options.threads > 0 ? options.threads : cpu().threads, most_threads())) {
    if (options.threads < 0 || options.threads > kMostThreads)
      throw Error(Errc::BadInput, "threads", "wants 0 to ", kMostThreads, ", got ", options.threads);
    if (options.precision == Precision::Int8)
      throw Error(Errc::Unsupported, "precision",
                  "this version computes in float32 or bfloat16; use AsFile, Float32 or Bfloat16");
    const KernelTable& kernels = kernels_for(options.target);
    const bool wants_bf16 = options.precision == Precision::Bfloat16, bf16 = wants_bf16 && has_bf16(kernels);
    if (bf16) precision = Precision::Bfloat16;
    if (wants_bf16 && !bf16)
      note = std::string("No fast products in bfloat16 here (") + kernels.name + "): this computes in float32.";
    plans =
        std::make_shared<Plans>(m.state_->graph, m.state_->packs, PlanContext{kernels, options.winograd, bf16},
                                Budget{options.max_memory, static_cast<std::size_t>(threads), for_each_on(threads)});
    const auto fixed = [](const Port& port) { return std::ranges::count(port.shape, kFree) == 0; };
    if (std::ranges::all_of(model.inputs(), fixed)) current({});  // so that errors come now
  }
  State(const State& other)
      : model(other.model), threads(other.threads), precision(other.precision), note(other.note), plans(other.plans) {}

  // f(), while no other call uses the Session.
  template <class F>
  auto alone(const F& f) {
    return or_out_of_memory([&] {
      const Hold hold(busy);
      return f();
    });
  }

  // The executor of the first part for these shapes; it keeps its memory until another shape comes.
  Executor& current(std::span<const Shape> shapes) { return part(0, first_entry(model.state_->graph, shapes)); }

  // The executor of part `i` of a run: there are several where shapes depend on data. Each is planned within the whole
  // of max_memory, so that where there is a limit, only one keeps its memory.
  Executor& part(std::size_t i, const Entry& entry) {
    const std::shared_ptr<const Plan> plan = plans->get(entry);
    if (plans->budget().max_memory > 0)
      for (std::size_t other = 0; other < parts.size(); ++other)
        if (other != i) parts[other].reset();
    if (parts.size() <= i) parts.resize(i + 1);
    if (!parts[i] || &parts[i]->plan() != plan.get()) {
      parts[i].reset();  // before the next takes its memory
      parts[i] = std::make_unique<Executor>(plan, threads);
    }
    return *parts[i];
  }

  void check_inputs(std::span<const Tensor> inputs) const {
    if (inputs.size() != model.inputs().size())
      throw Error(Errc::BadInput, "inputs", "the model wants ", model.inputs().size(), ", got ", inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].dtype() != model.inputs()[i].dtype || inputs[i].data() == nullptr)
        throw Error(Errc::BadInput, "input '" + model.inputs()[i].name + "'", "the model wants ",
                    model.inputs()[i].dtype, " ", model.inputs()[i].shape, ", got ", inputs[i].type());
  }

  // `timed`, where there is one, gets all steps with their times.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const RunControl& control, std::vector<StepInfo>* timed) {
    std::vector<Shape> shapes;
    for (const Tensor& t : inputs) shapes.push_back(t.shape());
    Executor* executor = &current(shapes);
    std::vector<Tensor> made = run(*executor, inputs, control, timed);
    for (std::size_t i = 1; executor->plan().stop; ++i) {
      const Stop stop = *executor->plan().stop;
      Entry entry{.node = stop.node, .contents = stop.known};
      std::vector<Tensor> given;
      for (std::size_t v = 0; v < made.size(); ++v) {
        if (stop.wanted[v])
          entry.contents.emplace_back(stop.live[v], std::make_shared<Tensor>(made[v].type(), made[v].memory()));
        if (stop.wanted[v] && is_small(made[v].type())) continue;
        entry.inputs.emplace_back(stop.live[v], made[v].type());
        given.push_back(std::move(made[v]));
      }
      executor = &part(i, entry);
      made = run(*executor, given, control, timed);
    }
    return made;
  }

  static std::vector<Tensor> run(Executor& executor, std::span<const Tensor> inputs, const RunControl& control,
                                 std::vector<StepInfo>* timed) {
    std::vector<Tensor> outputs = executor.outputs();
    if (timed == nullptr) {
      executor.run(inputs, outputs, control);
      return outputs;
    }
    std::vector<StepInfo> infos = infos_of(executor.plan());
    std::vector<double> milliseconds(infos.size(), 0.0);
    executor.run(inputs, outputs, control, milliseconds);
    for (std::size_t s = 0; s < infos.size(); ++s) infos[s].ms = milliseconds[s];
    timed->insert(timed->end(), infos.begin(), infos.end());
    return outputs;
  }

  MemoryUse memory(const Plan& plan) const {
    return {.weights = model.weight_bytes(),
            .packed = plan.packed_bytes,
            .values = plan.arena_bytes,
            .scratch = plan.scratch_bytes * static_cast<std::size_t>(threads),
            .io = plan.io_bytes};
  }

  static constexpr int kMostThreads = 1024;
  Model model;
  int threads;
  Precision precision = Precision::Float32;
  std::string note{};
  std::shared_ptr<Plans> plans;
  std::vector<std::unique_ptr<Executor>> parts;
  std::atomic_flag busy{};
};

Session::Session(const Model& model, const Options& options)
    : state_(or_out_of_memory([&] { return std::make_unique<State>(model, options); })) {}
Session::Session(const Session& other)
    : state_(or_out_of_memory([&] { return std::make_unique<State>(*other.state_); })) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(const Session& other) { return *this = Session(other); }
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const Model& Session::model() const { return state_->model; }
int Session::threads() const { return state_->threads; }
Target Session::target() const { return target_named(state_->plans->kernels().name).value_or(Target::Scalar); }

Precision Session::precision() const { return state_->precision; }
const std::string& Session::note() const { return state_->note; }

std::vector<Tensor> Session::run(std::span<const Tensor> inputs, const RunControl& control) {
  return state_->alone([&] {
    state_->check_inputs(inputs);
    return state_->run(inputs, control, nullptr);
  });
}

Tensor Session::run(const Tensor& input, const RunControl& control) {
  return std::move(run(std::span(&input, 1), control).front());
}

std::vector<StepInfo> Session::steps(std::span<const Shape> input_shapes) {
  return state_->alone([&] { return infos_of(state_->current(input_shapes).plan()); });
}

std::vector<StepInfo> Session::profile(std::span<const Tensor> inputs) {
  return state_->alone([&] {
    state_->check_inputs(inputs);
    std::vector<StepInfo> infos;
    state_->run(inputs, {}, &infos);
    return infos;
  });
}

MemoryUse Session::memory(std::span<const Shape> input_shapes) {
  return state_->alone([&] { return state_->memory(state_->current(input_shapes).plan()); });
}

std::string Session::describe(std::span<const Shape> input_shapes) {
  return state_->alone([&] {
    const Plan& plan = state_->current(input_shapes).plan();
    std::string text;
    for (const StepInfo& step : infos_of(plan))
      text += step.node + ": " + step.kernel + " -> " + to_string(step.output) + " " +
              std::string(to_string(step.layout)) + "\n";
    if (plan.stop)
      text += state_->model.graph().nodes[plan.stop->node].label() +
              ": planned, with all after it, when its input is known\n";
    const MemoryUse use = state_->memory(plan);
    const auto line = [&](const char* what, std::size_t bytes) {
      text += std::string(what) + ": " + std::to_string(bytes) + " bytes\n";
    };
    line("values", use.values);
    line("scratch", use.scratch);
    line("packed weights", use.packed);
    line("inputs and outputs", use.io);
    line("peak", use.peak());
    text += "precision: " + std::string(to_string(state_->precision)) + "\n";
    if (!state_->note.empty()) text += state_->note + "\n";
    return text;
  });
}

}  // namespace v0
}  // namespace coverslip
