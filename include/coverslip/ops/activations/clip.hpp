// Clip: between two bounds, which are inputs.
#pragma once
#include "coverslip/ops/function.hpp"
#include "coverslip/ops/fused.hpp"

namespace coverslip::inline v0::ops {

inline Types clip_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 3);
  want_dtype(node, in, DType::f32);
  for (std::size_t i = 1; i < in.size(); ++i)
    if (node.has(i) && in[i].shape.elements() != 1)
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", in[i].shape, ", one number wanted");
  return {in[0]};
}

inline std::vector<Box> clip_needed(const Node&, const Types& in, const Box& output) {
  std::vector<Box> boxes{output};
  for (std::size_t i = 1; i < in.size(); ++i) boxes.emplace_back(in[i].shape);
  return boxes;
}

inline Epilogue clip_of(const Node& node, Inputs in) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto bound = [&](std::size_t i, float none) { return node.has(i) ? *in[i].as<float>(in[i].origin()) : none; };
  return {Activation::Clip, bound(1, -kInfinity), bound(2, kInfinity)};
}

inline void clip(const Node& node, Inputs in, Outputs out) {
  const Epilogue bounds = clip_of(node, in);
  for_each(out[0].held(), [&](const Index& at) {
    *out[0].as<float>(at) = static_cast<float>(activate(bounds, *in[0].as<float>(at)));
  });
}

inline std::vector<Step> plan_clip(const Node& node, const Types& in, Constants, const PlanContext& context) {
  const auto run = [kernels = context.kernels.unary, node](Inputs x, Outputs y, const Box& box, std::byte*) {
    run_function(kernels, clip_of(node, x), x[0], y[0], box);
  };
  return function_steps(in, "clip", 1, run);
}

inline std::vector<Case> clip_cases() {
  const auto number = [](float x) { return given(Tensor({}, {x})); };
  return {{"Clip", {}, {data({1, 19, 2, 2}), number(-0.3f), number(1)}},
          {"Clip", {}, {data({1, 3, 5, 7}), number(0)}},
          {"Clip", {}, {data({5, 7}), absent(), number(0.5f)}},
          {"Clip", {}, {data({5, 7})}},
          {"Clip", {}, {data({2, 3, 5}), data(Shape{}), data(Shape{})}}};
}

inline constexpr OpDef kClip[] = {
    {.name = "Clip",
     .infer = clip_type,
     .needed = clip_needed,
     .reference = clip,
     .plan = plan_clip,
     .tolerance = exact,
     .cases = clip_cases},
};

}  // namespace coverslip::inline v0::ops
