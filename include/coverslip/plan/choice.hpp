// Second stage of planning: which candidate does each node, weighed over the whole graph with the reorders in between.
#pragma once
#include <cstdint>
#include <limits>
#include <utility>

#include "coverslip/plan/typing.hpp"

namespace coverslip {
inline namespace v0 {

// Least predicted time of all steps, reorders and conversions together, by coordinate descent from some starts: each
// node's fastest candidate, all channels-last, all planar; where values may be narrow, also each of these with narrow
// ones, and all in f32, of which those stretches are taken that are cheaper or little dearer. What makes large values
// narrow stays where it is no dearer, and multiplies in f32 where that is little dearer. Sees neither threads nor
// slabs: they must change no bit. Deterministic; of equals the first. Packing costs nothing, it happens once. What is
// not chosen is let go, so that packed weights find its memory.
class Choice {
 public:
  Choice(const Plan& plan, std::vector<OpenNode>& nodes) : plan_(plan), nodes_(nodes), uses_(plan.values.size()) {
    makers_.assign(plan.values.size(), {kNoValue, 0});
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      for (std::size_t i = 0; i < nodes[n].node.inputs.size(); ++i)
        if (nodes[n].node.has(i)) uses_[nodes[n].node.inputs[i]].push_back({n, i});
      for (std::size_t i = 0; i < nodes[n].node.outputs.size(); ++i) makers_[nodes[n].node.outputs[i]] = {n, i};
    }
    descend_from_all(Values::Any);
    if (can_be_narrow()) {
      descend_from_all(Values::Narrow);
      if (has_large()) take_stretches(best_of(Values::Exact));
      take_stretches(best_of(Values::Wide));
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

  static constexpr double kNone = std::numeric_limits<double>::infinity();
  // What a descent begins with, or, exact or wide, all that it may take: products in f32; and no narrow values, either.
  enum class Values : std::uint8_t { Any, Narrow, Exact, Wide };

  static double own(const Step& step) {  // a view usually costs nothing
    constexpr double kViewShare = 0.1;
    return step.nanoseconds * (step.same_bytes || step.window || !step.parts.empty() ? kViewShare : 1.0);
  }

  bool can_be_narrow() const {
    return std::ranges::any_of(nodes_, [](const OpenNode& node) {
      return std::ranges::any_of(node.candidates, [](const Step& step) { return step.narrow; });
    });
  }

  // So that caches do not hold it, and the peak of memory may well be where it lives.
  bool is_large(ValueId v) const {
    constexpr std::size_t kLarge = 16 << 20;
    return plan_.values[v].type.bytes() > kLarge;
  }
  bool has_large() const {
    return std::ranges::any_of(nodes_, [&](const OpenNode& node) { return is_large(node.node.outputs[0]); });
  }

  void descend_from_all(Values values) {
    for (const std::optional<Layout> preferred : {std::optional<Layout>(), {Layout::ChannelsLast}, {Layout::Planar}}) {
      start(preferred, values);
      descend(values);
      keep_if_below(best_ns_);
    }
  }

  void keep_if_below(double most) {
    if (const double ns = total(); ns < most) {
      best_ = chosen_;
      best_ns_ = ns;
    }
  }

  // Leaves the best one as it is.
  std::vector<std::size_t> best_of(Values values) {
    const std::vector<std::size_t> before = best_;
    const double before_ns = std::exchange(best_ns_, kNone);
    descend_from_all(values);
    best_ns_ = before_ns;
    return std::exchange(best_, before);
  }

  // Nodes behind each other as they are in `other`, which rounds less, where what is chosen does not bring more than
  // predictions may be wrong by. One at a time would not do: each alone would need conversions. Where large values
  // would not be narrow any more, `other` must be cheaper.
  void take_stretches(const std::vector<std::size_t>& other) {
    constexpr double kSure = 0.2;  // of the stretch
    for (std::size_t begin = 0, end = 0; begin < nodes_.size(); begin = end + 1) {
      chosen_ = best_;
      double ns = 0;
      bool halves = false;
      for (end = begin; end < nodes_.size() && best_[end] != other[end]; ++end) {
        const bool narrow = now(end).narrow;
        chosen_[end] = other[end];
        halves |= narrow && !now(end).narrow && is_large(nodes_[end].node.outputs[0]);
        ns += own(now(end));
      }
      if (end > begin) keep_if_below(best_ns_ + (halves ? 0 : kSure * ns));
    }
  }

  // That all it reads and makes is narrow, as far as that can be.
  static bool is_narrow(const Step& step) {
    return step.narrow && std::ranges::any_of(step.inputs, [](const Form& form) { return form.narrow; });
  }

  static bool may_take(const Step& step, Values values) {
    if (values == Values::Wide && has_narrow(step)) return false;
    return !step.bf16 || (values != Values::Exact && values != Values::Wide);
  }

  void start(std::optional<Layout> preferred, Values values) {
    chosen_.assign(nodes_.size(), 0);
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      const auto cost = [&](const Step& step) {
        constexpr double kFar = 1e18;
        return own(step) + (preferred && step.outputs[0] != *preferred ? kFar : 0) +
               (values == Values::Narrow && !is_narrow(step) ? kFar : 0) + (may_take(step, values) ? 0 : 2 * kFar);
      };
      const auto& candidates = nodes_[n].candidates;
      chosen_[n] = static_cast<std::size_t>(std::ranges::min_element(candidates, {}, cost) - candidates.begin());
    }
  }

  void descend(Values values) {
    constexpr int kMostSweeps = 16;
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      bool changed = false;
      for (std::size_t n = 0; n < nodes_.size(); ++n) changed |= improve(n, values);
      if (!changed) return;
    }
  }

  bool improve(std::size_t n, Values values) {
    const std::size_t before = chosen_[n];
    std::size_t best = before;
    double best_ns = around(n);
    for (std::size_t c = 0; c < nodes_[n].candidates.size(); ++c) {
      if (!may_take(nodes_[n].candidates[c], values)) continue;
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
        ns += ops::copy_nanoseconds({as_narrow ? DType::bf16 : value.type.dtype, value.type.shape}, Layout::Planar,
                                    Layout::ChannelsLast);
    return ns;
  }

  const Plan& plan_;
  const std::vector<OpenNode>& nodes_;
  std::vector<std::vector<Port>> uses_;  // of each value
  std::vector<Port> makers_;
  std::vector<std::size_t> chosen_, best_;
  double best_ns_ = kNone;
};

}  // namespace v0
}  // namespace coverslip
