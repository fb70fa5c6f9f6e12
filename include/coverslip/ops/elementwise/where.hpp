// Where: the elements of one input or of another, as a third says; all are broadcast to each other.
#pragma once
#include "coverslip/ops/broadcast.hpp"

namespace coverslip::inline v0::ops {

inline Types where_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 3, 3);
  want_types(node, in, 0, kBools);
  if (in[1].dtype != in[2].dtype)
    throw Error(Errc::Unsupported, node.label(), "inputs 1 and 2 are ", in[1].dtype, " and ", in[2].dtype,
                ", two of the same type wanted");
  return {{in[1].dtype, broadcast_shape(node, broadcast_shape(node, in[0].shape, in[1].shape), in[2].shape)}};
}

inline void where(const Node&, Inputs in, Outputs out) {
  const std::size_t size = size_of(out[0].dtype());
  for_each(out[0].held(), [&](const Index& at) {
    const View& from = in[*in[0].as<bool>(broadcast_index(in[0].shape(), at)) ? 1 : 2];
    std::memcpy(out[0].at(at), from.at(broadcast_index(from.shape(), at)), size);
  });
}

inline void run_where(SelectKernel kernel, const Types& in, Inputs x, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  std::array<Index, 4> strides;
  std::array<const std::byte*, 3> from{};
  for (std::size_t i = 0; i < 3; ++i) {
    strides[i] = broadcast_strides(x[i], in[i].shape, box.rank());
    from[i] = x[i].at(broadcast_index(in[i].shape, box.origin()));
  }
  strides[3] = y.strides();
  std::byte* to = y.at(box.origin());
  Nest<4> nest(box.shape(), strides);
  nest.want_unit_strides();
  const auto& inner = nest.inner().strides;
  const auto& outer = nest.outer().strides;
  const SelectRows rows{.count = static_cast<std::size_t>(nest.outer().extent),
                        .n = static_cast<std::size_t>(nest.inner().extent),
                        .condition_step = outer[0],
                        .a_step = outer[1],
                        .b_step = outer[2],
                        .y_step = outer[3],
                        .condition_single = inner[0] == 0,
                        .a_single = inner[1] == 0,
                        .b_single = inner[2] == 0};
  const auto size = static_cast<Dim>(size_of(y.dtype()));
  nest.for_each_plane([&](const auto& at) {
    kernel(reinterpret_cast<const std::uint8_t*>(from[0]) + at[0], from[1] + size * at[1], from[2] + size * at[2],
           to + size * at[3], rows);
  });
}

inline std::vector<Step> plan_where(const Node& node, const Types& in, Constants constants,
                                    const PlanContext& context) {
  const SelectKernels& kernels = context.kernels.select;
  const TensorType y_type = where_type(node, in, constants)[0];
  const std::size_t size = size_of(y_type.dtype);
  const SelectKernel kernel = size == 1   ? kernels.of_1_byte
                              : size == 2 ? kernels.of_2_bytes
                              : size == 4 ? kernels.of_4_bytes
                                          : kernels.of_8_bytes;
  const auto run = [kernel, in](Inputs x, Outputs y, const Box& box, std::byte*) {
    run_where(kernel, in, x, y[0], box);
  };
  return broadcast_steps(in, y_type, {.kernel = "select", .run = run}, 1);
}

inline std::vector<Case> where_cases() {
  const auto of = [](DType dtype, const Shape& condition, const Shape& a, const Shape& b, bool bench = false) {
    return Case{"Where",
                {},
                {data(TensorType{DType::boolean, condition}), data(TensorType{dtype, a}), data(TensorType{dtype, b})},
                bench};
  };
  std::vector<Case> cases{of(DType::f32, {2, 3, 5, 7}, {2, 3, 5, 7}, {2, 3, 5, 7}),
                          of(DType::f32, {2, 1, 5, 7}, {1, 19, 1, 1}, {}),
                          of(DType::f32, {}, {3, 17}, {17}),
                          of(DType::f32, {4, 1}, {}, {33}),
                          of(DType::f32, {0, 2}, {2}, {}),
                          of(DType::f32, {1, 64, 112, 112}, {}, {1, 64, 112, 112}, true)};
  for (std::size_t t = 1; t < kDTypes; ++t) cases.push_back(of(static_cast<DType>(t), {2, 67}, {67}, {2, 67}));
  return cases;
}

inline constexpr OpDef kWhere[] = {
    {.name = "Where",
     .infer = where_type,
     .needed = broadcast_needed,
     .reference = where,
     .plan = plan_where,
     .tolerance = exact,
     .cases = where_cases},
};

}  // namespace coverslip::inline v0::ops
