// CumSum and CumProd: running sums and products along an axis.
#pragma once
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/nest.hpp"
#include "coverslip/ops/reductions/reduce.hpp"

namespace coverslip::inline v0::ops {

struct Cumulation {
  std::size_t axis = 0;
  bool product = false, exclusive = false, reverse = false;
};

inline Cumulation cumulation_of(const Node& node, const Shape& x, const std::vector<Dim>& axis) {
  if (axis.size() != 1) throw Error(Errc::BadShape, node.label(), "axis (input 1) wants one number, got ", axis.size());
  return {axis_in(node, axis[0], x.rank()), node.op == "CumProd", node.attr<Dim>("exclusive", 0) != 0,
          node.attr<Dim>("reverse", 0) != 0};
}

inline Cumulation cumulation_of(const Node& node, const Types& in, Constants constants) {
  return cumulation_of(node, in[0].shape, known_integers(node, in, constants, 1, "axis"));
}

inline Types cumulative_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  if (size_of(in[0].dtype) == 1)
    throw Error(Errc::Unsupported, node.label(), "input is ", in[0].dtype, ", f32, f16, bf16, i32 or i64 wanted");
  cumulation_of(node, in, constants);
  return {in[0]};
}

// Lines along the axis, which lie beside each other.
struct Lines {
  Dim n = 0, columns = 0;
  Dim x_next = 0, y_next = 0;      // along a line
  Dim x_column = 0, y_column = 0;  // from line to line
};

// Each result is rounded from the wide sum, which goes on.
template <Term kTerm, class T>
void cumulate(const Lines& lines, bool exclusive, const T* x, T* y, Joined<T>* sums) {
  for (Dim i = 0; i < lines.n; ++i, x += lines.x_next, y += lines.y_next)
    for (Dim column = 0; column < lines.columns; ++column) {
      const Joined<T> before = sums[column];
      sums[column] = join(kTerm, before, widened(x[column * lines.x_column]));
      y[column * lines.y_column] = narrowed<T>(exclusive ? before : sums[column]);
    }
}

inline constexpr Dim kCumulativeColumns = 256;

// Without kernels in plain loops.
template <class T>
void cumulate(const ReduceKernels* kernels, const Cumulation& c, Lines lines, const T* x, T* y, Joined<T>* sums) {
  if (c.reverse) {
    x += (lines.n - 1) * lines.x_next;
    y += (lines.n - 1) * lines.y_next;
    lines.x_next = -lines.x_next;
    lines.y_next = -lines.y_next;
  }
  std::fill_n(sums, lines.columns, first_term<T>(c.product ? Term::Factor : Term::Plain));
  if constexpr (std::is_same_v<T, float>)
    if (kernels != nullptr && lines.x_column == 1 && lines.y_column == 1)
      return kernels->running[c.product ? 1 : 0](x,
                                                 {.count = static_cast<std::size_t>(lines.n),
                                                  .n = static_cast<std::size_t>(lines.columns),
                                                  .x_step = lines.x_next,
                                                  .y_step = lines.y_next},
                                                 sums, y, c.exclusive);
  if (c.product)
    cumulate<Term::Factor>(lines, c.exclusive, x, y, sums);
  else
    cumulate<Term::Plain>(lines, c.exclusive, x, y, sums);
}

// A box has the whole axis.
template <class T>
void run_cumulative(const ReduceKernels* kernels, const Cumulation& c, const View& x, View& y, const Box& box,
                    std::byte* scratch) {
  if (box.shape().elements() == 0) return;
  Shape heads = box.shape();
  heads[c.axis] = 1;
  const Nest<2> nest(heads, {x.strides(), y.strides()});
  const T* from = x.as<T>(box.origin());
  T* to = y.as<T>(box.origin());
  const auto &inner = nest.inner(), &outer = nest.outer();
  // Of lines that lie apart a few at once: their sums do not wait for each other.
  const Dim tile = inner.strides[0] == 1 && inner.strides[1] == 1 ? kCumulativeColumns : 4;
  Lines lines{.n = box[c.axis].extent(),
              .x_next = x.strides()[c.axis],
              .y_next = y.strides()[c.axis],
              .x_column = inner.strides[0],
              .y_column = inner.strides[1]};
  nest.for_each_plane([&](const auto& at) {
    for (Dim row = 0; row < outer.extent; ++row)
      for (Dim i = 0; i < inner.extent; i += tile) {
        lines.columns = std::min(tile, inner.extent - i);
        cumulate(kernels, c, lines, from + at[0] + row * outer.strides[0] + i * inner.strides[0],
                 to + at[1] + row * outer.strides[1] + i * inner.strides[1], reinterpret_cast<Joined<T>*>(scratch));
      }
  });
}

