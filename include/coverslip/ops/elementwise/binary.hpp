// Operators of two inputs that are broadcast to each other: arithmetic, comparison, logic and bits. Each is a row of a
// table. Add may carry an activation; Pow stands apart.
#pragma once
#include "coverslip/ops/arithmetic.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

struct BinaryFunction {
  std::string_view name;  // as in ONNX
  BinaryOp op;
  DTypes types = kAllNumbers;
  bool swapped = false;          // a > b is b < a
  double tolerance = 0;          // in units of 2^-24
  double work = 1;               // of the kernel, where 1 is as fast as memory
  std::string_view attribute{};  // by which `other` is chosen, and the value that it has then
  std::variant<Dim, std::string_view> value{};
  BinaryOp other{};
  std::string_view usual{};  // the value of a word that chooses `op`
};

inline BinaryOp binary_op(const BinaryFunction& f, const Node& node) {
  if (f.attribute.empty()) return f.op;
  if (const Dim* number = std::get_if<Dim>(&f.value)) return node.attr(f.attribute, Dim{0}) == *number ? f.other : f.op;
  const auto word = node.attr(f.attribute, std::string());
  if (word == std::get<std::string_view>(f.value)) return f.other;
  if (word == f.usual) return f.op;
  throw Error(Errc::BadModel, node.label(), "attribute '", f.attribute, "' is '", word, "'; '", f.usual, "' or '",
              std::get<std::string_view>(f.value), "' wanted");
}

inline Epilogue binary_epilogue(const BinaryFunction& f, const Node& node) {
  return f.op == BinaryOp::Add ? epilogue_of(node) : Epilogue{};
}

inline Types binary_type(const BinaryFunction& f, const Node& node, const Types& in) {
  want_inputs(node, in, 2, 2);
  want_types(node, in, 0, f.types);
  binary_op(f, node);  // throws where an attribute is none of its values
  if (in[0].dtype != in[1].dtype)
    throw Error(Errc::Unsupported, node.label(), "inputs are ", in[0].dtype, " and ", in[1].dtype,
                ", two of the same type wanted");
  if (binary_epilogue(f, node).activation != Activation::None && !kFloats.has(in[0].dtype))
    want_types(node, in, 0, kFloats);
  const Shape y = broadcast_shape(node, in[0].shape, in[1].shape);
  if (f.op == BinaryOp::PRelu && !(y == in[0].shape))
    throw Error(Errc::BadShape, node.label(), "the slope ", in[1].shape, " cannot be broadcast to ", in[0].shape);
  return {{makes_bools(f.op) ? DType::boolean : in[0].dtype, y}};
}

inline void binary(BinaryOp op, const Epilogue& epilogue, const View& a, const View& b, View& y) {
  visit(a.dtype(), [&]<class T>(T) {
    for_each(y.held(), [&](const Index& at) {
      const T u = *a.as<T>(broadcast_index(a.shape(), at)), v = *b.as<T>(broadcast_index(b.shape(), at));
      if constexpr (std::is_integral_v<T>) {
        if (makes_bools(op))
          *y.as<bool>(at) = compare(op, std::int64_t{u}, std::int64_t{v});
        else
          *y.as<T>(at) = static_cast<T>(compute(op, std::int64_t{u}, std::int64_t{v}));
      } else {
        const double wide_u = convert<float>(u), wide_v = convert<float>(v);
        if (makes_bools(op))
          *y.as<bool>(at) = compare(op, wide_u, wide_v);
        else
          *y.as<T>(at) = convert<T>(static_cast<float>(activate(epilogue, compute(op, wide_u, wide_v))));
      }
    });
  });
}

// Of `steps` those on values that all are read or all made narrow.
inline void add_narrow_binary(std::vector<Step>& steps, BinaryOp op, const Types& in, const TensorType& y,
                              const BinaryKernels& kernels) {
  const std::vector<Step> wide = steps;
  for (const auto& [from, to] : kNarrowWays) {
    const BinaryKernel kernel = kernels.find_narrow(op, from, to);
    if (kernel == nullptr) return;
    const std::size_t read = in[0].bytes() + in[1].bytes();
    for (Step step : wide) {
      if (from != to) step.in_place.reset();
      step.nanoseconds = pass_nanoseconds((from ? read / 2 : read) + (to ? y.bytes() / 2 : y.bytes()));
      step.run = [=](Inputs x, Outputs made, const Box& box, std::byte*) {
        for_each_pair({x[0], in[0].shape}, {x[1], in[1].shape}, made[0], box, kernel);
      };
      steps.push_back(with_narrow(std::move(step), from, to, {0, 1}));
    }
  }
}

