// Runs a plan on threads.
#pragma once
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <atomic>
#include <chrono>
#include <numeric>

#include "coverslip/coverslip.hpp"
#include "coverslip/graph/pack_store.hpp"
#include "coverslip/plan/boxes.hpp"
#include "coverslip/plan/split.hpp"
#include "coverslip/run/answers.hpp"
#include "coverslip/run/team.hpp"

namespace coverslip {
inline namespace v0 {

// More threads than this oneTBB does not start; a tbb::global_control of the program may raise it above the cores.
inline int most_threads() {
  return static_cast<int>(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
}

// Packs constants on so many threads.
inline ForEach for_each_on(int threads) {
  return [threads](std::size_t n, const std::function<void(std::size_t)>& f) {
    tbb::task_arena(threads).execute([&] { tbb::parallel_for(std::size_t{0}, n, f, tbb::simple_partitioner()); });
  };
}

class Executor {
 public:
  Executor(std::shared_ptr<const Plan> plan, int threads)
      : shared_plan_(std::move(plan)),
        plan_(*shared_plan_),
        team_(threads),
        arena_(allocate(plan_.arena_bytes)),
        scratch_(allocate(plan_.scratch_bytes * static_cast<std::size_t>(threads))),
        memory_(plan_.values.size(), nullptr),
        views_(plan_.values.size()),
        ports_(static_cast<std::size_t>(threads)) {
    for (ValueId v = 0; v < memory_.size(); ++v) {
      const PlannedValue& value = plan_.values[v];
      if (value.home == Home::Constant) memory_[v] = value.constant->memory().get();
      if (value.home == Home::Arena && value.inside == v) memory_[v] = arena_.get() + value.offset;
    }
    std::size_t most = 1;
    for (const PlannedStep& step : plan_.steps) {
      predicted_ += step.step.nanoseconds;
      most = std::max({most, step.node.inputs.size(), step.node.outputs.size()});
    }
    for (Ports& ports : ports_) {
      ports.inputs.reserve(most);
      ports.outputs.reserve(most);
    }
    for (const ValueId v : plan_.outputs) answers_.emplace_back(plan_.values[v].type.bytes());
  }

  const Plan& plan() const { return plan_; }

  // For a run's outputs, which the caller keeps.
  std::vector<Tensor> outputs() const {
    std::vector<Tensor> made;
    for (std::size_t i = 0; i < answers_.size(); ++i)
      made.emplace_back(plan_.values[plan_.outputs[i]].type, answers_[i].take());
    return made;
  }

  // The plan's inputs and outputs, in its order, of its types. `milliseconds`, where it is not empty, gets a time for
  // each step. Throws only Error(Cancelled).
  void run(std::span<const Tensor> inputs, std::span<Tensor> outputs, const RunControl& control,
           std::span<double> milliseconds = {}) {
    for (std::size_t i = 0; i < inputs.size(); ++i) memory_[plan_.inputs[i]] = inputs[i].memory().get();
    for (std::size_t i = 0; i < outputs.size(); ++i) memory_[plan_.outputs[i]] = outputs[i].data();
    for (ValueId v = 0; v < views_.size(); ++v) views_[v] = whole(v);
    stop_ = control.stop;
    team_.run([&] { run_stretches(control, milliseconds); });
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Dim kNoSample = -1;
  struct Ports {  // of the step that runs
    std::vector<View> inputs, outputs;
    void clear() {
      inputs.clear();
      outputs.clear();
    }
  };

  static double since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  }

  void run_stretches(const RunControl& control, std::span<double> milliseconds) {
    double done = 0;
    auto round = plan_.rounds.begin();
    for (std::size_t at = 0, next = 1; at < plan_.stretches.size(); at = next++) {
      const Stretch& stretch = plan_.stretches[at];
      const bool in_round = round != plan_.rounds.end() && round->begin == stretch.begin;
      if (in_round || stretch.chained) {
        while (in_round && plan_.stretches[next - 1].end < round->end) ++next;
        const Links links{{&stretch, next - at}, in_round ? &*round++ : nullptr};
        run_links(links, milliseconds);
        for (std::size_t s = links.begin(); s < links.end(); ++s)
          report(plan_.steps[s].step.nanoseconds, control, done);
        continue;
      }
      for (const std::vector<Box>& boxes : stretch.slabs)
        for (std::size_t i = 0; i < boxes.size(); ++i) {
          const std::size_t s = stretch.begin + i;
          const Clock::time_point start = Clock::now();
          if (!plan_.steps[s].saved) run(plan_.steps[s], boxes[i], i + 1 < boxes.size());
          if (!milliseconds.empty()) milliseconds[s] += since(start);
          report(plan_.steps[s].step.nanoseconds / static_cast<double>(stretch.slabs.size()), control, done);
        }
    }
  }

  // Adds the predicted time of what has just run, unless it was stopped.
  void report(double nanoseconds, const RunControl& control, double& done) const {
    if (stopped()) throw Error(Errc::Cancelled, "run", "stopped as asked; nothing was made");
    done += nanoseconds;
    if (control.progress != nullptr) control.progress->store(std::min(1.0, done / predicted_));
  }

  std::byte* scratch_of(std::size_t slot) const { return scratch_.get() + slot * plan_.scratch_bytes; }

  bool stopped() const { return stop_ != nullptr && stop_->load(std::memory_order_relaxed); }

  View whole(ValueId v) const {
    const PlannedValue& value = plan_.values[v];
    if (value.home == Home::Constant) return View(memory_[v], value.type.dtype, value.layout, Box(value.type.shape));
    std::byte* memory = memory_[value.inside];
    if (memory != nullptr) memory += value.first * static_cast<Dim>(size_of(value.type.dtype));
    return View(memory, value.type.dtype, value.strides, Box(value.type.shape));
  }

  // One box of a step; `inner`: its output holds nothing but this box.
  void run(const PlannedStep& planned, const Box& box, bool inner) {
    if (inner) {
      const ValueId v = planned.node.outputs[0];
      views_[v] = View(memory_[v], plan_.values[v].type.dtype, plan_.values[v].layout, box);
    }
    Ports& ports = ports_[0];
    ports.clear();
    for (const ValueId v : planned.node.inputs) ports.inputs.push_back(v == kNoValue ? View() : views_[v]);
    for (const ValueId v : planned.node.outputs) ports.outputs.push_back(views_[v]);
    const Split split = even_split(box, planned.step.cuts, pieces_wanted(planned, box), ports_.size());
    const auto piece = [&](Dim i, std::size_t slot) {
      if (stopped()) return;
      planned.step.run(ports.inputs, ports.outputs, split.piece(i), scratch_of(slot));
    };
    team_.share(split.pieces(), piece);
  }

  // A chain, or all stretches of a round.
  struct Links {
    std::span<const Stretch> stretches;
    const Round* round;  // null: a chain
    std::size_t begin() const { return stretches.front().begin; }
    std::size_t end() const { return stretches.back().end; }
  };

  // Each box of a chain, or each sample of a round, by one thread. A step's time is its share of the whole.
  void run_links(const Links& links, std::span<double> milliseconds) {
    const std::size_t steps = links.end() - links.begin();
    std::vector<double> spent(milliseconds.empty() ? 0 : steps * ports_.size(), 0.0);
    const auto take = [&](const Stretch& stretch, const std::vector<Box>& boxes, Dim sample, std::size_t slot) {
      for (std::size_t i = 0; i < boxes.size(); ++i) {
        if (stopped()) return;
        if (plan_.steps[stretch.begin + i].saved) continue;
        const Clock::time_point start = spent.empty() ? Clock::time_point{} : Clock::now();
        run_link(stretch, i, boxes, sample, slot);
        if (!spent.empty()) spent[slot * steps + stretch.begin - links.begin() + i] += since(start);
      }
    };
    const Clock::time_point start = Clock::now();
    if (links.round != nullptr)
      team_.share(links.round->samples, [&](Dim sample, std::size_t slot) {
        for (const Stretch& stretch : links.stretches)
          for (const std::vector<Box>& boxes : stretch.slabs) take(stretch, boxes, sample, slot);
      });
    else
      team_.share(static_cast<Dim>(links.stretches[0].slabs.size()), [&](Dim pass, std::size_t slot) {
        take(links.stretches[0], links.stretches[0].slabs[static_cast<std::size_t>(pass)], kNoSample, slot);
      });
    if (spent.empty()) return;
    const double whole = since(start), all = std::accumulate(spent.begin(), spent.end(), 0.0);
    for (std::size_t i = 0; i < spent.size(); ++i)
      milliseconds[links.begin() + i % steps] += spent[i] / std::max(all, 1e-9) * whole;
  }

  // Step i of a stretch for one box, boxes[i], of a sample.
  void run_link(const Stretch& stretch, std::size_t i, const std::vector<Box>& boxes, Dim sample, std::size_t slot) {
    const auto place = [&](const Box& box) { return sample == kNoSample ? box : sample_of(box, sample); };
    const auto view = [&](ValueId v) {
      if (v == kNoValue) return View();
      const PlannedValue& value = plan_.values[v];
      if (value.home != Home::Scratch && value.home != Home::Sample) return views_[v];
      std::byte* const memory = scratch_of(slot) + plan_.values[value.inside].offset +
                                value.first * static_cast<Dim>(size_of(value.type.dtype));
      if (value.home == Home::Sample)
        return View(memory, value.type.dtype, value.strides, place(Box(value.type.shape)));
      std::size_t maker = 0;
      while (plan_.steps[stretch.begin + maker].node.outputs[0] != v) ++maker;
      return View(memory, value.type.dtype, value.layout, place(boxes[maker]));
    };
    const PlannedStep& planned = plan_.steps[stretch.begin + i];
    Ports& ports = ports_[slot];
    ports.clear();
    for (const ValueId v : planned.node.inputs) ports.inputs.push_back(view(v));
    ports.outputs.push_back(view(planned.node.outputs[0]));
    planned.step.run(ports.inputs, ports.outputs, place(boxes[i]), scratch_of(slot));
  }

  double pieces_wanted(const PlannedStep& planned, const Box& box) const {
    const double whole = static_cast<double>(plan_.values[planned.node.outputs[0]].type.shape.elements());
    const double share = static_cast<double>(box.shape().elements()) / std::max(whole, 1.0);
    const std::vector<Cut>& cuts = planned.step.cuts;
    return pieces_for(ports_.size(), planned.step.nanoseconds * share, !cuts.empty() && cuts[0].repeats);
  }

  std::shared_ptr<const Plan> shared_plan_;
  const Plan& plan_;
  Team team_;
  Bytes arena_, scratch_;
  std::vector<Answers> answers_;    // parallel to the plan's outputs
  std::vector<std::byte*> memory_;  // of each value that has its own
  std::vector<View> views_;         // of each planned value, as it lies now
  std::vector<Ports> ports_;        // of each thread
  const std::atomic<bool>* stop_ = nullptr;
  double predicted_ = 0;
};

}  // namespace v0
}  // namespace coverslip
