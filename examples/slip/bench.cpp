// slip bench: how fast a model is on this machine.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#ifndef _WIN32
#include <sys/resource.h>
#endif

#include "inputs.hpp"
#include "json.hpp"
#include "peak.hpp"
#include "profile.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace coverslip::tool {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Wanted {
  double seconds = 2;
  bool profile = false;
  Dim batch = 0;  // 0: as the shapes are
};

struct Measured {
  std::string path;
  Target target = Target::Scalar;
  Precision precision = Precision::Float32;
  std::string note{};
  int threads = 1;
  std::vector<Shape> shapes{};
  Dim batch = 0;  // 0: not asked for
  double load_ms = 0, plan_ms = 0, first_ms = 0;
  std::vector<double> runs{};  // in ms, sorted
  double multiply_adds = 0, peak_gflops = 0, bandwidth = 0;
  MemoryUse memory{};
  std::vector<StepInfo> profile{};  // empty: not asked for

  // The smallest time that this share of the runs did not exceed.
  double quantile(double share) const {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(runs.size())));
    return runs[std::max<std::size_t>(rank, 1) - 1];
  }
  double samples_per_second() const { return 1e3 * static_cast<double>(batch) / quantile(0.5); }
  double gflops() const { return 2e-6 * multiply_adds / quantile(0.5); }
  double percent_of_peak() const { return 100 * gflops() / peak_gflops; }
};

// The most memory that this process held, as the system counts it; 0: not known.
std::size_t resident_bytes() {
#ifdef _WIN32
  return 0;
#else
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
  return static_cast<std::size_t>(usage.ru_maxrss);
#else
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
#endif
#endif
}

// Runs until it has been warm for a moment, then for `seconds`, at least three times.
void time_runs(Measured& measured, Session& session, std::span<const Tensor> inputs, double seconds) {
  constexpr double kWarmMs = 200;
  constexpr std::size_t kLeast = 3;
  const auto one = [&] {
    const auto start = Clock::now();
    session.run(inputs);
    return ms_since(start);
  };
  const auto begin = Clock::now();
  measured.first_ms = one();
  while (ms_since(begin) < kWarmMs) one();
  const auto start = Clock::now();
  while (measured.runs.size() < kLeast || ms_since(start) < 1000 * seconds) measured.runs.push_back(one());
  std::sort(measured.runs.begin(), measured.runs.end());
}

// `shapes` with so many samples in each input whose first dimension is free; 0: as they are.
std::vector<Shape> with_batch(std::vector<Shape> shapes, const Model& model, Dim batch) {
  bool any = batch == 0;
  for (std::size_t i = 0; i < shapes.size() && batch > 0; ++i) {
    const Shape& asked = model.inputs()[i].shape;
    if (asked.rank() == 0 || asked[0] != kFree) continue;
    shapes[i][0] = batch;
    any = true;
  }
  if (!any)
    throw UsageError("--batch: no input has a free first dimension; export the network with one, or measure --shape");
  return shapes;
}

Measured measure(const std::string& path, const EngineArguments& engine, const Wanted& wanted) {
  Measured measured{.path = path};
  Progress progress("loading " + path);
  auto start = Clock::now();
  const Model model = Model::load(path);
  measured.load_ms = ms_since(start);
  measured.shapes = with_batch(engine.input_shapes(model), model, wanted.batch);
  measured.batch = wanted.batch;

  progress.now("planning " + path);
  start = Clock::now();
  Session session(model, engine.options);
  measured.memory = session.memory(measured.shapes);
  measured.plan_ms = ms_since(start);
  for (const StepInfo& step : session.steps(measured.shapes)) measured.multiply_adds += step.multiply_adds;
  measured.target = session.target();
  measured.precision = session.precision();
  measured.note = session.note();
  measured.threads = session.threads();

  progress.now("measuring " + path);
  const std::vector<Tensor> inputs = random_inputs(model, measured.shapes, 1);
  time_runs(measured, session, inputs, wanted.seconds);
  measured.peak_gflops = measured_peak(measured.target, measured.threads);
  if (wanted.profile) {
    progress.now("profiling " + path);
    measured.profile = profile(session, inputs, wanted.seconds);
    measured.bandwidth = measured_bandwidth(measured.threads);
  }
  return measured;
}

