// Rules shared by the operators whose output elements depend on the input elements at the same place.
#pragma once
#include "coverslip/ops/cost.hpp"

namespace coverslip::inline v0::ops {

inline Types same_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  return {in[0]};
}

inline std::vector<Box> same_box(const Node&, const Types& in, const Box& output) {
  return std::vector<Box>(in.size(), output);
}

inline double exact(const Node&, const Types&) { return 0; }

// Channels last: cutting them breaks up vectors.
inline std::vector<Cut> any_axis(std::size_t rank) {
  std::vector<Cut> cuts;
  for (std::size_t axis = 0; axis < rank; ++axis)
    if (axis != 1) cuts.push_back({axis});
  if (rank > 1) cuts.push_back({1});
  return cuts;
}

// The same step once for each layout, which all its inputs and outputs share.
inline std::vector<Step> in_each_layout(std::size_t inputs, std::size_t outputs, Step step) {
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts) {
    step.inputs.assign(inputs, {layout});
    step.outputs.assign(outputs, layout);
    candidates.push_back(step);
  }
  return candidates;
}

}  // namespace coverslip::inline v0::ops