inline std::vector<Step> plan_binary(const BinaryFunction& f, const Node& node, const Types& in, Constants constants,
                                     const PlanContext& context) {
  const TensorType y_type = binary_type(f, node, in)[0];
  const BinaryKernel kernel = find_binary(context.kernels, binary_op(f, node), in[0].dtype);
  if (kernel == nullptr) return {};
  const Epilogue epilogue = binary_epilogue(f, node);
  const bool activates = epilogue.activation != Activation::None, swapped = f.swapped;
  const auto add = context.kernels.binary.add;
  const auto run = [=](Inputs x, Outputs y, const Box& box, std::byte*) {
    const std::size_t first = swapped ? 1 : 0, second = 1 - first;
    for_each_pair({x[first], in[first].shape}, {x[second], in[second].shape}, y[0], box,
                  [&](const std::byte* a, const std::byte* b, std::byte* to, const BinaryRows& rows) {
                    if (!activates) return kernel(a, b, to, rows);
                    add(reinterpret_cast<const float*>(a), reinterpret_cast<const float*>(b),
                        reinterpret_cast<float*>(to), rows, epilogue);
                  });
  };
  auto steps = broadcast_steps(in, y_type, {.kernel = "binary", .nanoseconds = f.work, .run = run});
  const bool computed = constants[0] == nullptr && constants[1] == nullptr;
  if (context.bf16 && computed && !activates && in[0].dtype == DType::f32)
    add_narrow_binary(steps, binary_op(f, node), in, y_type, context.kernels.binary);
  return steps;
}

inline std::vector<Case> binary_cases(const BinaryFunction& f) {
  const std::pair<Shape, Shape> shapes[] = {{{2, 3, 5, 7}, {2, 3, 5, 7}},
                                            {{2, 33, 3, 5}, {1, 33, 1, 1}},
                                            {{1, 17, 3, 5}, {17, 1, 1}},
                                            {{2, 5, 3, 4}, {}},
                                            {{2, 5, 3, 4}, {2, 1, 3, 4}},
                                            {{2, 19, 4, 3}, {4, 3}},
                                            {{3, 5}, {5}},
                                            {{2, 4, 3, 2, 5}, {1, 4, 1, 1, 1}},
                                            {{0, 4}, {4}},
                                            {{1, 5, 1, 4}, {2, 1, 3, 1}},
                                            {{4}, {3, 5, 4}},
                                            {{2, 3, 1, 1}, {2, 3, 17, 5}}};
  const std::size_t usable =
      f.op == BinaryOp::PRelu ? 9 : std::size(shapes);  // a slope is not bigger than what it scales
  const std::string op(f.name);
  std::vector<Case> cases;
  Attributes usual, other;
  if (!f.usual.empty()) usual.emplace(f.attribute, std::string(f.usual));
  if (const Dim* number = std::get_if<Dim>(&f.value); number != nullptr && !f.attribute.empty())
    other.emplace(f.attribute, *number);
  if (const auto* word = std::get_if<std::string_view>(&f.value)) other.emplace(f.attribute, std::string(*word));
  for (std::size_t t = 0; t < kDTypes; ++t) {
    const auto dtype = static_cast<DType>(t);
    if (!f.types.has(dtype)) continue;
    if (cases.empty())
      for (const auto& [a, b] : std::span(shapes).first(usable))
        cases.push_back({op, usual, {data(TensorType{dtype, a}), data(TensorType{dtype, b})}});
    cases.push_back({op, other, {data(TensorType{dtype, {2, 67}}), data(TensorType{dtype, {67}})}});
    cases.push_back({op, other, {data(TensorType{dtype, {3, 5, 9}}), data(TensorType{dtype, {5, 1}})}});
    cases.push_back({op, usual, {data(TensorType{dtype, {2, 3, 5}}), data(TensorType{dtype, {}})}});
  }
  if (!f.types.has(DType::f32)) return cases;
  cases.push_back({op, {}, {data({1, 8, 3, 5}), weights({1, 8, 1, 1})}});
  cases.push_back({op, {}, {data({1, 64, 112, 112}), data({1, 64, 112, 112})}, true});
  cases.push_back({op, {}, {data({1, 64, 112, 112}), weights({1, 64, 1, 1})}, true});
  if (f.op != BinaryOp::Add) return cases;
  for (const char* activation : kCarried)
    cases.push_back({op, {{"activation", activation}}, {data({1, 19, 3, 5}), data({1, 19, 3, 5})}});
  cases.push_back({op,
                   {{"activation", "Clip"}, {"activation_alpha", -0.5f}, {"activation_beta", 0.75f}},
                   {data({2, 9, 5}), weights({1, 9, 1})}});
  return cases;
}

