// Add, Sub, Mul, Div: two inputs, broadcast to each other as NumPy does it. Add may carry an activation.
#pragma once
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/elementwise/cast.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/nest.hpp"

namespace coverslip::inline v0::ops {

inline Shape broadcast_shape(const Node& node, const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.rank(), b.rank());
  Shape y(rank, 1);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const Dim da = axis + a.rank() < rank ? 1 : a[axis + a.rank() - rank];
    const Dim db = axis + b.rank() < rank ? 1 : b[axis + b.rank() - rank];
    if (da != db && da != 1 && db != 1)
      throw Error(Errc::BadShape, node.label(), "inputs ", a, " and ", b, " cannot be broadcast to each other: axis ",
                  axis, " is ", da, " and ", db);
    y[axis] = da == 1 ? db : da;
  }
  y.elements();  // throws where they are too many to count
  return y;
}

// The part of an input of that shape that belongs to a box of what it is broadcast to.
inline Box broadcast_box(const Shape& shape, const Box& output) {
  Box box(shape);
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) box[axis] = output[output.rank() - shape.rank() + axis];
  return box;
}

inline Index broadcast_index(const Shape& shape, const Index& output) {
  Index at(shape.rank(), 0);
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) at[axis] = output[output.rank() - shape.rank() + axis];
  return at;
}

inline Types binary_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 2);
  if (in[0].dtype != in[1].dtype || in[0].dtype == DType::boolean)
    throw Error(Errc::Unsupported, node.label(), "inputs are ", in[0].dtype, " and ", in[1].dtype,
                ", two of the same number type wanted");
  if (node.op == "Add" && epilogue_of(node).activation != Activation::None) want_dtype(node, in, DType::f32);
  return {{in[0].dtype, broadcast_shape(node, in[0].shape, in[1].shape)}};
}

inline std::vector<Box> binary_needed(const Node&, const Types& in, const Box& output) {
  return {broadcast_box(in[0].shape, output), broadcast_box(in[1].shape, output)};
}

inline BinaryOp binary_op(const Node& node) {
  constexpr std::string_view kNames[] = {"Add", "Sub", "Mul", "Div"};  // in order of BinaryOp
  return static_cast<BinaryOp>(std::find(std::begin(kNames), std::end(kNames), node.op) - std::begin(kNames));
}

inline double compute(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::Add: return a + b;
    case BinaryOp::Sub: return a - b;
    case BinaryOp::Mul: return a * b;
    case BinaryOp::Div: break;
  }
  return a / b;
}

// Integers wrap around, and a quotient by zero is zero: never undefined, whatever a file says.
inline std::int64_t compute(BinaryOp op, std::int64_t a, std::int64_t b) {
  const auto ua = static_cast<std::uint64_t>(a), ub = static_cast<std::uint64_t>(b);
  switch (op) {
    case BinaryOp::Add: return static_cast<std::int64_t>(ua + ub);
    case BinaryOp::Sub: return static_cast<std::int64_t>(ua - ub);
    case BinaryOp::Mul: return static_cast<std::int64_t>(ua * ub);
    case BinaryOp::Div: break;
  }
  if (b == 0) return 0;
  return b == -1 ? static_cast<std::int64_t>(0 - ua) : a / b;
}

inline void binary(const Node& node, Inputs in, Outputs out) {
  const BinaryOp op = binary_op(node);
  const Epilogue epilogue = op == BinaryOp::Add ? epilogue_of(node) : Epilogue{};
  visit(out[0].dtype(), [&]<class T>(T) {
    for_each(out[0].held(), [&](const Index& at) {
      const T a = *in[0].as<T>(broadcast_index(in[0].shape(), at));
      const T b = *in[1].as<T>(broadcast_index(in[1].shape(), at));
      if constexpr (std::is_integral_v<T>) {
        *out[0].as<T>(at) = static_cast<T>(compute(op, std::int64_t{a}, std::int64_t{b}));
      } else {
        const double y = compute(op, double{convert<float>(a)}, double{convert<float>(b)});
        *out[0].as<T>(at) = convert<T>(static_cast<float>(activate(epilogue, y)));
      }
    });
  });
}

// True if channels-last does not tear the operand's elements apart: it has all axes, or varies along channels alone.
inline bool fits_channels_last(const Shape& shape, std::size_t rank) {
  if (shape.rank() == rank) return true;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1 && axis + rank - shape.rank() != 1) return false;
  return true;
}

inline void run_binary(const BinaryKernels& kernels, BinaryOp op, const Epilogue& epilogue, const Types& in, Inputs x,
                       View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  const std::size_t rank = box.rank();
  Nest<3> nest(box.shape(),
               {broadcast_strides(x[0], in[0].shape, rank), broadcast_strides(x[1], in[1].shape, rank), y.strides()});
  nest.want_unit_strides();
  const BinaryRows rows{nest.plane(), nest.outer().strides[1], nest.inner().strides[0] == 0,
                        nest.inner().strides[1] == 0};
  const float* a = x[0].as<float>(broadcast_index(in[0].shape, box.origin()));
  const float* b = x[1].as<float>(broadcast_index(in[1].shape, box.origin()));
  float* to = y.as<float>(box.origin());
  nest.for_each_plane([&](const auto& at) {
    if (epilogue.activation == Activation::None)
      kernels.run(op, a + at[0], b + at[1], to + at[2], rows);
    else
      kernels.add(a + at[0], b + at[1], to + at[2], rows, epilogue);
  });
}

