// The activation functions: Relu, LeakyRelu, Clip, Sigmoid, HardSigmoid.
#pragma once
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/nest.hpp"

namespace coverslip::inline v0::ops {

inline Types activation_type(const Node& node, const Types& in, Constants constants) {
  want_dtype(node, in, DType::f32);
  return same_type(node, in, constants);
}

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

// All but Clip, whose bounds are inputs.
inline Epilogue activation_of(const Node& node) {
  if (node.op == "Relu") return {Activation::Relu};
  if (node.op == "Sigmoid") return {Activation::Sigmoid};
  if (node.op == "LeakyRelu") return {Activation::LeakyRelu, node.attr("alpha", 0.01f)};
  return {Activation::HardSigmoid, node.attr("alpha", 0.2f), node.attr("beta", 0.5f)};
}

// `bound(i)` is input i as a number, and null where it is absent.
template <class F>
Epilogue clip_of(const Node& node, const F& bound) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return {Activation::Clip, node.has(1) ? *bound(1) : -kInfinity, node.has(2) ? *bound(2) : kInfinity};
}

inline void activate_all(const Epilogue& epilogue, const View& x, View& y) {
  for_each(y.held(), [&](const Index& at) {
    *y.as<float>(at) = static_cast<float>(activate(epilogue, double{*x.as<float>(at)}));
  });
}

inline void activation(const Node& node, Inputs in, Outputs out) { activate_all(activation_of(node), in[0], out[0]); }

inline void clip(const Node& node, Inputs in, Outputs out) {
  activate_all(clip_of(node, [&](std::size_t i) { return in[i].as<float>(in[i].origin()); }), in[0], out[0]);
}

inline std::vector<Step> activation_steps(const Types& in, std::string_view name, const Epilogue& epilogue,
                                          const PlanContext& context) {
  const double work = epilogue.activation == Activation::Sigmoid ? 3 : 1;
  const auto run = [kernel = context.kernels.unary.activate, epilogue](Inputs x, Outputs y, const Box& box,
                                                                       std::byte*) {
    if (box.shape().elements() == 0) return;
    Nest<2> nest(box.shape(), {x[0].strides(), y[0].strides()});
    nest.want_unit_strides();
    const float* from = x[0].as<float>(box.origin());
    float* to = y[0].as<float>(box.origin());
    nest.for_each_plane([&](const auto& at) { kernel(from + at[0], to + at[1], nest.plane(), epilogue); });
  };
  return in_each_layout(in.size(), 1,
                        {.kernel = std::string(name),
                         .cuts = any_axis(in[0].shape.rank()),
                         .nanoseconds = work * pass_nanoseconds(2 * in[0].bytes()),
                         .in_place = 0,
                         .run = run});
}

inline std::vector<Step> plan_activation(const Node& node, const Types& in, Constants, const PlanContext& context) {
  return activation_steps(in, "activate", activation_of(node), context);
}

inline std::vector<Step> plan_clip(const Node& node, const Types& in, Constants constants, const PlanContext& context) {
  for (std::size_t i = 1; i < in.size(); ++i)
    if (node.has(i) && constants[i] == nullptr) return {};
  const Epilogue epilogue = clip_of(node, [&](std::size_t i) { return constants[i]->values<float>().data(); });
  return activation_steps(in, "clip", epilogue, context);
}

// Two roundings of terms of at most 1 + |beta|, where the result is not one of its bounds; and the reference's.
inline double hard_sigmoid_tolerance(const Node& node, const Types&) {
  return 3 * (1 + 2 * std::abs(double{node.attr("beta", 0.5f)})) * 0x1p-24;
}

// The exponential function is good to two units in the last place; a sum and a quotient add one.
inline double sigmoid_tolerance(const Node&, const Types&) { return 4 * 0x1p-23; }

inline std::vector<Case> activation_cases(std::string_view op, const Attributes& attributes = {}) {
  std::vector<Case> cases;
  for (const Shape& shape : {Shape{2, 3, 5, 7}, {1, 33, 2, 2}, {17}, {}, {2, 3, 2, 3, 4}, {0, 4, 3}})
    cases.push_back({std::string(op), attributes, {data(shape)}});
  cases.push_back({std::string(op), attributes, {data({1, 64, 112, 112})}, true});
  return cases;
}
inline std::vector<Case> relu_cases() { return activation_cases("Relu"); }
inline std::vector<Case> sigmoid_cases() { return activation_cases("Sigmoid"); }
inline std::vector<Case> leaky_relu_cases() {
  auto cases = activation_cases("LeakyRelu");
  cases.push_back({"LeakyRelu", {{"alpha", 0.3f}}, {data({1, 33, 2, 2})}});
  return cases;
}
inline std::vector<Case> hard_sigmoid_cases() {
  auto cases = activation_cases("HardSigmoid");
  cases.push_back({"HardSigmoid", {{"alpha", 1.0f / 6}, {"beta", 0.4f}}, {data({1, 19, 2, 2})}});
  return cases;
}
inline std::vector<Case> clip_cases() {
  const auto number = [](float x) { return given(Tensor({}, {x})); };
  return {{"Clip", {}, {data({1, 19, 2, 2}), number(-0.3f), number(1)}},
          {"Clip", {}, {data({1, 3, 5, 7}), number(0)}},
          {"Clip", {}, {data({5, 7}), absent(), number(0.5f)}},
          {"Clip", {}, {data({5, 7})}},
          {"Clip", {}, {data({2, 3, 5}), data(Shape{}), data(Shape{})}}};
}

inline constexpr OpDef kActivation[] = {
    {.name = "Relu",
     .infer = activation_type,
     .needed = same_box,
     .reference = activation,
     .plan = plan_activation,
     .tolerance = exact,
     .cases = relu_cases},
    {.name = "LeakyRelu",
     .infer = activation_type,
     .needed = same_box,
     .reference = activation,
     .plan = plan_activation,
     .tolerance = exact,
     .cases = leaky_relu_cases},
    {.name = "Clip",
     .infer = clip_type,
     .needed = clip_needed,
     .reference = clip,
     .plan = plan_clip,
     .tolerance = exact,
     .cases = clip_cases},
    {.name = "Sigmoid",
     .infer = activation_type,
     .needed = same_box,
     .reference = activation,
     .plan = plan_activation,
     .tolerance = sigmoid_tolerance,
     .cases = sigmoid_cases},
    {.name = "HardSigmoid",
     .infer = activation_type,
     .needed = same_box,
     .reference = activation,
     .plan = plan_activation,
     .tolerance = hard_sigmoid_tolerance,
     .cases = hard_sigmoid_cases},
};

}  // namespace coverslip::inline v0::ops
