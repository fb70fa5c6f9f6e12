// Implements profile.hpp.
#include "profile.hpp"

#include <algorithm>
#include <chrono>
#include <map>

#include "text.hpp"

namespace coverslip::tool {
namespace {

struct Sum {
  std::string op;
  std::size_t steps = 0;
  double ms = 0, predicted_ms = 0, multiply_adds = 0;
  std::size_t bytes = 0;
};

// Slowest first. A step's operator is the first word of its node's label.
std::vector<Sum> by_operator(const std::vector<StepInfo>& steps) {
  std::map<std::string, Sum> sums;
  for (const StepInfo& step : steps) {
    const std::string op = step.node.substr(0, step.node.find(' '));
    Sum& sum = sums.try_emplace(op, Sum{.op = op}).first->second;
    ++sum.steps;
    sum.ms += step.ms;
    sum.predicted_ms += step.predicted_ms;
    sum.multiply_adds += step.multiply_adds;
    sum.bytes += step.bytes;
  }
  std::vector<Sum> result;
  for (auto& [op, sum] : sums) result.push_back(std::move(sum));
  std::stable_sort(result.begin(), result.end(), [](const Sum& a, const Sum& b) { return a.ms > b.ms; });
  return result;
}

double total_of(const std::vector<StepInfo>& steps) {
  double ms = 0;
  for (const StepInfo& step : steps) ms += step.ms;
  return ms;
}

double gflops(double multiply_adds, double ms) { return ms > 0 ? 2e-6 * multiply_adds / ms : 0; }

std::string speed(double multiply_adds, double ms) {
  return multiply_adds > 0 && ms > 0 ? fixed(gflops(multiply_adds, ms), 1) : "";
}

std::string share(double ms, double total) { return fixed(total > 0 ? 100 * ms / total : 0, 1); }

// What a row of either table ends with, and its title.
constexpr std::string_view kFigures[] = {"ms",        "%",      "GFLOP/s",  //
                                         "flop/byte", "% peak", "% memory", "predicted ms"};
template <class T>
std::vector<std::string> with_figures(std::vector<std::string> cells, const T& step, double total,
                                      const Roofline& roofline) {
  const auto bytes = static_cast<double>(step.bytes);
  const bool moves = step.ms > 0 && step.bytes > 0, computes = moves && step.multiply_adds > 0;
  cells.push_back(fixed(step.ms, 4));
  cells.push_back(share(step.ms, total));
  cells.push_back(speed(step.multiply_adds, step.ms));
  cells.push_back(computes ? fixed(2 * step.multiply_adds / bytes, 1) : "");
  cells.push_back(computes ? share(gflops(step.multiply_adds, step.ms), roofline.gflops) : "");
  cells.push_back(moves ? share(1e-6 * bytes / step.ms, roofline.gigabytes) : "");
  cells.push_back(fixed(step.predicted_ms, 4));
  return cells;
}

Table table_of(std::vector<Table::Column> columns) {
  for (const std::string_view title : kFigures) columns.push_back({std::string(title), Table::Align::Right});
  return Table(std::move(columns));
}

}  // namespace

std::vector<StepInfo> profile(Session& session, std::span<const Tensor> inputs, double seconds) {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t kLeast = 3, kMost = 1000;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::vector<StepInfo> steps;
  std::vector<std::vector<double>> times;
  for (std::size_t runs = 0; runs < kLeast || (runs < kMost && Clock::now() < end); ++runs) {
    steps = session.profile(inputs);
    times.resize(steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) times[i].push_back(steps[i].ms);
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto middle = times[i].begin() + static_cast<std::ptrdiff_t>(times[i].size() / 2);
    std::nth_element(times[i].begin(), middle, times[i].end());
    steps[i].ms = *middle;
  }
  return steps;
}

std::string profile_text(const std::vector<StepInfo>& steps, const Roofline& roofline) {
  const double total = total_of(steps);
  Table each = table_of({{"step"}, {"kernel"}, {"layout"}, {"output"}});
  for (const StepInfo& step : steps)
    each.add(
        with_figures({safe(step.node), safe(step.kernel), std::string(to_string(step.layout)), to_string(step.output)},
                     step, total, roofline));
  Table sums = table_of({{"operator"}, {"steps", Table::Align::Right}});
  for (const Sum& sum : by_operator(steps))
    sums.add(with_figures({safe(sum.op), std::to_string(sum.steps)}, sum, total, roofline));
  return each.text() + "\n" + sums.text() + "\nthe peak: " + fixed(roofline.gflops, 1) +
         " GFLOP/s; memory: " + fixed(roofline.gigabytes, 1) +
         " GB/s, which what lies in a cache may exceed; predictions are for one core\n";
}

void add_profile(Json& json, const std::vector<StepInfo>& steps) {
  json.key("steps").open_array();
  for (const StepInfo& step : steps) {
    json.open_object().member("node", step.node).member("kernel", step.kernel).member("layout", to_string(step.layout));
    json.member("dtype", to_string(step.output.dtype)).member("shape", step.output.shape).member("ms", step.ms);
    json.member("predicted_ms", step.predicted_ms).member("multiply_adds", step.multiply_adds);
    json.member("bytes", step.bytes).close();
  }
  json.close().key("by_operator").open_array();
  for (const Sum& sum : by_operator(steps)) {
    json.open_object().member("operator", sum.op).member("steps", sum.steps).member("ms", sum.ms);
    json.member("predicted_ms", sum.predicted_ms).member("gflops", gflops(sum.multiply_adds, sum.ms));
    json.member("bytes", sum.bytes).close();
  }
  json.close();
}

}  // namespace coverslip::tool
