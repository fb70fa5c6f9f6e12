// Operators that are a function of one number: each is a row of a table, from which its record is made.
#pragma once
#include <utility>

#include "coverslip/ops/arithmetic.hpp"
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

// What an integer goes through: x = op(x, number).
struct IntegerStep {
  BinaryOp op;
  std::int64_t number;
};

// One operator. In `of` and in the kernel, alpha and beta are the attributes of those names, or what is fixed.
struct Function {
  struct Parameter {
    std::string_view attribute{};  // none: it is fixed
    float value = 0;
  };
  std::string_view name;                              // as in ONNX
  double (*of)(double x, double alpha, double beta);  // the definition
  Activation kernel = Activation::None;               // none: the definition runs
  double tolerance = 0;  // in units of 2^-24 of the magnitude, times alpha or beta where these are above 1
  Parameter alpha{}, beta{};
  double work = 1;                                             // of the kernel, where 1 is as fast as memory
  Epilogue (*choose)(const Node&, const Epilogue&) = nullptr;  // another kernel, by other attributes; may throw
  std::pair<std::string_view, std::string_view> other{};       // an attribute and its value, for one more case
  DTypes types = kFloats;
  std::span<const IntegerStep> integers{};  // the definition for these; none: that of floats, to the nearest towards 0
};

inline Epilogue epilogue_of(const Function& f, const Node& node) {
  const auto value = [&](const Function::Parameter& p) {
    return p.attribute.empty() ? p.value : node.attr(p.attribute, p.value);
  };
  const Epilogue usual{f.kernel, value(f.alpha), value(f.beta)};
  return f.choose == nullptr ? usual : f.choose(node, usual);
}

// A call of the standard library for each number, where 1 is as fast as memory.
inline constexpr double kDefinitionWork = 32;

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

// A number as a value of one element.
inline Tensor scalar_of(DType dtype, std::int64_t number) {
  Tensor t(TensorType{dtype, {}});
  visit(dtype, [&]<class T>(T) { t.values<T>()[0] = convert<T>(number); });
  return t;
}

// y = op(x, number) over a box.
inline void run_with_number(BinaryKernel kernel, const View& x, const std::byte* number, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  Nest<2> nest(box.shape(), {x.strides(), y.strides()});
  nest.want_unit_strides();
  const BinaryRows rows{.rows = nest.plane(), .b_single = true};
  const auto x_size = static_cast<Dim>(size_of(x.dtype())), y_size = static_cast<Dim>(size_of(y.dtype()));
  const std::byte* from = x.at(box.origin());
  std::byte* to = y.at(box.origin());
  nest.for_each_plane([&](const auto& at) { kernel(from + x_size * at[0], number, to + y_size * at[1], rows); });
}

// Unsigned numbers are not below 0, so that no bound there touches them.
inline bool is_idle(const IntegerStep& step, DType dtype) {
  return step.op == BinaryOp::Max && step.number <= 0 && dtype == DType::u8;
}

inline std::vector<Step> integer_steps(const Types& in, std::string_view name, std::span<const IntegerStep> steps,
                                       const KernelTable& kernels) {
  struct Stage {
    BinaryKernel kernel;
    Tensor number;
  };
  std::vector<Stage> stages;
  for (const IntegerStep& step : steps)
    if (!is_idle(step, in[0].dtype))
      stages.push_back({find_binary(kernels, step.op, in[0].dtype), scalar_of(in[0].dtype, step.number)});
  const auto run = [stages](Inputs x, Outputs y, const Box& box, std::byte*) {
    for (std::size_t i = 0; i < stages.size(); ++i)
      run_with_number(stages[i].kernel, i == 0 ? x[0] : y[0], stages[i].number.data(), y[0], box);
  };
  return function_steps(in, name, static_cast<double>(stages.size()), run);
}

template <class T>
T function_value(const Function& f, const Epilogue& e, T x) {
  if constexpr (!std::is_integral_v<T>) {
    return convert<T>(static_cast<float>(f.of(double{convert<float>(x)}, e.alpha, e.beta)));
  } else if (f.integers.empty()) {
    return convert<T>(f.of(static_cast<double>(x), e.alpha, e.beta));
  } else {
    std::int64_t number{x};
    for (const IntegerStep& step : f.integers)
      if (!is_idle(step, kDTypeOf<T>)) number = compute(step.op, number, step.number);
    return static_cast<T>(number);
  }
}

