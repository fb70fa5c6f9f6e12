// The plans of one model for one set of options, each for its input shapes; shared by all copies of a Session.
#pragma once
#include <list>

#include "coverslip/plan/planner.hpp"

namespace coverslip {
inline namespace v0 {

// Safe to share between threads.
class Plans {
 public:
  Plans(const Graph& graph, PackStore& packs, const KernelTable& kernels, Budget budget)
      : graph_(graph), packs_(packs), kernels_(kernels), budget_(budget) {}

  // An empty list: the shapes of the graph itself.
  std::shared_ptr<const Plan> get(std::span<const Shape> shapes) {
    const std::lock_guard lock(mutex_);
    const std::vector<Shape> key(shapes.begin(), shapes.end());
    const auto found = std::ranges::find(entries_, key, &Entry::first);
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
      return found->second;
    }
    auto plan = std::make_shared<const Plan>(make_plan(graph_, {kernels_}, packs_, shapes, budget_));
    entries_.emplace_front(key, plan);
    if (entries_.size() > kMost) entries_.pop_back();
    return plan;
  }

  const KernelTable& kernels() const { return kernels_; }
  const Budget& budget() const { return budget_; }

 private:
  static constexpr std::size_t kMost = 8;  // the least recently used goes first
  using Entry = std::pair<std::vector<Shape>, std::shared_ptr<const Plan>>;

  const Graph& graph_;
  PackStore& packs_;
  const KernelTable& kernels_;
  Budget budget_;
  std::mutex mutex_;
  std::list<Entry> entries_;
};

}  // namespace v0
}  // namespace coverslip
