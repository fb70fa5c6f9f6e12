// Identity: a copy. Between two layouts it is the reorder, which the plan also adds by itself.
#pragma once
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

inline void identity(const Node&, Inputs in, Outputs out) { copy_box(in[0], out[0], out[0].held()); }

inline Step copy_step(const TensorType& type, Layout from, Layout to) {
  const bool same = from == to || same_order(type.shape);
  const double pass = pass_nanoseconds(2 * type.bytes());
  return {.kernel = same ? "copy" : "reorder",
          .inputs = {{from}},
          .outputs = {to},
          .cuts = any_axis(type.shape.rank()),
          .nanoseconds = same ? pass : kScatterSlowdown * pass,
          .same_bytes = same,
          .run = [](Inputs x, Outputs y, const Box& box, std::byte*) { copy_box(x[0], y[0], box); }};
}

inline std::vector<Step> plan_identity(const Node&, const Types& in, Constants, const PlanContext&) {
  std::vector<Step> candidates;
  for (const Layout from : kLayouts)
    for (const Layout to : kLayouts) candidates.push_back(copy_step(in[0], from, to));
  return candidates;
}

inline std::vector<Case> identity_cases() {
  return {{"Identity", {}, {data({2, 3, 4, 5})}},
          {"Identity", {}, {data({1, 33, 5, 19})}},
          {"Identity", {}, {data({3, 7})}},
          {"Identity", {}, {data({3, 2, 4})}},
          {"Identity", {}, {data({2, 0, 4})}},
          {"Identity", {}, {data(Shape{})}},
          {"Identity", {}, {data(TensorType{DType::u8, {2, 5, 3, 4, 2}})}},
          {"Identity", {}, {data(TensorType{DType::i64, {2, 5, 3, 4}})}},
          {"Identity", {}, {data(TensorType{DType::f16, {1, 18, 3, 4}})}}};
}

inline constexpr OpDef kIdentity[] = {
    {.name = "Identity",
     .infer = same_type,
     .needed = same_box,
     .reference = identity,
     .plan = plan_identity,
     .tolerance = exact,
     .cases = identity_cases,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