void print_text(const Measured& m) {
  const auto line = [](std::string_view what, const std::string& text) {
    print("  " + std::string(what) + std::string(16 - what.size(), ' ') + text + "\n");
  };
  const auto bytes = [](std::size_t n) { return bytes_text(static_cast<double>(n)); };
  print(safe(m.path) + " (" + bytes_text(static_cast<double>(std::filesystem::file_size(m.path))) + "), " +
        std::string(to_string(m.target)) + ", " + std::to_string(m.threads) +
        (m.threads == 1 ? " thread\n" : " threads\n"));
  std::string shapes;
  for (const Shape& shape : m.shapes) shapes += (shapes.empty() ? "" : ", ") + to_string(shape);
  line("input", shapes);
  line("precision", std::string(to_string(m.precision)) + (m.note.empty() ? "" : "  (" + m.note + ")"));
  line("median", milliseconds(m.quantile(0.5)) + "  (p90 " + milliseconds(m.quantile(0.9)) + ", min " +
                     milliseconds(m.runs.front()) + ", " + std::to_string(m.runs.size()) + " runs)");
  if (m.batch > 0) line("samples", fixed(m.samples_per_second(), 1) + " a second");
  line("multiply-adds", count(m.multiply_adds));
  if (m.multiply_adds > 0)
    line("speed", fixed(m.gflops(), 1) + " GFLOP/s, " + fixed(m.percent_of_peak(), 1) + " % of the peak, which was " +
                      fixed(m.peak_gflops, 1) + " just now");
  line("peak memory", bytes(m.memory.peak()) + "  (packed weights " + bytes(m.memory.packed) + ", values " +
                          bytes(m.memory.values) + ", scratch " + bytes(m.memory.scratch) + ", in and out " +
                          bytes(m.memory.io) + "); resident " + bytes(resident_bytes()));
  line("load",
       milliseconds(m.load_ms) + ", plan " + milliseconds(m.plan_ms) + ", first run " + milliseconds(m.first_ms));
  if (!m.profile.empty()) print("\n" + profile_text(m.profile, {m.peak_gflops, m.bandwidth}));
}

void print_json(const Measured& m) {
  Json json;
  json.open_object().member("model", m.path).member("target", to_string(m.target)).member("threads", m.threads);
  json.member("precision", to_string(m.precision));
  if (!m.note.empty()) json.member("note", m.note);
  json.member("shapes", m.shapes).member("runs", m.runs.size()).member("median_ms", m.quantile(0.5));
  json.member("p90_ms", m.quantile(0.9)).member("min_ms", m.runs.front()).member("load_ms", m.load_ms);
  if (m.batch > 0) json.member("batch", m.batch).member("samples_per_second", m.samples_per_second());
  json.member("plan_ms", m.plan_ms).member("first_run_ms", m.first_ms).member("multiply_adds", m.multiply_adds);
  json.member("gflops", m.gflops()).member("peak_gflops", m.peak_gflops).member("percent_of_peak", m.percent_of_peak());
  json.key("memory").open_object().member("peak", m.memory.peak()).member("packed", m.memory.packed);
  json.member("values", m.memory.values).member("scratch", m.memory.scratch).member("io", m.memory.io);
  json.member("weights", m.memory.weights).member("resident", resident_bytes()).close();
  json.member("bytes", std::filesystem::file_size(m.path));
  if (!m.profile.empty()) {
    json.member("memory_gbps", m.bandwidth);
    add_profile(json, m.profile);
  }
  print(json.close().take());
}

}  // namespace

Exit bench(Words words) {
  EngineArguments engine;
  Wanted wanted;
  Arguments arguments(
      "bench", "MODEL",
      "Runs a model on random numbers, first to warm up, then for some seconds, and shows what a run takes. The peak\n"
      "that it is compared with is measured in the same moment, on as many threads.");
  arguments.option("--seconds", "S", "how long to measure; the default is 2",
                   [&](std::string_view text) { wanted.seconds = parse_seconds("--seconds", text); });
  arguments.option("--batch", "N", "samples at once, in inputs whose first dimension is free",
                   [&](std::string_view text) { wanted.batch = parse_integer("--batch", text, 1, 1 << 16); });
  arguments.flag("--profile", wanted.profile,
                 "also the time of each step, and its share of what cores and memory can do");
  engine.add_to(arguments);
  if (!arguments.parse(words)) return Exit::Ok;
  const Measured measured = measure(arguments.only_word(), engine, wanted);
  if (engine.json)
    print_json(measured);
  else
    print_text(measured);
  return Exit::Ok;
}

}  // namespace coverslip::tool
