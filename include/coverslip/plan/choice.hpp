// Second stage of planning: which candidate does each node, weighed over the whole graph with the reorders in between.
#pragma once
#include "coverslip/plan/typing.hpp"

namespace coverslip {
inline namespace v0 {

// Least predicted time of all steps, reorders and conversions together, by coordinate descent from some starts: each
// node's fastest candidate, all channels-last, all planar; where values may be narrow, also each of these with narrow
// ones. Sees neither threads nor slabs: they must change no bit. Deterministic; of equals the first. Packing costs
// nothing, it happens once. What is not chosen is let go, so that packed weights find its memory.
class Choice {
 public:
  Choice(const Plan& plan, std::vector<OpenNode>& nodes) : plan_(plan), nodes_(nodes), uses_(plan.values.size()) {
    makers_.assign(plan.values.size(), {kNoValue, 0});
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      for (std::size_t i = 0; i < nodes[n].node.inputs.size(); ++i)
        if (nodes[n].node.has(i)) uses_[nodes[n].node.inputs[i]].push_back({n, i});
      for (std::size_t i = 0; i < nodes[n].node.outputs.size(); ++i) makers_[nodes[n].node.outputs[i]] = {n, i};
    }
    for (const bool narrow : {false, true}) {
      if (narrow && !can_be_narrow()) break;
      for (const std::optional<Layout> preferred : {std::optional<Layout>(), {Layout::ChannelsLast}, {Layout::Planar}})
        descend_from(preferred, narrow);
    }
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      std::vector<Step> chosen;
      chosen.push_back(std::move(nodes[n].candidates[best_[n]]));
      nodes[n].candidates.swap(chosen);
    }
  }

  const Step& of(std::size_t node) const { return nodes_[node].candidates.front(); }

 private:
  struct Port {
    std::size_t node, index;
  };

  static double own(const Step& step) {  // a view usually costs nothing
    constexpr double kViewShare = 0.1;
    return step.nanoseconds * (step.same_bytes || step.window || !step.parts.empty() ? kViewShare : 1.0);
  }

  bool can_be_narrow() const {
    return std::ranges::any_of(nodes_, [](const OpenNode& node) {
      return std::ranges::any_of(node.candidates, [](const Step& step) { return step.narrow; });
    });
  }

  void descend_from(std::optional<Layout> preferred, bool narrow) {
    start(preferred, narrow);
    descend();
    if (const double ns = total(); best_.empty() || ns < best_ns_) {
      best_ = chosen_;
      best_ns_ = ns;
    }
  }

  // That all it reads and makes is narrow, as far as that can be.
  static bool is_narrow(const Step& step) {
    return step.narrow && std::ranges::any_of(step.inputs, [](const Form& form) { return form.narrow; });
  }

  void start(std::optional<Layout> preferred, bool narrow) {
    chosen_.assign(nodes_.size(), 0);
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      const auto cost = [&](const Step& step) {
        constexpr double kFar = 1e18;
        return own(step) + (preferred && step.outputs[0] != *preferred ? kFar : 0) +
               (narrow && !is_narrow(step) ? kFar : 0);
      };
      const auto& candidates = nodes_[n].candidates;
      chosen_[n] = static_cast<std::size_t>(std::ranges::min_element(candidates, {}, cost) - candidates.begin());
    }
  }

  void descend() {
    constexpr int kMostSweeps = 16;
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      bool changed = false;
      for (std::size_t n = 0; n < nodes_.size(); ++n) changed |= improve(n);
      if (!changed) return;
    }
  }

  bool improve(std::size_t n) {
    const std::size_t before = chosen_[n];
    std::size_t best = before;
    double best_ns = around(n);
    for (std::size_t c = 0; c < nodes_[n].candidates.size(); ++c) {
      chosen_[n] = c;
      if (const double ns = around(n); ns < best_ns) {
        best = c;
        best_ns = ns;
      }
    }
    chosen_[n] = best;
    return best != before;
  }

  const Step& now(std::size_t n) const { return nodes_[n].candidates[chosen_[n]]; }

  // All that depends on node n's choice.
  double around(std::size_t n) const {
    double ns = own(now(n));
    for (std::size_t i = 0; i < nodes_[n].node.inputs.size(); ++i)
      if (nodes_[n].node.has(i)) ns += reorders(nodes_[n].node.inputs[i]);
    for (const ValueId v : nodes_[n].node.outputs) ns += reorders(v);
    return ns;
  }

  double total() const {
    double ns = 0;
    for (std::size_t n = 0; n < nodes_.size(); ++n) ns += own(now(n));
    for (ValueId v = 0; v < plan_.values.size(); ++v) ns += reorders(v);
    return ns;
  }

  // One copy for each layout in which a reader wants the value, beside the one in which it is made; and of narrow
  // numbers beside wide ones.
  double reorders(ValueId v) const {
    const PlannedValue& value = plan_.values[v];
    if (value.constant != nullptr) return 0;
    const bool alike = same_order(value.type.shape);
    const Port maker = makers_[v];
    const Layout made = maker.node == kNoValue ? Layout::Planar : now(maker.node).outputs[maker.index];
    const bool narrow = maker.node != kNoValue && maker.index == 0 && now(maker.node).narrow;
    bool other_layout[2] = {}, converted = false;  // [narrow]
    const auto want = [&](Layout layout, bool as_narrow) {
      other_layout[as_narrow] |= layout != made && !alike;
      converted |= as_narrow != narrow;
    };
    if (std::ranges::count(plan_.outputs, v) > 0) want(Layout::Planar, false);
    for (const Port& use : uses_[v]) {
      const Form& form = now(use.node).inputs[use.index];
      want(form.layout, form.narrow);
    }
    double ns = converted ? ops::convert_nanoseconds(value.type.shape) : 0;
    for (const bool as_narrow : {false, true})
      if (other_layout[as_narrow])
        ns += ops::copy_step({as_narrow ? DType::bf16 : value.type.dtype, value.type.shape}, Layout::Planar,
                             Layout::ChannelsLast)
                  .nanoseconds;
    return ns;
  }

  const Plan& plan_;
  const std::vector<OpenNode>& nodes_;
  std::vector<std::vector<Port>> uses_;  // of each value
  std::vector<Port> makers_;
  std::vector<std::size_t> chosen_, best_;
  double best_ns_ = 0;
};

}  // namespace v0
}  // namespace coverslip
