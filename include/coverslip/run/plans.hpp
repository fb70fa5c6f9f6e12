// The plans of one model for one set of options, each for its input shapes; shared by all copies of a Session.
#pragma once
#include <list>

#include "coverslip/plan/planner.hpp"

namespace coverslip {
inline namespace v0 {

// Safe to share between threads.
class Plans {
 public:
  Plans(const Graph& graph, PackStore& packs, const PlanContext& context, Budget budget)
      : graph_(graph), packs_(packs), context_(context), budget_(budget) {}

  std::shared_ptr<const Plan> get(const Entry& entry) {
    const std::lock_guard lock(mutex_);
    const std::optional<std::string> key = key_of(entry);
    const auto found = key ? std::ranges::find(kept_, *key, &Kept::first) : kept_.end();
    if (found != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, found);
      return found->second;
    }
    auto plan = std::make_shared<const Plan>(make_plan(graph_, context_, packs_, entry, budget_));
    if (key) kept_.emplace_front(*key, plan);
    if (kept_.size() > kMost) kept_.pop_back();
    return plan;
  }

  const KernelTable& kernels() const { return context_.kernels; }
  const Budget& budget() const { return budget_; }

 private:
  static constexpr std::size_t kMost = 8;  // the least recently used goes first
  using Kept = std::pair<std::string, std::shared_ptr<const Plan>>;

  // All that a plan depends on. None: it depends on so much data that it will hardly be asked for again.
  static std::optional<std::string> key_of(const Entry& entry) {
    std::string key = std::to_string(entry.node);
    const auto add = [&](ValueId v, const TensorType& type) { key += " " + std::to_string(v) + ":" + to_string(type); };
    for (const auto& [v, type] : entry.inputs) add(v, type);
    for (const auto& [v, tensor] : entry.contents) {
      if (!is_small(tensor->type())) return std::nullopt;
      add(v, tensor->type());
      key += " ";
      key.append(reinterpret_cast<const char*>(tensor->data()), tensor->type().bytes());
    }
    return key;
  }

  const Graph& graph_;
  PackStore& packs_;
  const PlanContext context_;
  Budget budget_;
  std::mutex mutex_;
  std::list<Kept> kept_;
};

}  // namespace v0
}  // namespace coverslip