inline void function_reference(const Function& f, const Epilogue& e, const View& x, View& y) {
  visit(x.dtype(), [&]<class T>(T) {
    for_each(y.held(), [&](const Index& at) { *y.as<T>(at) = function_value(f, e, *x.as<T>(at)); });
  });
}

// The definition over a box, for what has no kernel.
inline void run_definition(const Function& f, const Epilogue& e, const View& x, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  Nest<2> nest(box.shape(), {x.strides(), y.strides()});
  nest.want_unit_strides();
  const Rows rows = nest.plane();
  visit(x.dtype(), [&]<class T>(T) {
    const T* from = x.as<T>(box.origin());
    T* to = y.as<T>(box.origin());
    nest.for_each_plane([&](const auto& at) {
      for (std::size_t row = 0; row < rows.count; ++row) {
        const T* a = from + at[0] + static_cast<Dim>(row) * rows.x_step;
        T* b = to + at[1] + static_cast<Dim>(row) * rows.y_step;
        for (std::size_t i = 0; i < rows.n; ++i) b[i] = function_value(f, e, a[i]);
      }
    });
  });
}

inline std::vector<Case> function_cases(const Function& f) {
  const std::string op(f.name);
  const bool floats = f.types.has(DType::f32);
  std::vector<Case> cases;
  if (floats)
    for (const Shape& shape : {Shape{2, 3, 5, 7}, {1, 33, 2, 2}, {17}, {}, {2, 3, 2, 3, 4}, {0, 4, 3}})
      cases.push_back({op, {}, {data(shape)}});
  for (std::size_t t = 1; t < kDTypes; ++t)
    if (const auto dtype = static_cast<DType>(t); f.types.has(dtype))
      for (const Shape& shape : {Shape{2, 33, 3}, {0, 2}}) cases.push_back({op, {}, {data(TensorType{dtype, shape})}});
  // One with other attributes.
  Attributes other;
  for (const Function::Parameter& p : {f.alpha, f.beta})
    if (!p.attribute.empty()) other.emplace(p.attribute, 0.75f * p.value + 0.125f);
  if (!f.other.first.empty()) other.emplace(f.other.first, std::string(f.other.second));
  if (!other.empty()) cases.push_back({op, other, {data({1, 19, 2, 2})}});
  if (floats && f.kernel != Activation::None) cases.push_back({op, {}, {data({1, 64, 112, 112})}, true});
  return cases;
}

// The functions of one row of a table.
template <const auto& kTable, std::size_t kRow>
struct FunctionRecord {
  static constexpr const Function& f = kTable[kRow];
  static constexpr auto needed = same_box;

  static Types infer(const Node& node, const Types& in, Constants constants) {
    const Types y = same_type(node, in, constants);
    want_types(node, in, 0, f.types);
    epilogue_of(f, node);
    return y;
  }
  static void reference(const Node& node, Inputs in, Outputs out) {
    function_reference(f, epilogue_of(f, node), in[0], out[0]);
  }
  static std::vector<Step> plan(const Node& node, const Types& in, Constants, const PlanContext& context) {
    const Epilogue epilogue = epilogue_of(f, node);
    const bool f32 = in[0].dtype == DType::f32;
    if (is_half(in[0].dtype)) return {};
    if (f32 ? epilogue.activation == Activation::None : f.integers.empty())
      return function_steps(in, "definition", kDefinitionWork,
                            [epilogue](Inputs x, Outputs y, const Box& box, std::byte*) {
                              run_definition(f, epilogue, x[0], y[0], box);
                            });
    if (!f32) return integer_steps(in, f.name, f.integers, context.kernels);
    const auto run = [kernels = context.kernels.unary, epilogue](Inputs x, Outputs y, const Box& box, std::byte*) {
      run_function(kernels, epilogue, x[0], y[0], box);
    };
    return function_steps(in, f.name, f.work, run);
  }
  static std::optional<Graph> expand(const Node& node, const Types& in, Constants) {
    return widened(node, in, {in[0]});
  }
  static double tolerance(const Node& node, const Types&) {
    const Epilogue e = epilogue_of(f, node);
    return f.tolerance * 0x1p-24 * std::max({1.0f, std::abs(e.alpha), std::abs(e.beta)});
  }
  static std::vector<Case> cases() { return function_cases(f); }
};

}  // namespace coverslip::inline v0::ops
