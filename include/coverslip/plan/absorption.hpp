// After the first stage of planning: a batch norm with a Relu that one convolution reads becomes a part of that, where
// both together are cheaper so.
#pragma once
#include "coverslip/plan/typing.hpp"

namespace coverslip {
inline namespace v0 {

class Absorption {
 public:
  Absorption(Plan& plan, std::vector<OpenNode>& nodes, const PlanContext& context)
      : plan_(plan), nodes_(nodes), context_(context), makers_(plan.values.size()), readers_(plan.values.size()) {
    if (context.bf16) absorb();
  }

 private:
  void absorb() {
    for (const ValueId v : plan_.outputs) ++readers_[v];
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      for (const ValueId v : nodes_[n].node.inputs)
        if (v != kNoValue) ++readers_[v];
      for (const ValueId v : nodes_[n].node.outputs) makers_[v] = n;
    }
    std::vector<bool> absorbed(nodes_.size(), false);
    for (OpenNode& conv : nodes_)
      if (const auto norm = norm_before(conv)) absorbed[*norm] = absorb(nodes_[*norm], conv);
    std::size_t n = 0;
    std::erase_if(nodes_, [&](const OpenNode&) { return absorbed[n++]; });
  }

  std::optional<std::size_t> norm_before(const OpenNode& conv) const {
    const ValueId x = conv.node.inputs[0];
    if (conv.op->name != "Conv" || readers_[x] != 1 || !makers_[x]) return {};
    const OpenNode& norm = nodes_[*makers_[x]];
    if (norm.op->name != "BatchNormalization" || norm.node.attr<std::string>("activation", "") != "Relu") return {};
    for (std::size_t i = 1; i < 5; ++i) {
      const PlannedValue& parameter = plan_.values[norm.node.inputs[i]];
      if (parameter.constant == nullptr || parameter.constant->dtype() != DType::f32) return {};
    }
    return makers_[x];
  }

  static double least(const std::vector<Step>& steps) {
    return steps.empty() ? 1e18 : std::ranges::min(steps, {}, &Step::nanoseconds).nanoseconds;
  }

  bool absorb(const OpenNode& norm, OpenNode& conv) {
    OpenNode both{find_op("coverslip.ScaledConv"), conv.node, conv.types, {}};
    both.node.op = both.op->name;
    both.node.inputs.resize(4, kNoValue);
    both.types.resize(4);
    both.node.inputs[0] = norm.node.inputs[0];
    std::vector<const Tensor*> constants;
    for (const ValueId v : both.node.inputs) constants.push_back(v == kNoValue ? nullptr : plan_.values[v].constant);
    const auto [scale, shift] = scale_and_shift(norm.node);
    for (const auto& tensor : {scale, shift}) {
      both.types.push_back(tensor->type());
      constants.push_back(tensor.get());
    }
    both.candidates = both.op->plan(both.node, both.types, constants, context_);
    if (least(both.candidates) >= least(norm.candidates) + least(conv.candidates)) return false;
    for (const auto& tensor : {scale, shift}) {
      both.node.inputs.push_back(plan_.values.size());
      plan_.values.push_back(
          {.type = tensor->type(), .home = Home::Constant, .constant = tensor.get(), .folded = true});
      plan_.folded.push_back(tensor);
    }
    plan_.values[norm.node.outputs[0]].type = {};  // nothing makes it
    conv = std::move(both);
    return true;
  }

  using Folded = std::shared_ptr<const Tensor>;
  std::pair<Folded, Folded> scale_and_shift(const Node& norm) const {
    const auto given = [&](std::size_t i) { return plan_.values[norm.inputs[i]].constant->values<float>(); };
    Tensor scale(plan_.values[norm.inputs[1]].type), shift(scale.type());
    const double epsilon = norm.attr("epsilon", 1e-5f);
    for (std::size_t c = 0; c < given(1).size(); ++c) {
      const double factor = double{given(1)[c]} / std::sqrt(double{given(4)[c]} + epsilon);
      scale.values<float>()[c] = static_cast<float>(factor);
      shift.values<float>()[c] = static_cast<float>(double{given(2)[c]} - double{given(3)[c]} * factor);
    }
    return {std::make_shared<const Tensor>(std::move(scale)), std::make_shared<const Tensor>(std::move(shift))};
  }

  Plan& plan_;
  std::vector<OpenNode>& nodes_;
  const PlanContext& context_;
  std::vector<std::optional<std::size_t>> makers_;  // nodes, of each value
  std::vector<std::size_t> readers_;
};

}  // namespace v0
}  // namespace coverslip