// The functions of one row of a table.
template <const auto& kTable, std::size_t kRow>
struct BinaryRecord {
  static constexpr const BinaryFunction& f = kTable[kRow];
  static constexpr auto needed = broadcast_needed;
  static Types infer(const Node& node, const Types& in, Constants) { return binary_type(f, node, in); }
  static void reference(const Node& node, Inputs in, Outputs out) {
    const std::size_t first = f.swapped ? 1 : 0;
    binary(binary_op(f, node), binary_epilogue(f, node), in[first], in[1 - first], out[0]);
  }
  static std::vector<Step> plan(const Node& node, const Types& in, Constants constants, const PlanContext& context) {
    return plan_binary(f, node, in, constants, context);
  }
  static std::optional<Graph> expand(const Node& node, const Types& in, Constants) {
    return widened(node, in, binary_type(f, node, in));
  }
  static double tolerance(const Node& node, const Types&) {
    return f.tolerance * 0x1p-24 + activation_tolerance(binary_epilogue(f, node));
  }
  static std::vector<Case> cases() { return binary_cases(f); }
};

inline constexpr DTypes kSlopes = kFloats | DTypes{DType::i32, DType::i64};
inline constexpr BinaryFunction kBinaryTable[] = {
    {.name = "Add", .op = BinaryOp::Add},
    {.name = "Sub", .op = BinaryOp::Sub},
    {.name = "Mul", .op = BinaryOp::Mul},
    {.name = "Div", .op = BinaryOp::Div},
    {.name = "PRelu", .op = BinaryOp::PRelu, .types = kSlopes},
    {.name = "Mod",  // a sum that is rounded twice in the reference, once in the kernel
     .op = BinaryOp::Mod,
     .tolerance = 2,
     .work = 8,
     .attribute = "fmod",
     .value = Dim{1},
     .other = BinaryOp::Fmod},
    {.name = "And", .op = BinaryOp::And, .types = kBools},
    {.name = "Or", .op = BinaryOp::Or, .types = kBools},
    {.name = "Xor", .op = BinaryOp::Xor, .types = kBools},
    {.name = "BitwiseAnd", .op = BinaryOp::And, .types = kIntegers},
    {.name = "BitwiseOr", .op = BinaryOp::Or, .types = kIntegers},
    {.name = "BitwiseXor", .op = BinaryOp::Xor, .types = kIntegers},
    {.name = "BitShift",
     .op = BinaryOp::ShiftRight,
     .types = kIntegers,
     .attribute = "direction",
     .value = std::string_view("LEFT"),
     .other = BinaryOp::ShiftLeft,
     .usual = "RIGHT"},
    {.name = "Equal", .op = BinaryOp::Equal, .types = kAllNumbers | kBools},
    {.name = "Less", .op = BinaryOp::Less},
    {.name = "LessOrEqual", .op = BinaryOp::LessOrEqual},
    {.name = "Greater", .op = BinaryOp::Less, .swapped = true},
    {.name = "GreaterOrEqual", .op = BinaryOp::LessOrEqual, .swapped = true},
};
inline constexpr auto kBinary = records_of<BinaryRecord, kBinaryTable>();

}  // namespace coverslip::inline v0::ops
