// NonZero and Compress: what holds, or where it holds, is picked out. How much that is depends on data.
#pragma once
#include "coverslip/ops/shapes/gather.hpp"

namespace coverslip::inline v0::ops {

// The bits of an element that make it differ from zero: all, but for the sign of a float.
inline std::uint64_t nonzero_bits(DType dtype) {
  switch (dtype) {
    case DType::f32: return 0x7FFF'FFFF;
    case DType::f16:
    case DType::bf16: return 0x7FFF;
    default: return ~std::uint64_t{0} >> (64 - 8 * size_of(dtype));
  }
}

// Calls f(i) for each of n elements that is not zero.
template <class Bits, class F>
void for_each_nonzero(const std::byte* x, Dim step, Dim n, Bits mask, const F& f) {
  for (Dim i = 0; i < n; ++i) {
    Bits bits;
    std::memcpy(&bits, x + i * step * static_cast<Dim>(sizeof(Bits)), sizeof(Bits));
    if ((bits & mask) != 0) f(i);
  }
}
template <class F>
void for_each_nonzero(const std::byte* x, Dim step, Dim n, DType dtype, const F& f) {
  const std::uint64_t mask = nonzero_bits(dtype);
  switch (size_of(dtype)) {
    case 1: return for_each_nonzero(x, step, n, static_cast<std::uint8_t>(mask), f);
    case 2: return for_each_nonzero(x, step, n, static_cast<std::uint16_t>(mask), f);
    case 4: return for_each_nonzero(x, step, n, static_cast<std::uint32_t>(mask), f);
    default: return for_each_nonzero(x, step, n, mask, f);
  }
}

// What an input must be known to hold: it decides how much comes out.
inline const Tensor& known_tensor(const Node& node, Constants constants, std::size_t i) {
  if (constants[i] == nullptr)
    throw Error(Errc::Unsupported, node.label(), "input ", i, " depends on data; it must be known when planning");
  return *constants[i];
}

inline Types non_zero_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 1);
  const Tensor& x = known_tensor(node, constants, 0);
  Dim count = 0;
  for_each_nonzero(x.data(), 1, x.shape().elements(), x.dtype(), [&](Dim) { ++count; });
  return {{DType::i64, {static_cast<Dim>(in[0].shape.rank()), count}}};
}

// A column of the output for each element, in row-major order.
inline void non_zero(const Node&, Inputs in, Outputs out) {
  const View& x = in[0];
  const std::size_t rank = x.shape().rank();
  if (rank == 0) return;
  Box heads = x.held();
  const Dim n = x.shape()[rank - 1];
  if (x.shape().elements() > 0) heads[rank - 1].end = 1;
  Dim column = 0;
  for_each(heads, [&](const Index& at) {
    for_each_nonzero(x.at(at), x.strides()[rank - 1], n, x.dtype(), [&](Dim i) {
      for (std::size_t axis = 0; axis < rank; ++axis)
        *out[0].as<std::int64_t>({static_cast<Dim>(axis), column}) = axis + 1 < rank ? at[axis] : i;
      ++column;
    });
  });
}

inline std::vector<Step> plan_non_zero(const Node& node, const Types& in, Constants, const PlanContext&) {
  Step step{.kernel = "non_zero",
            .inputs = std::vector<Form>(1),
            .outputs = {Layout::Planar},
            .nanoseconds = moving_nanoseconds(in[0].bytes(), false),
            .run = [node](Inputs x, Outputs y, const Box&, std::byte*) { non_zero(node, x, y); }};
  return {std::move(step)};
}

// Without an axis, the input counts as one row.
inline std::optional<std::size_t> compress_axis(const Node& node, std::size_t rank) {
  if (!node.attributes.contains("axis")) return std::nullopt;
  return axis_in(node, node.attr<Dim>("axis", 0), rank);
}

inline std::vector<Dim> chosen(const View& condition) {
  std::vector<Dim> places;
  for_each(condition.held(), [&](const Index& at) {
    if (*condition.at(at) != std::byte{0}) places.push_back(at[0]);
  });
  return places;
}

