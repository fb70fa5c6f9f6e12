// Where a batch need not be whole: which steps run sample by sample, so that what lies between them is one sample.
#pragma once
#include <cmath>

#include "coverslip/plan/boxes.hpp"
#include "coverslip/plan/cache_rules.hpp"

namespace coverslip {
inline namespace v0 {

// Any rounds give the same bits, so they may depend on threads. Of all steps in a row that keep samples apart those
// form a round which save the most time, by prediction: traffic to the outer caches, less what weights that come again
// for each sample cost, and threads that have no sample left to work on.
class Rounds {
 public:
  Rounds(Plan& plan, const CacheRules& rules) : plan_(plan), rules_(rules), last_reader_(plan.values.size(), 0) {
    for (std::size_t s = 0; s < plan.steps.size(); ++s)
      for (const ValueId v : plan.steps[s].node.inputs)
        if (v != kNoValue) last_reader_[v] = s;
    for (std::size_t begin = 0, end = 0; begin < plan.steps.size(); begin = end) {
      end = begin + 1;
      const Dim samples = samples_of(begin);
      if (samples < 2) continue;
      while (end < plan.steps.size() && samples_of(end) == samples) ++end;
      add_best(begin, end, samples);
    }
  }

 private:
  // How many a step keeps apart: a sample of the output depends on the same one of each input. Fewer than 2: it does
  // not.
  Dim samples_of(std::size_t s) const {
    constexpr Dim kMost = 256;
    const PlannedStep& step = plan_.steps[s];
    const Shape& made = shape_made(plan_, s);
    if (step.node.outputs.size() != 1 || made.rank() < 2 || made[0] > kMost || made.elements() == 0) return 0;
    const auto apart = [](const Cut& cut) { return cut.axis == 0 && cut.multiple == 1; };
    if (std::ranges::none_of(step.step.cuts, apart)) return 0;
    for (Dim sample = 0; sample < made[0]; ++sample) {
      const std::vector<Box> needed = step.needed(sample_of(Box(made), sample));
      for (std::size_t i = 0; i < needed.size(); ++i) {
        if (!step.node.has(i) || plan_.values[step.node.inputs[i]].home == Home::Constant) continue;
        const Shape& in = plan_.values[step.node.inputs[i]].type.shape;
        if (in.rank() == 0 || in[0] != made[0] || needed[i][0].begin < sample || needed[i][0].end > sample + 1)
          return 0;
      }
    }
    return made[0];
  }

  // The part of [begin, end) that saves the most.
  void add_best(std::size_t begin, std::size_t end, Dim samples) {
    Round best{begin, begin, samples};
    double most = 0, sum = 0;
    for (std::size_t first = begin, s = begin; s < end; ++s) {
      sum += saved(s, end, samples);
      if (sum <= 0) {
        first = s + 1;
        sum = 0;
      } else if (sum > most) {
        most = sum;
        best = {first, s + 1, samples};
      }
    }
    if (best.end - best.begin < 2) return;
    plan_.rounds.push_back(best);
    for (std::size_t s = best.begin; s < best.end; ++s)
      plan_.stretches[s].slabs = {{sample_of(Box(shape_made(plan_, s)), 0)}};
  }

  // Nanoseconds, of one core; of a step that may be followed by others up to `end`.
  double saved(std::size_t s, std::size_t end, Dim samples) const {
    if (rules_.least_memory) return 1;
    const PlannedStep& step = plan_.steps[s];
    const PlannedValue& made = plan_.values[step.node.outputs[0]];
    const auto n = static_cast<double>(samples), threads = static_cast<double>(rules_.threads);
    const auto bytes = static_cast<double>(made.type.bytes()), cache = static_cast<double>(rules_.cache_bytes);
    const bool copies = !step.step.same_bytes && !step.step.window && step.step.parts.empty();
    const bool inner = made.home == Home::Arena && last_reader_[step.node.outputs[0]] < end;
    double ns = 0;
    if (copies && inner && bytes > cache * threads)  // as much as stays in the cache of one sample
      ns += 2 * std::min(bytes, n * 2 * cache) / rules_.value_bytes_per_nanosecond;
    if (!copies) return ns;
    double weights = 0;
    for (const ValueId in : step.node.inputs)
      if (in != kNoValue && plan_.values[in].constant != nullptr)
        weights += static_cast<double>(plan_.values[in].type.bytes());
    weights /= rules_.weight_bytes_per_nanosecond;
    const double work = step.step.nanoseconds;
    ns -= n * std::max(work / n, weights) - std::max(work, weights) + n * rules_.call_nanoseconds;
    return ns - work * (std::ceil(n / threads) * threads / n - 1);
  }

  Plan& plan_;
  CacheRules rules_;
  std::vector<std::size_t> last_reader_;  // of each value: a step
};

// Of values that lie between the steps of a round, memory for one sample is enough: with all that lies inside them.
inline void hold_samples(Plan& plan) {
  std::vector<const Round*> rounds(plan.values.size(), nullptr);
  std::vector<bool> inner(plan.values.size(), true);
  std::vector<bool> touched(plan.values.size(), false);
  const auto touch = [&](ValueId v, const Round* round) {
    const ValueId root = plan.values[v].inside;
    inner[root] = inner[root] && round != nullptr && (!touched[root] || rounds[root] == round);
    rounds[root] = round;
    touched[root] = true;
  };
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    const auto in = std::ranges::find_if(plan.rounds, [&](const Round& r) { return r.begin <= s && s < r.end; });
    const Round* const round = in == plan.rounds.end() ? nullptr : &*in;
    for (const auto& ports : {plan.steps[s].node.inputs, plan.steps[s].node.outputs})
      for (const ValueId v : ports)
        if (v != kNoValue) touch(v, round);
  }
  const auto sample_bytes = [&](const PlannedValue& v) {
    return v.strides[0] * static_cast<Dim>(size_of(v.type.dtype));
  };
  for (ValueId v = 0; v < plan.values.size(); ++v) {
    const PlannedValue &value = plan.values[v], &root = plan.values[value.inside];
    if (!inner[value.inside]) continue;
    const bool fits = touched[value.inside] && root.home == Home::Arena && value.home == Home::Arena &&
                      value.type.shape.rank() > 0 && root.type.shape.rank() > 0 &&
                      value.type.shape[0] == rounds[value.inside]->samples &&
                      root.type.shape[0] == value.type.shape[0] && sample_bytes(value) == sample_bytes(root) &&
                      value.first * static_cast<Dim>(size_of(value.type.dtype)) < sample_bytes(root);
    inner[value.inside] = fits;
  }
  for (PlannedValue& value : plan.values)
    if (inner[value.inside] && touched[value.inside]) value.home = Home::Sample;
}

}  // namespace v0
}  // namespace coverslip
