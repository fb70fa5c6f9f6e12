// Runs a plan on threads; the only user of oneTBB.
#pragma once
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <chrono>

#include "coverslip/coverslip.hpp"
#include "coverslip/graph/pack_store.hpp"
#include "coverslip/plan/plan.hpp"
#include "coverslip/plan/split.hpp"

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
        threads_(threads),
        task_arena_(threads),
        arena_(allocate(plan_.arena_bytes)),
        scratch_(allocate(plan_.scratch_bytes * static_cast<std::size_t>(threads))),
        memory_(plan_.values.size(), nullptr),
        views_(plan_.values.size()) {
    for (ValueId v = 0; v < memory_.size(); ++v) {
      const PlannedValue& value = plan_.values[v];
      if (value.home == Home::Constant) memory_[v] = value.constant->memory().get();
      if (value.home == Home::Arena && value.inside == v) memory_[v] = arena_.get() + value.offset;
    }
    for (const PlannedStep& step : plan_.steps) predicted_ += step.step.nanoseconds;
  }

  const Plan& plan() const { return plan_; }

  // The plan's inputs and outputs, in its order, of its types. `milliseconds`, where it is not empty, gets a time for
  // each step. Throws only Error(Cancelled).
  void run(std::span<const Tensor> inputs, std::span<Tensor> outputs, const RunControl& control,
           std::span<double> milliseconds = {}) {
    for (std::size_t i = 0; i < inputs.size(); ++i) memory_[plan_.inputs[i]] = inputs[i].memory().get();
    for (std::size_t i = 0; i < outputs.size(); ++i) memory_[plan_.outputs[i]] = outputs[i].data();
    for (ValueId v = 0; v < views_.size(); ++v) views_[v] = whole(v);
    stop_ = control.stop;
    double done = 0;
    for (const Stretch& stretch : plan_.stretches)
      for (const std::vector<Box>& boxes : stretch.slabs)
        for (std::size_t i = 0; i < boxes.size(); ++i) {
          const std::size_t s = stretch.begin + i;
          const auto start = std::chrono::steady_clock::now();
          if (!plan_.steps[s].saved) run(plan_.steps[s], boxes[i], i + 1 < boxes.size());
          if (stopped()) throw Error(Errc::Cancelled, "run", "stopped as asked; nothing was made");
          if (!milliseconds.empty())
            milliseconds[s] +=
                std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
          done += plan_.steps[s].step.nanoseconds / static_cast<double>(stretch.slabs.size());
          if (control.progress != nullptr) control.progress->store(std::min(1.0, done / predicted_));
        }
  }

 private:
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
    inputs_.clear();
    outputs_.clear();
    for (const ValueId v : planned.node.inputs) inputs_.push_back(v == kNoValue ? View() : views_[v]);
    for (const ValueId v : planned.node.outputs) outputs_.push_back(views_[v]);
    const Split split(box, planned.step.cuts, pieces_wanted(planned, box));
    const auto piece = [&](Dim i, std::size_t slot) {
      if (stopped()) return;
      planned.step.run(inputs_, outputs_, split.piece(i), scratch_.get() + slot * plan_.scratch_bytes);
    };
    if (threads_ == 1 || split.pieces() == 1) {
      for (Dim i = 0; i < split.pieces(); ++i) piece(i, 0);
      return;
    }
    task_arena_.execute([&] {
      tbb::parallel_for(
          Dim{0}, split.pieces(),
          [&](Dim i) { piece(i, static_cast<std::size_t>(tbb::this_task_arena::current_thread_index())); },
          tbb::static_partitioner());
    });
  }

  // Enough to keep all threads busy, each worth the cost of handing it over; on one thread, short enough to stop soon.
  double pieces_wanted(const PlannedStep& planned, const Box& box) const {
    constexpr double kLeastNanoseconds = 10'000, kLongest = 2'000'000, kPerThread = 4;
    const double whole = static_cast<double>(plan_.values[planned.node.outputs[0]].type.shape.elements());
    const double ns = planned.step.nanoseconds * static_cast<double>(box.shape().elements()) / std::max(whole, 1.0);
    if (threads_ == 1) return std::max(1.0, ns / kLongest);
    return std::clamp(ns / kLeastNanoseconds, 1.0, std::max(kPerThread * threads_, ns / kLongest));
  }

  std::shared_ptr<const Plan> shared_plan_;
  const Plan& plan_;
  int threads_;
  tbb::task_arena task_arena_;
  Bytes arena_, scratch_;
  std::vector<std::byte*> memory_;      // of each value that has its own
  std::vector<View> views_;             // of each planned value, as it lies now
  std::vector<View> inputs_, outputs_;  // of the step that runs
  const std::atomic<bool>* stop_ = nullptr;
  double predicted_ = 0;
};

}  // namespace v0
}  // namespace coverslip
