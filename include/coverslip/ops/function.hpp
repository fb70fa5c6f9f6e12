// Operators that are a function of one number: each is a row of a table, from which its record is made.
#pragma once
#include <cmath>
#include <utility>

#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/nest.hpp"

namespace coverslip::inline v0::ops {

// One operator. In `of` and in the kernel, alpha and beta are the attributes of those names, or what is fixed.
struct Function {
  struct Parameter {
    std::string_view attribute{};  // none: it is fixed
    float value = 0;
  };
  std::string_view name;                              // as in ONNX
  double (*of)(double x, double alpha, double beta);  // the definition
  Activation kernel = Activation::None;               // none: the reference runs
  double tolerance = 0;  // in units of 2^-24 of the magnitude, times alpha or beta where these are above 1
  Parameter alpha{}, beta{};
  double work = 1;                                             // of the kernel, where 1 is as fast as memory
  Epilogue (*choose)(const Node&, const Epilogue&) = nullptr;  // another kernel, by other attributes; may throw
  std::pair<std::string_view, std::string_view> other{};       // an attribute and its value, for one more case
};

inline Epilogue epilogue_of(const Function& f, const Node& node) {
  const auto value = [&](const Function::Parameter& p) {
    return p.attribute.empty() ? p.value : node.attr(p.attribute, p.value);
  };
  const Epilogue usual{f.kernel, value(f.alpha), value(f.beta)};
  return f.choose == nullptr ? usual : f.choose(node, usual);
}

// For both layouts, and of all inputs; `run` makes an output of the type of input 0.
template <class F>
std::vector<Step> function_steps(const Types& in, std::string_view kernel, double work, const F& run) {
  return in_each_layout(in.size(), 1,
                        {.kernel = std::string(kernel),
                         .cuts = any_axis(in[0].shape.rank()),
                         .nanoseconds = work * pass_nanoseconds(2 * in[0].bytes()),
                         .in_place = 0,
                         .run = run});
}

inline void run_function(const UnaryKernels& kernels, const Epilogue& epilogue, const View& x, View& y,
                         const Box& box) {
  if (box.shape().elements() == 0) return;
  Nest<2> nest(box.shape(), {x.strides(), y.strides()});
  nest.want_unit_strides();
  const float* from = x.as<float>(box.origin());
  float* to = y.as<float>(box.origin());
  nest.for_each_plane([&](const auto& at) { kernels.activate(from + at[0], to + at[1], nest.plane(), epilogue); });
}

inline std::vector<Case> function_cases(std::string_view op, const Attributes& attributes = {}) {
  std::vector<Case> cases;
  for (const Shape& shape : {Shape{2, 3, 5, 7}, {1, 33, 2, 2}, {17}, {}, {2, 3, 2, 3, 4}, {0, 4, 3}})
    cases.push_back({std::string(op), attributes, {data(shape)}});
  cases.push_back({std::string(op), attributes, {data({1, 64, 112, 112})}, true});
  return cases;
}

// The record of one row of a table.
template <const auto& kTable, std::size_t kRow>
struct FunctionOp {
  static constexpr const Function& f = kTable[kRow];

  static Types infer(const Node& node, const Types& in, Constants constants) {
    want_dtype(node, in, DType::f32);
    epilogue_of(f, node);
    return same_type(node, in, constants);
  }
  static void reference(const Node& node, Inputs in, Outputs out) {
    const Epilogue e = epilogue_of(f, node);
    for_each(out[0].held(), [&](const Index& at) {
      *out[0].as<float>(at) = static_cast<float>(f.of(*in[0].as<float>(at), e.alpha, e.beta));
    });
  }
  static std::vector<Step> plan(const Node& node, const Types& in, Constants, const PlanContext& context) {
    const Epilogue epilogue = epilogue_of(f, node);
    if (epilogue.activation == Activation::None) return {};
    const auto run = [kernels = context.kernels.unary, epilogue](Inputs x, Outputs y, const Box& box, std::byte*) {
      run_function(kernels, epilogue, x[0], y[0], box);
    };
    return function_steps(in, f.name, f.work, run);
  }
  static double tolerance(const Node& node, const Types&) {
    const Epilogue e = epilogue_of(f, node);
    return f.tolerance * 0x1p-24 * std::max({1.0f, std::abs(e.alpha), std::abs(e.beta)});
  }
  // Beside the usual ones one with other attributes.
  static std::vector<Case> cases() {
    auto all = function_cases(f.name);
    Attributes other;
    for (const Function::Parameter& p : {f.alpha, f.beta})
      if (!p.attribute.empty()) other.emplace(p.attribute, 0.75f * p.value + 0.125f);
    if (!f.other.first.empty()) other.emplace(f.other.first, std::string(f.other.second));
    if (!other.empty()) all.push_back({std::string(f.name), other, {data({1, 19, 2, 2})}});
    return all;
  }
  static constexpr OpDef record{.name = f.name,
                                .infer = infer,
                                .needed = same_box,
                                .reference = reference,
                                .plan = plan,
                                .tolerance = tolerance,
                                .cases = cases};
};

template <const auto& kTable>
constexpr auto records_of() {
  return []<std::size_t... kRow>(std::index_sequence<kRow...>) {
    return std::array<OpDef, sizeof...(kRow)>{FunctionOp<kTable, kRow>::record...};
  }
  (std::make_index_sequence<std::size(kTable)>());
}

}  // namespace coverslip::inline v0::ops
