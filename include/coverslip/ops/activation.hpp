// The activation functions.
#pragma once
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

inline Types activation_type(const Node& node, const Types& in, Constants constants) {
  want_dtype(node, in, DType::f32);
  return same_type(node, in, constants);
}

inline void leaky_relu(const Node& node, Inputs in, Outputs out) {
  const double slope = node.attr("alpha", 0.01f);
  for_each(out[0].held(), [&](const Index& at) {
    const double x = *in[0].as<float>(at);
    *out[0].as<float>(at) = static_cast<float>(x < 0 ? slope * x : x);
  });
}

inline std::vector<Step> plan_leaky_relu(const Node& node, const Types& in, Constants, const PlanContext& context) {
  return in_each_layout(1, 1,
                        {.kernel = "leaky_relu",
                         .cuts = any_axis(in[0].shape.rank()),
                         .nanoseconds = pass_nanoseconds(2 * in[0].bytes()),
                         .in_place = 0,
                         .run = [kernel = context.kernels.unary.leaky_relu, slope = node.attr("alpha", 0.01f)](
                                    Inputs x, Outputs y, const Box& box, std::byte*) {
                           for_each_run(box, x[0], y[0], [&](const Index& at, std::size_t n) {
                             kernel(x[0].as<float>(at), y[0].as<float>(at), n, slope);
                           });
                         }});
}

inline std::vector<Case> leaky_relu_cases() {
  return {{"LeakyRelu", {}, {data({2, 3, 5, 7})}}, {"LeakyRelu", {{"alpha", 0.3f}}, {data({1, 33, 2, 2})}}};
}

inline constexpr OpDef kActivation[] = {
    {.name = "LeakyRelu", .infer = activation_type, .needed = same_box, .reference = leaky_relu, .plan = plan_leaky_relu,
     .tolerance = exact, .cases = leaky_relu_cases},
};

}  // namespace coverslip::inline v0::ops
