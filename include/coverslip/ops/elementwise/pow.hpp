// Pow: base and exponent may be of different types; the result is of the base's.
#pragma once
#include "coverslip/ops/elementwise/binary.hpp"

namespace coverslip::inline v0::ops {

inline constexpr DTypes kBases = kFloats | DTypes{DType::i32, DType::i64};

inline Types pow_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 2);
  want_types(node, in, 0, kBases);
  want_types(node, in, 1, kAllNumbers);
  return {{in[0].dtype, broadcast_shape(node, in[0].shape, in[1].shape)}};
}

// Integers to the power of integers wrap around; all else is computed in double.
inline void power(const Node&, Inputs in, Outputs out) {
  visit(in[0].dtype(), [&]<class T>(T) {
    visit(in[1].dtype(), [&]<class E>(E) {
      const auto wide = [](auto v) {
        if constexpr (kIsHalf<decltype(v)>)
          return double{to_float(v)};
        else
          return static_cast<double>(v);
      };
      for_each(out[0].held(), [&](const Index& at) {
        const T base = *in[0].as<T>(broadcast_index(in[0].shape(), at));
        const E exponent = *in[1].as<E>(broadcast_index(in[1].shape(), at));
        T& y = *out[0].as<T>(at);
        if constexpr (!std::is_integral_v<T>) {
          y = convert<T>(static_cast<float>(std::pow(wide(base), wide(exponent))));
        } else if constexpr (!std::is_integral_v<E>) {
          y = convert<T>(std::pow(wide(base), wide(exponent)));
        } else {
          y = static_cast<T>(integer_power(std::int64_t{base}, std::int64_t{exponent}));
        }
      });
    });
  });
}

// A square is a product.
inline bool is_square(const Types& in, Constants constants) {
  if (constants[1] == nullptr || in[1].dtype != DType::f32 || in[1].shape.elements() != 1) return false;
  return in[1].shape.rank() <= in[0].shape.rank() && constants[1]->values<float>()[0] == 2;
}

inline std::vector<Step> plan_pow(const Node& node, const Types& in, Constants constants, const PlanContext& context) {
  const TensorType y_type = pow_type(node, in, constants)[0];
  if (in[0].dtype != in[1].dtype) return {};
  const bool square = is_square(in, constants);
  const BinaryKernel kernel = find_binary(context.kernels, square ? BinaryOp::Mul : BinaryOp::Pow, in[0].dtype);
  if (kernel == nullptr) return {};
  const auto run = [kernel, in, second = square ? 0u : 1u](Inputs x, Outputs y, const Box& box, std::byte*) {
    for_each_pair(
        {x[0], in[0].shape}, {x[second], in[second].shape}, y[0], box,
        [&](const std::byte* a, const std::byte* b, std::byte* to, const BinaryRows& rows) { kernel(a, b, to, rows); });
  };
  return broadcast_steps(in, y_type, {.kernel = "pow", .nanoseconds = square ? 1.0 : 8.0, .run = run});
}

// Whether floats hold all such exponents: of a rounded one it is not known whether it is odd.
inline bool exponents_fit_floats(const TensorType& type, const Tensor* exponents) {
  if (size_of(type.dtype) == 1) return true;
  bool fit = exponents != nullptr;
  if (fit)
    visit(type.dtype, [&]<class T>(T) {
      if constexpr (std::is_integral_v<T>)
        for (const std::int64_t e : exponents->values<T>()) fit = fit && e >= -(1 << 24) && e <= 1 << 24;
    });
  return fit;
}

inline std::optional<Graph> expand_pow(const Node& node, const Types& in, Constants constants) {
  if (!kFloats.has(in[0].dtype)) return std::nullopt;
  if (kFloats.has(in[1].dtype)) return widened(node, in, pow_type(node, in, constants));
  if (!exponents_fit_floats(in[1], constants[1])) return std::nullopt;
  Graph graph = graph_for(node, in);
  const ValueId exponent = graph.append("Cast", "exponent", {graph.inputs[1]}, {{"to", onnx_number(DType::f32)}});
  graph.outputs = {graph.append("Pow", "f32", {graph.inputs[0], exponent})};
  return graph;
}

inline std::vector<Case> pow_cases() {
  const auto number = [](float x) { return given(Tensor({}, {x})); };
  std::vector<Case> cases{{"Pow", {}, {data({2, 3, 5, 7}), data({2, 3, 5, 7})}},
                          {"Pow", {}, {data({2, 33, 3, 5}), data({1, 33, 1, 1})}},
                          {"Pow", {}, {data({19}), data({3, 1})}},
                          {"Pow", {}, {data({2, 35}), number(2)}},
                          {"Pow", {}, {data({2, 35}), number(0.5f)}},
                          {"Pow", {}, {data({2, 35}), number(-3)}},
                          {"Pow", {}, {data({0, 3}), number(2)}},
                          {"Pow", {}, {data({1, 64, 112, 112}), number(3)}, true}};
  for (const DType base : {DType::f32, DType::f16, DType::bf16, DType::i32, DType::i64})
    for (const DType exponent : {DType::f32, DType::f16, DType::bf16, DType::i8, DType::u8, DType::i32, DType::i64}) {
      const bool small = kFloats.has(base) && !kFloats.has(exponent);  // else all were 0 or infinite
      Tensor few({3, 1}, {0.f, 3.f, -2.f});
      Tensor exponents(TensorType{exponent, {3, 1}});
      visit(exponent, [&]<class T>(T) {
        for (std::size_t i = 0; i < 3; ++i)
          exponents.values<T>()[i] = convert<T>(exponent == DType::u8 && i == 2 ? 2.f : few.values<float>()[i]);
      });
      const Operand x = data(TensorType{base, {3, 17}});
      cases.push_back({"Pow", {}, {x, small ? given(exponents) : data(TensorType{exponent, {17}})}});
    }
  return cases;
}

// One unit in the last place, and the rounding of the reference.
inline double pow_tolerance(const Node&, const Types&) { return 3 * 0x1p-24; }

inline constexpr OpDef kPow[] = {
    {.name = "Pow",
     .infer = pow_type,
     .needed = broadcast_needed,
     .reference = power,
     .plan = plan_pow,
     .tolerance = pow_tolerance,
     .cases = pow_cases,
     .expand = expand_pow},
};

}  // namespace coverslip::inline v0::ops
