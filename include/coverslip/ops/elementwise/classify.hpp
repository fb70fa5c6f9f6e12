// IsNaN and IsInf: which numbers are none, and which are infinite.
#pragma once
#include "coverslip/ops/function.hpp"

namespace coverslip::inline v0::ops {

inline Types classify_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  want_types(node, in, 0, kFloats);
  return {{DType::boolean, in[0].shape}};
}

struct Infinities {
  bool negative, positive;
};
inline Infinities infinities_of(const Node& node) {
  return {node.attr<Dim>("detect_negative", 1) != 0, node.attr<Dim>("detect_positive", 1) != 0};
}

inline void classify(const Node& node, Inputs in, Outputs out) {
  const Infinities wanted = infinities_of(node);
  visit(in[0].dtype(), [&]<class T>(T) {
    for_each(out[0].held(), [&](const Index& at) {
      const float x = convert<float>(*in[0].as<T>(at));
      *out[0].as<bool>(at) =
          node.op == "IsNaN" ? std::isnan(x) : std::isinf(x) && (x < 0 ? wanted.negative : wanted.positive);
    });
  });
}

// x is NaN where it is not itself, and infinite where it or its size is infinity. No size is -1.
inline std::vector<Step> plan_classify(const Node& node, const Types& in, Constants, const PlanContext& context) {
  if (in[0].dtype != DType::f32) return {};
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Infinities wanted = infinities_of(node);
  const bool nan = node.op == "IsNaN", both = wanted.negative == wanted.positive;
  const float number = !both ? (wanted.negative ? -kInfinity : kInfinity) : wanted.negative ? kInfinity : -1;
  const BinaryOp op = nan ? BinaryOp::Unequal : both ? BinaryOp::SameSize : BinaryOp::Equal;
  const auto run = [=, kernel = find_binary(context.kernels, op, DType::f32)](Inputs x, Outputs y, const Box& box,
                                                                              std::byte*) {
    if (!nan) return run_with_number(kernel, x[0], reinterpret_cast<const std::byte*>(&number), y[0], box);
    const BroadcastOperand same{x[0], in[0].shape};
    for_each_pair(
        same, same, y[0], box,
        [&](const std::byte* a, const std::byte* b, std::byte* to, const BinaryRows& rows) { kernel(a, b, to, rows); });
  };
  return broadcast_steps(in, {DType::boolean, in[0].shape}, {.kernel = "classify", .run = run});
}

inline std::vector<Case> classify_cases(std::string_view name) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  const Tensor odd({2, 5}, {0.f, kInfinity, kNaN, -kInfinity, 1.f, -0.f, kNaN, -2.f, 1e-40f, 3e38f});
  const std::string op(name);
  std::vector<Case> cases;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const Shape& shape : {Shape{2, 19, 3}, {}, {0, 2}})
      cases.push_back({op, {}, {data(TensorType{dtype, shape})}});
  for (const Dim negative : {0, 1})
    for (const Dim positive : {0, 1})
      cases.push_back({op, {{"detect_negative", negative}, {"detect_positive", positive}}, {given(odd)}});
  return cases;
}
inline std::vector<Case> is_nan_cases() { return classify_cases("IsNaN"); }
inline std::vector<Case> is_inf_cases() { return classify_cases("IsInf"); }

inline constexpr OpDef classify_op(std::string_view name, std::vector<Case> (*cases)()) {
  return {.name = name,
          .infer = classify_type,
          .needed = same_box,
          .reference = classify,
          .plan = plan_classify,
          .tolerance = exact,
          .cases = cases,
          .expand = planned_in_f32<classify_type>};
}
inline constexpr OpDef kClassify[] = {classify_op("IsNaN", is_nan_cases), classify_op("IsInf", is_inf_cases)};

}  // namespace coverslip::inline v0::ops
