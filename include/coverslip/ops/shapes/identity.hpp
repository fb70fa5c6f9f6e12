// Identity: a copy. Between two layouts it is the reorder, which the plan also adds by itself.
#pragma once
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

inline void identity(const Node&, Inputs in, Outputs out) { copy_box(in[0], out[0], out[0].held()); }

inline double copy_nanoseconds(const TensorType& type, Layout from, Layout to) {
  const bool fast = from == to || same_order(type.shape) || size_of(type.dtype) == 4 || size_of(type.dtype) == 2;
  return (fast ? 1 : kScatterSlowdown) * move_nanoseconds(2 * type.bytes());
}

// `kernels` change no bit and no predicted time.
inline Step copy_step(const TensorType& type, Layout from, Layout to, const TransposeKernels& kernels = {}) {
  const bool same = from == to || same_order(type.shape);
  return {.kernel = same ? "copy" : "reorder",
          .inputs = {{from}},
          .outputs = {to},
          .cuts = any_axis(type.shape.rank()),
          .nanoseconds = copy_nanoseconds(type, from, to),
          .same_bytes = same,
          .run = [kernels](Inputs x, Outputs y, const Box& box, std::byte*) { copy_box(x[0], y[0], box, kernels); }};
}

inline std::vector<Step> plan_identity(const Node&, const Types& in, Constants, const PlanContext& context) {
  std::vector<Step> candidates;
  for (const Layout from : kLayouts)
    for (const Layout to : kLayouts) candidates.push_back(copy_step(in[0], from, to, context.kernels.transpose));
  return candidates;
}

inline std::vector<Case> identity_cases() {
  return {{"Identity", {}, {data({2, 3, 4, 5})}},
          {"Identity", {}, {data({1, 33, 5, 19})}},
          {"Identity", {}, {data({1, 2, 7, 19})}},
          {"Identity", {}, {data({1, 6, 5, 9})}},
          {"Identity", {}, {data({1, 13, 3, 7})}},
          {"Identity", {}, {data({1, 3, 5, 27})}},
          {"Identity", {}, {data({2, 4, 9, 15})}},
          {"Identity", {}, {data({1, 67, 9, 15})}},
          {"Identity", {}, {data({3, 7})}},
          {"Identity", {}, {data({3, 2, 4})}},
          {"Identity", {}, {data({2, 0, 4})}},
          {"Identity", {}, {data(Shape{})}},
          {"Identity", {}, {data(TensorType{DType::u8, {2, 5, 3, 4, 2}})}},
          {"Identity", {}, {data(TensorType{DType::i64, {2, 5, 3, 4}})}},
          {"Identity", {}, {data(TensorType{DType::f16, {1, 5, 3, 19}})}},
          {"Identity", {}, {data(TensorType{DType::f16, {2, 7, 4, 8}})}},
          {"Identity", {}, {data(TensorType{DType::f16, {1, 12, 3, 7}})}},
          {"Identity", {}, {data(TensorType{DType::f16, {1, 18, 3, 4}})}},
          {"Identity", {}, {data(TensorType{DType::f16, {1, 67, 9, 15}})}},
          {"Identity", {}, {data(TensorType{DType::f16, {1, 3, 6, 27}})}},
          {"Identity", {}, {data(TensorType{DType::f16, {1, 41, 4, 8}})}}};
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