inline Types compress_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  const auto axis = compress_axis(node, in[0].shape.rank());
  const Dim extent = axis ? in[0].shape[*axis] : in[0].shape.elements();
  if (in[1].dtype != DType::boolean || in[1].shape.rank() != 1 || in[1].shape[0] > extent)
    throw Error(Errc::BadShape, node.label(), "the condition is ", to_string(in[1]), ", at most ", extent,
                " bools wanted");
  const Dim count = static_cast<Dim>(chosen(known_tensor(node, constants, 1).view()).size());
  if (!axis) return {{in[0].dtype, {count}}};
  TensorType type = in[0];
  type.shape[*axis] = count;
  return {type};
}

inline void compress(const Node& node, Inputs in, Outputs out) {
  const auto axis = compress_axis(node, in[0].shape().rank());
  const std::vector<Dim> places = chosen(in[1]);
  const Box whole = in[0].held();
  for_each(out[0].held(), [&](const Index& at) {
    Index from = whole.origin();
    if (axis) {
      from = at;
      from[*axis] = places[static_cast<std::size_t>(at[*axis])];
    } else {
      Dim rest = places[static_cast<std::size_t>(at[0])];
      for (std::size_t a = from.rank(); a-- > 0; rest /= whole[a].extent()) from[a] = rest % whole[a].extent();
    }
    std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
  });
}

// The places are known now, so it is a Gather.
inline std::optional<Graph> expand_compress(const Node& node, const Types& in, Constants constants) {
  const auto axis = compress_axis(node, in[0].shape.rank());
  const std::vector<Dim> places = chosen(known_tensor(node, constants, 1).view());
  Tensor indices({DType::i64, {static_cast<Dim>(places.size())}});
  std::copy(places.begin(), places.end(), indices.values<std::int64_t>().begin());
  Graph graph;
  for (const TensorType& type : in) graph.input(type, {});
  ValueId x = graph.inputs[0];
  if (!axis) x = graph.append("Reshape", "row", {x, graph.constant(Tensor({1}, {std::int64_t{-1}}))});
  graph.outputs = {graph.append("Gather", "gather", {x, graph.constant(std::move(indices))},
                                {{"axis", axis ? static_cast<Dim>(*axis) : Dim{0}}})};
  return graph;
}

inline std::vector<Case> non_zero_cases() {
  const auto of = [](Tensor x) { return Case{"NonZero", {}, {given(std::move(x))}}; };
  return {of(Tensor({2, 2}, {true, false, true, true})),
          of(Tensor({2, 1, 3}, {0.f, -0.f, 1e-40f, std::numeric_limits<float>::quiet_NaN(), 2.f, 0.f})),
          of(Tensor({4}, {std::int64_t{1} << 40, std::int64_t{0}, std::int64_t{-1}, std::int64_t{0}})),
          of(Tensor({3}, {to_float16(-0.f), to_float16(1), to_float16(0)})),
          of(Tensor({}, {3.f})),
          of(Tensor({}, {0.f})),
          of(Tensor(TensorType{DType::u8, {2, 0}})),
          of(Tensor(TensorType{DType::i32, {5}}))};
}
inline std::vector<Case> compress_cases() {
  const auto where = [](std::initializer_list<bool> list) {
    return given(Tensor({static_cast<Dim>(list.size())}, list));
  };
  const auto along = [](Dim axis) { return Attributes{{"axis", axis}}; };
  return {{"Compress", along(0), {data({3, 2}), where({false, true, true})}},
          {"Compress", along(-1), {data(TensorType{DType::u8, {3, 2, 4}}), where({true, false, true})}},
          {"Compress", {}, {data({3, 2}), where({false, true, false, false, true})}},
          {"Compress", along(1), {data(TensorType{DType::i64, {2, 3}}), where({false, false, false})}},
          {"Compress", {}, {data(TensorType{DType::f16, {}}), where({true})}},
          {"Compress", along(0), {data({2, 0}), where({true, true})}},
          {"Compress", {}, {data({2, 0}), where({})}}};
}

inline constexpr OpDef kSelect[] = {
    {.name = "NonZero",
     .infer = non_zero_type,
     .needed = whole_inputs,
     .reference = non_zero,
     .plan = plan_non_zero,
     .tolerance = exact,
     .cases = non_zero_cases,
     .of_contents = 0b1,
     .any_type = 0b1},
    {.name = "Compress",
     .infer = compress_type,
     .needed = whole_inputs,
     .reference = compress,
     .cases = compress_cases,
     .of_contents = 0b10,
     .expand = expand_compress,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
