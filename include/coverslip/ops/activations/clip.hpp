// Clip: between two bounds, which are inputs.
#pragma once
#include "coverslip/ops/function.hpp"
#include "coverslip/ops/fused.hpp"

namespace coverslip::inline v0::ops {

inline Types clip_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 3);
  want_types(node, in, 0, kAllNumbers);
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (!node.has(i)) continue;
    want_dtype(node, in, in[0].dtype);
    if (in[i].shape.elements() != 1)
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", in[i].shape, ", one number wanted");
  }
  return {in[0]};
}

inline std::vector<Box> clip_needed(const Node&, const Types& in, const Box& output) {
  std::vector<Box> boxes{output};
  for (std::size_t i = 1; i < in.size(); ++i) boxes.emplace_back(in[i].shape);
  return boxes;
}

// Bound i, or what stands for one that is absent.
template <class T>
T bound_of(const Node& node, Inputs in, std::size_t i) {
  if (node.has(i)) return *in[i].as<T>(in[i].origin());
  if constexpr (std::is_integral_v<T>)
    return i == 1 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
  else
    return convert<T>(i == 1 ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity());
}

inline void clip(const Node& node, Inputs in, Outputs out) {
  visit(in[0].dtype(), [&]<class T>(T) {
    using Wide = std::conditional_t<kIsHalf<T>, float, T>;
    const Wide least = convert<Wide>(bound_of<T>(node, in, 1)), most = convert<Wide>(bound_of<T>(node, in, 2));
    for_each(out[0].held(), [&](const Index& at) {  // as NaN is neither less nor more than anything, it passes
      const Wide x = convert<Wide>(*in[0].as<T>(at)), y = x < least ? least : x;
      *out[0].as<T>(at) = convert<T>(y > most ? most : y);
    });
  });
}

inline std::vector<Step> plan_clip(const Node& node, const Types& in, Constants, const PlanContext& context) {
  const auto plan = [&](const auto& run) { return function_steps(in, "clip", 1, run); };
  if (in[0].dtype == DType::f32)
    return plan([kernels = context.kernels.unary, node](Inputs x, Outputs y, const Box& box, std::byte*) {
      const Epilogue bounds{Activation::Clip, bound_of<float>(node, x, 1), bound_of<float>(node, x, 2)};
      run_function(kernels, bounds, x[0], y[0], box);
    });
  const BinaryKernel max = find_binary(context.kernels, BinaryOp::Max, in[0].dtype);
  const BinaryKernel min = find_binary(context.kernels, BinaryOp::Min, in[0].dtype);
  if (max == nullptr) return {};
  return plan([max, min, node](Inputs x, Outputs y, const Box& box, std::byte*) {
    visit(y[0].dtype(), [&]<class T>(T) {
      if constexpr (std::is_integral_v<T>) {
        const T least = bound_of<T>(node, x, 1), most = bound_of<T>(node, x, 2);
        run_with_number(max, x[0], reinterpret_cast<const std::byte*>(&least), y[0], box);
        run_with_number(min, y[0], reinterpret_cast<const std::byte*>(&most), y[0], box);
      }
    });
  });
}

inline std::vector<Case> clip_cases() {
  const auto number = [](float x) { return given(Tensor({}, {x})); };
  std::vector<Case> cases{{"Clip", {}, {data({1, 19, 2, 2}), number(-0.3f), number(1)}},
                          {"Clip", {}, {data({1, 3, 5, 7}), number(0)}},
                          {"Clip", {}, {data({5, 7}), absent(), number(0.5f)}},
                          {"Clip", {}, {data({5, 7})}},
                          {"Clip", {}, {data({0, 7}), number(0)}},
                          {"Clip", {}, {data({2, 3, 5}), data(Shape{}), data(Shape{1})}}};
  for (const DType dtype : {DType::f16, DType::bf16, DType::i8, DType::u8, DType::i32, DType::i64}) {
    const Operand x = data(TensorType{dtype, {2, 33, 3}}), bound = data(TensorType{dtype, {}});
    cases.push_back({"Clip", {}, {x, bound, bound}});
    cases.push_back({"Clip", {}, {x, absent(), bound}});
    cases.push_back({"Clip", {}, {x, bound}});
  }
  return cases;
}

inline constexpr OpDef kClip[] = {
    {.name = "Clip",
     .infer = clip_type,
     .needed = clip_needed,
     .reference = clip,
     .plan = plan_clip,
     .tolerance = exact,
     .cases = clip_cases,
     .expand = planned_in_f32<clip_type>},
};

}  // namespace coverslip::inline v0::ops
