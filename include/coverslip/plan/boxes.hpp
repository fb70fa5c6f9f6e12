// What the steps of a stretch compute so that the last of them can compute a box.
#pragma once
#include "coverslip/plan/plan.hpp"

namespace coverslip {
inline namespace v0 {

// The smallest box around `box` that a step with these cuts can compute. Multiples count from 0 of the whole value, so
// that bits stay the same.
inline Box widened(const Box& box, const std::vector<Cut>& cuts, const Shape& whole) {
  Box wide(whole);
  for (const Cut& cut : cuts) {
    const Range& range = box[cut.axis];
    wide[cut.axis] = {range.begin / cut.multiple * cut.multiple,
                      std::min((range.end + cut.multiple - 1) / cut.multiple * cut.multiple, whole[cut.axis])};
  }
  return wide;
}

// The smallest box around both.
inline Box around(Box a, const Box& b) {
  for (std::size_t axis = 0; axis < a.rank(); ++axis)
    a[axis] = {std::min(a[axis].begin, b[axis].begin), std::max(a[axis].end, b[axis].end)};
  return a;
}

inline bool overlap(const Box& a, const Box& b) {
  for (std::size_t axis = 0; axis < a.rank(); ++axis)
    if (a[axis].begin >= b[axis].end || b[axis].begin >= a[axis].end) return false;
  return true;
}

inline Box sample_of(Box box, Dim sample) {
  box[0] = {sample, sample + 1};
  return box;
}

inline const Shape& shape_made(const Plan& plan, std::size_t step) {
  return plan.values[plan.steps[step].node.outputs[0]].type.shape;
}

// What each of the steps [begin, end) computes for `wanted` of the last one's output. Each has one output, which a
// later one reads.
inline std::vector<Box> boxes_of(const Plan& plan, std::size_t begin, std::size_t end, const Box& wanted) {
  std::vector<std::optional<Box>> wants(end - begin);
  wants.back() = wanted;
  std::vector<Box> all(end - begin);
  for (std::size_t i = all.size(); i-- > 0;) {
    const PlannedStep& step = plan.steps[begin + i];
    all[i] = widened(wants[i].value_or(Box(shape_made(plan, begin + i))), step.step.cuts, shape_made(plan, begin + i));
    if (i == 0) break;
    const std::vector<Box> needed = step.needed(all[i]);
    for (std::size_t maker = 0; maker < i; ++maker)
      for (std::size_t input = 0; input < step.node.inputs.size(); ++input)
        if (step.node.inputs[input] == plan.steps[begin + maker].node.outputs[0])
          wants[maker] = wants[maker] ? around(*wants[maker], needed[input]) : needed[input];
  }
  return all;
}

}  // namespace v0
}  // namespace coverslip