inline std::vector<Step> plan_binary(const Node& node, const Types& in, Constants constants,
                                     const PlanContext& context) {
  const TensorType type = binary_type(node, in, constants)[0];
  if (type.dtype != DType::f32) return {};
  const BinaryOp op = binary_op(node);
  const Epilogue epilogue = op == BinaryOp::Add ? epilogue_of(node) : Epilogue{};
  Step step{
      .kernel = "binary",
      .cuts = any_axis(type.shape.rank()),
      .nanoseconds = pass_nanoseconds(in[0].bytes() + in[1].bytes() + type.bytes()),
      .run = [kernels = context.kernels.binary, op, epilogue, in](Inputs x, Outputs y, const Box& box, std::byte*) {
        run_binary(kernels, op, epilogue, in, x, y[0], box);
      }};
  for (std::size_t i = 2; i-- > 0;)
    if (in[i].shape == type.shape) step.in_place = i;
  auto candidates = in_each_layout(2, 1, std::move(step));
  if (!fits_channels_last(in[0].shape, type.shape.rank()) || !fits_channels_last(in[1].shape, type.shape.rank()))
    candidates.erase(candidates.begin() + 1);
  return candidates;
}

// One rounding, as the reference has it, unless an activation adds its own.
inline double binary_tolerance(const Node& node, const Types& in) {
  if (node.op != "Add") return 0;
  switch (const Epilogue epilogue = epilogue_of(node); epilogue.activation) {
    case Activation::Sigmoid: return 6 * 0x1p-23;
    case Activation::None:
    case Activation::Relu: return exact(node, in);
    default: return 4 * (1 + std::abs(double{epilogue.alpha}) + std::abs(double{epilogue.beta})) * 0x1p-24;
  }
}

inline std::vector<Case> binary_cases(std::string_view op) {
  const std::pair<Shape, Shape> shapes[] = {{{2, 3, 5, 7}, {2, 3, 5, 7}},
                                            {{2, 33, 3, 5}, {1, 33, 1, 1}},
                                            {{1, 17, 3, 5}, {17, 1, 1}},
                                            {{2, 5, 3, 4}, {}},
                                            {{2, 5, 3, 4}, {2, 1, 3, 4}},
                                            {{1, 5, 1, 4}, {2, 1, 3, 1}},
                                            {{4}, {3, 5, 4}},
                                            {{2, 19, 4, 3}, {4, 3}},
                                            {{2, 3, 1, 1}, {2, 3, 17, 5}},
                                            {{3, 5}, {5}},
                                            {{2, 4, 3, 2, 5}, {1, 4, 1, 1, 1}}};
  std::vector<Case> cases;
  for (const auto& [a, b] : shapes) cases.push_back({std::string(op), {}, {data(a), data(b)}});
  cases.push_back({std::string(op), {}, {data({1, 8, 3, 5}), weights({1, 8, 1, 1})}});
  for (const DType dtype : {DType::i64, DType::u8, DType::f16, DType::bf16})
    cases.push_back({std::string(op), {}, {data(TensorType{dtype, {2, 3}}), data(TensorType{dtype, {3}})}});
  cases.push_back({std::string(op), {}, {data({1, 64, 112, 112}), data({1, 64, 112, 112})}, true});
  cases.push_back({std::string(op), {}, {data({1, 64, 112, 112}), weights({1, 64, 1, 1})}, true});
  return cases;
}
inline std::vector<Case> add_cases() {
  auto cases = binary_cases("Add");
  for (const char* activation : {"Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid"})
    cases.push_back({"Add", {{"activation", activation}}, {data({1, 19, 3, 5}), data({1, 19, 3, 5})}});
  cases.push_back({"Add",
                   {{"activation", "Clip"}, {"activation_alpha", -0.5f}, {"activation_beta", 0.75f}},
                   {data({2, 9, 5}), weights({1, 9, 1})}});
  return cases;
}
inline std::vector<Case> sub_cases() { return binary_cases("Sub"); }
inline std::vector<Case> mul_cases() { return binary_cases("Mul"); }
inline std::vector<Case> div_cases() { return binary_cases("Div"); }

inline constexpr OpDef kBinary[] = {
    {.name = "Add",
     .infer = binary_type,
     .needed = binary_needed,
     .reference = binary,
     .plan = plan_binary,
     .tolerance = binary_tolerance,
     .cases = add_cases},
    {.name = "Sub",
     .infer = binary_type,
     .needed = binary_needed,
     .reference = binary,
     .plan = plan_binary,
     .tolerance = binary_tolerance,
     .cases = sub_cases},
    {.name = "Mul",
     .infer = binary_type,
     .needed = binary_needed,
     .reference = binary,
     .plan = plan_binary,
     .tolerance = binary_tolerance,
     .cases = mul_cases},
    {.name = "Div",
     .infer = binary_type,
     .needed = binary_needed,
     .reference = binary,
     .plan = plan_binary,
     .tolerance = binary_tolerance,
     .cases = div_cases},
};

}  // namespace coverslip::inline v0::ops