inline void cumulative(const Node& node, Inputs in, Outputs out) {
  const Cumulation c = cumulation_of(node, in[0].shape(), integers_of(in[1]));
  visit(in[0].dtype(), [&]<class T>(T) {
    Joined<T> sums[kCumulativeColumns];
    run_cumulative<T>(nullptr, c, in[0], out[0], out[0].held(), reinterpret_cast<std::byte*>(sums));
  });
}

inline std::vector<Step> plan_cumulative(const Node& node, const Types& in, Constants constants,
                                         const PlanContext& context) {
  const Cumulation c = cumulation_of(node, in, constants);
  auto cuts = any_axis(in[0].shape.rank());
  std::erase_if(cuts, [&](const Cut& cut) { return cut.axis == c.axis; });
  return visit(in[0].dtype, [&]<class T>(T) {
    return in_each_layout(
        2, 1,
        {.kernel = "cumulative",
         .cuts = cuts,
         .scratch_bytes = sizeof(Joined<T>) * static_cast<std::size_t>(kCumulativeColumns),
         .nanoseconds = kScatterSlowdown * pass_nanoseconds(2 * in[0].bytes()),
         .in_place = 0,
         .needed =
             [in, axis = c.axis](const Box& output) {
               Box box = output;
               box[axis] = {0, in[0].shape[axis]};
               return std::vector<Box>{box, Box(in[1].shape)};
             },
         .run = [c, kernels = context.kernels.reduce](
                    Inputs x, Outputs y, const Box& box,
                    std::byte* scratch) { run_cumulative<T>(&kernels, c, x[0], y[0], box, scratch); }});
  });
}

inline std::vector<Case> cumulative_cases(const std::string& op) {
  const auto with = [&](TensorType x, std::int64_t axis, Dim exclusive = 0, Dim reverse = 0) {
    return Case{
        op, {{"exclusive", exclusive}, {"reverse", reverse}}, {data(std::move(x)), given(Tensor(Shape{}, {axis}))}};
  };
  const auto floats = [](const Shape& shape) { return TensorType{DType::f32, shape}; };
  return {with(floats({7}), 0),
          with(floats({2, 3, 5, 9}), 3),
          with(floats({2, 19, 3, 5}), 1, 1),
          with(floats({2, 3, 5, 7}), -2, 0, 1),
          with(floats({4, 3}), 0, 1, 1),
          with(floats({2, 0, 3}), 1),
          with(floats({3, 300}), 0, 1, 1),
          with(floats({1, 5, 2, 3, 9}), 1, 0, 1),
          {op, {}, {data({3, 4}), given(Tensor({1}, {std::int32_t{-2}}))}},
          with({DType::f16, {2, 5, 3}}, 1),
          with({DType::bf16, {2, 5}}, 1, 1),
          with({DType::i32, {3, 17}}, 1),
          with({DType::i64, {3, 4, 2}}, 0, 0, 1)};
}
inline std::vector<Case> cum_sum_cases() { return cumulative_cases("CumSum"); }
inline std::vector<Case> cum_prod_cases() { return cumulative_cases("CumProd"); }

inline constexpr OpDef kCumulative[] = {
    {.name = "CumSum",
     .infer = cumulative_type,
     .needed = whole_inputs,
     .reference = cumulative,
     .plan = plan_cumulative,
     .tolerance = exact,
     .cases = cum_sum_cases,
     .of_contents = 2},
    {.name = "CumProd",
     .infer = cumulative_type,
     .needed = whole_inputs,
     .reference = cumulative,
     .plan = plan_cumulative,
     .tolerance = exact,
     .cases = cum_prod_cases,
     .of_contents = 2},
};

}  // namespace coverslip::inline v0::ops
