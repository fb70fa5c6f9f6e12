// After the first stage of planning: what one convolution alone reads becomes a part of that, where both together are
// cheaper so.
#pragma once
#include <cmath>
#include <ranges>

#include "coverslip/plan/typing.hpp"

namespace coverslip {
inline namespace v0 {

// A batch norm with a Relu, or a Concat of channels.
class Absorption {
 public:
  Absorption(Plan& plan, std::vector<OpenNode>& nodes, const PlanContext& context)
      : plan_(plan), nodes_(nodes), context_(context), makers_(plan.values.size()), readers_(plan.values.size()) {
    if (context.bf16) absorb();
  }

 private:
  using Folded = std::shared_ptr<const Tensor>;

  void absorb() {
    for (const ValueId v : plan_.outputs) ++readers_[v];
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      for (const ValueId v : nodes_[n].node.inputs)
        if (v != kNoValue) ++readers_[v];
      for (const ValueId v : nodes_[n].node.outputs) makers_[v] = n;
    }
    std::vector<bool> absorbed(nodes_.size(), false);
    for (OpenNode& conv : nodes_) {
      const ValueId x = conv.op->name == "Conv" ? conv.node.inputs[0] : kNoValue;
      if (x == kNoValue || readers_[x] != 1 || !makers_[x]) continue;
      const OpenNode& before = nodes_[*makers_[x]];
      absorbed[*makers_[x]] =
          (is_scaling(before) && absorb_scaling(before, conv)) || (is_joining(before) && absorb_joining(before, conv));
    }
    std::size_t n = 0;
    std::erase_if(nodes_, [&](const OpenNode&) { return absorbed[n++]; });
  }

  bool is_scaling(const OpenNode& norm) const {
    if (norm.op->name != "BatchNormalization" || norm.node.attr<std::string>("activation", "") != "Relu") return false;
    return std::ranges::all_of(norm.node.inputs | std::views::drop(1), [&](ValueId v) {
      const Tensor* parameter = plan_.values[v].constant;
      return parameter != nullptr && parameter->dtype() == DType::f32;
    });
  }
  bool is_joining(const OpenNode& concat) const {
    const Dim axis = concat.node.attr<Dim>("axis", 0), rank = static_cast<Dim>(concat.types[0].shape.rank());
    if (concat.op->name != "Concat" || (axis != 1 && axis != 1 - rank)) return false;
    return std::ranges::none_of(concat.node.inputs, [&](ValueId v) { return plan_.values[v].constant != nullptr; });
  }

  bool absorb_scaling(const OpenNode& norm, OpenNode& conv) {
    OpenNode both = together("coverslip.ScaledConv", norm, conv);
    const auto [scale, shift] = scale_and_shift(norm.node);
    both.types.insert(both.types.end(), 2, scale->type());
    if (!are_cheaper(both, norm, conv)) return false;
    for (const auto& tensor : {scale, shift}) {
      both.node.inputs.push_back(plan_.values.size());
      plan_.values.push_back(
          {.type = tensor->type(), .home = Home::Constant, .constant = tensor.get(), .folded = true});
      plan_.folded.push_back(tensor);
    }
    conv = std::move(both);
    return true;
  }

  bool absorb_joining(const OpenNode& concat, OpenNode& conv) {
    OpenNode both = together("coverslip.JoinedConv", concat, conv);
    both.types[0] = concat.types[0];
    both.node.inputs.insert(both.node.inputs.end(), concat.node.inputs.begin() + 1, concat.node.inputs.end());
    both.types.insert(both.types.end(), concat.types.begin() + 1, concat.types.end());
    if (!are_cheaper(both, concat, conv)) return false;
    conv = std::move(both);
    return true;
  }

  // Conv's inputs, but for the first: that is the first of the other node.
  static OpenNode together(const char* op, const OpenNode& before, const OpenNode& conv) {
    OpenNode both{find_op(op), conv.node, conv.types, {}};
    both.node.op = op;
    both.node.inputs.resize(4, kNoValue);
    both.types.resize(4);
    both.node.inputs[0] = before.node.inputs[0];
    return both;
  }

  // Plans both as one.
  bool are_cheaper(OpenNode& both, const OpenNode& before, const OpenNode& conv) {
    std::vector<const Tensor*> constants;
    for (const ValueId v : both.node.inputs) constants.push_back(v == kNoValue ? nullptr : plan_.values[v].constant);
    both.candidates = both.op->plan(both.node, both.types, constants, context_);
    const auto least = [](const std::vector<Step>& steps) {
      return steps.empty() ? 1e18 : std::ranges::min(steps, {}, &Step::nanoseconds).nanoseconds;
    };
    if (least(both.candidates) >= least(before.candidates) + least(conv.candidates)) return false;
    plan_.values[before.node.outputs[0]].type = {};  // nothing makes it
    return true;
  }

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
