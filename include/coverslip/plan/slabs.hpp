// Fourth stage of planning: which steps run together slab by slab, and what each computes in each pass.
#pragma once
#include "coverslip/plan/boxes.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr std::size_t kSlabAxis = 2;  // rows of a picture, slices of a volume

class Slabs {
 public:
  // Stretches of steps with one input each, cut into slabs of about `rows` rows of their last output; 0: all values
  // whole.
  Slabs(Plan& plan, Dim rows) : plan_(plan), rows_(rows), readers_(plan.values.size(), 0) {
    for (const PlannedStep& step : plan.steps)
      for (const ValueId v : step.node.inputs)
        if (v != kNoValue) ++readers_[v];
    for (std::size_t begin = 0, end = 0; begin < plan.steps.size(); begin = end) {
      end = begin + 1;
      while (rows > 0 && end < plan.steps.size() && joins(plan.steps[end - 1], plan.steps[end])) ++end;
      plan.stretches.push_back(stretch(begin, end));
    }
    plan.slab_rows = rows;
  }

 private:
  // Place of the one input that is not a constant; none if there are several.
  std::optional<std::size_t> only_input(const PlannedStep& step) const {
    std::optional<std::size_t> only;
    for (std::size_t i = 0; i < step.node.inputs.size(); ++i)
      if (step.node.has(i) && plan_.values[step.node.inputs[i]].home != Home::Constant) {
        if (only) return std::nullopt;
        only = i;
      }
    return only;
  }

  bool can_slab(const PlannedStep& step) const {
    return step.node.outputs.size() == 1 && only_input(step) &&
           std::ranges::count(step.step.cuts, kSlabAxis, &Cut::axis) > 0;
  }

  // True if `next` alone reads what `step` makes, and both run slab by slab.
  bool joins(const PlannedStep& step, const PlannedStep& next) const {
    if (!can_slab(step) || !can_slab(next)) return false;
    const ValueId v = step.node.outputs[0];
    return readers_[v] == 1 && plan_.values[v].home == Home::Arena && next.node.inputs[*only_input(next)] == v;
  }

  Stretch stretch(std::size_t begin, std::size_t end) const {
    Stretch made{begin, end, {}};
    const Shape& whole = shape_made(plan_, end - 1);
    if (end - begin == 1) {
      made.slabs.push_back({Box(whole)});
      return made;
    }
    for (Dim row = 0; row < whole[kSlabAxis];) {
      Box wanted(whole);
      wanted[kSlabAxis] = {row, std::min(row + rows_, whole[kSlabAxis])};
      made.slabs.push_back(boxes_of(plan_, begin, end, wanted));
      row = made.slabs.back().back()[kSlabAxis].end;
    }
    return made;
  }

  Plan& plan_;
  Dim rows_;
  std::vector<std::size_t> readers_;
};

}  // namespace v0
}  // namespace coverslip
