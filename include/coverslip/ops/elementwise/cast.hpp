// Cast: the same numbers in another type.
#pragma once
#include "coverslip/ops/dtypes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/nest.hpp"

namespace coverslip::inline v0::ops {

// Floats become integers towards zero; what these cannot hold becomes the nearest they can, and NaN 0. Integers wrap
// around. All but zero is true. To 16-bit floats by way of float, rounded to nearest even.
template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>) {
    return convert<To>(to_float(x));
  } else if constexpr (std::is_same_v<To, Float16>) {
    return to_float16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return to_bfloat16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From{};
  } else if constexpr (std::is_same_v<From, float> && std::is_integral_v<To>) {
    // As floats: the least number fits exactly, and the first beyond the most is a power of two.
    constexpr float kLeast = static_cast<float>(std::numeric_limits<To>::min());
    constexpr float kBeyond = 2 * static_cast<float>(std::numeric_limits<To>::max() / 2 + 1);
    if (x != x) return 0;
    if (x < kLeast) return std::numeric_limits<To>::min();
    return x >= kBeyond ? std::numeric_limits<To>::max() : static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

inline DType cast_target(const Node& node) { return dtype_of(node, "to", 0); }

inline Types cast_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  return {{cast_target(node), in[0].shape}};
}

inline void cast(const Node&, Inputs in, Outputs out) {
  visit(in[0].dtype(), [&]<class From>(From) {
    visit(out[0].dtype(), [&]<class To>(To) {
      for_each(out[0].held(), [&](const Index& at) { *out[0].as<To>(at) = convert<To>(*in[0].as<From>(at)); });
    });
  });
}

using CastRow = void (*)(const std::byte* x, std::byte* y, std::size_t n);

template <class From, class To>
void cast_row(const std::byte* x, std::byte* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    From value;
    std::memcpy(&value, x + i * sizeof(From), sizeof(From));
    const To made = convert<To>(value);
    std::memcpy(y + i * sizeof(To), &made, sizeof(To));
  }
}

inline CastRow cast_row_of(DType from, DType to) {
  return visit(
      from, [&]<class From>(From) { return visit(to, [&]<class To>(To) -> CastRow { return cast_row<From, To>; }); });
}

inline void cast_box(CastRow row, const View& x, View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  Nest<2> nest(box.shape(), {x.strides(), y.strides()});
  nest.want_unit_strides();
  const auto from_size = static_cast<Dim>(size_of(x.dtype())), to_size = static_cast<Dim>(size_of(y.dtype()));
  const std::byte* from = x.at(box.origin());
  std::byte* to = y.at(box.origin());
  const Rows rows = nest.plane();
  nest.for_each_plane([&](const auto& at) {
    for (std::size_t r = 0; r < rows.count; ++r) {
      const auto step = static_cast<Dim>(r);
      row(from + from_size * (at[0] + step * rows.x_step), to + to_size * (at[1] + step * rows.y_step), rows.n);
    }
  });
}

inline std::vector<Step> plan_cast(const Node& node, const Types& in, Constants, const PlanContext&) {
  const TensorType type{cast_target(node), in[0].shape};
  Step step{.kernel = "cast",
            .cuts = any_axis(type.shape.rank()),
            .nanoseconds = kScatterSlowdown * pass_nanoseconds(in[0].bytes() + type.bytes()),
            .same_bytes = type.dtype == in[0].dtype,
            .run = [row = cast_row_of(in[0].dtype, type.dtype)](Inputs x, Outputs y, const Box& box, std::byte*) {
              cast_box(row, x[0], y[0], box);
            }};
  if (size_of(type.dtype) == size_of(in[0].dtype)) step.in_place = 0;
  return in_each_layout(1, 1, std::move(step));
}

inline std::vector<Case> cast_cases() {
  constexpr Dim kNumbers[] = {1, 2, 3, 6, 7, 9, 10, 16};
  std::vector<Case> cases;
  for (std::size_t from = 0; from < kDTypes; ++from)
    for (const Dim to : kNumbers)
      cases.push_back({"Cast", {{"to", to}}, {data(TensorType{static_cast<DType>(from), {1, 3, 2, 5}})}});
  return cases;
}

inline constexpr OpDef kCast[] = {
    {.name = "Cast",
     .infer = cast_type,
     .needed = same_box,
     .reference = cast,
     .plan = plan_cast,
     .tolerance = exact,
     .cases = cast_cases},
};

}  // namespace coverslip::inline v0::ops
