// ArgMax and ArgMin: where the most or the least along an axis stands.
#pragma once
#include "coverslip/ops/chunks.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/elementwise/cast.hpp"
#include "coverslip/ops/nest.hpp"
#include "coverslip/ops/reductions/reduction.hpp"
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

inline Reduction arg_reduction(const Node& node, const Shape& x) {
  return reduction_of(node, x, {node.attr<Dim>("axis", 0)});
}

inline Extreme extreme_of(const Node& node) {
  return {.least = node.op == "ArgMin", .last = node.attr<Dim>("select_last_index", 0) != 0};
}

inline Types arg_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  if (in[0].dtype == DType::boolean) throw Error(Errc::Unsupported, node.label(), "input is bool, numbers wanted");
  const Reduction r = arg_reduction(node, in[0].shape);
  if (r.terms() < 1) throw Error(Errc::BadShape, node.label(), "input ", in[0].shape, " has nothing along the axis");
  return {{DType::i64, r.shape()}};
}

inline std::vector<Box> arg_needed(const Node& node, const Types& in, const Box& output) {
  const Reduction r = arg_reduction(node, in[0].shape);
  return {r.source(r.full(output))};
}

// `x[i * step]` of n numbers. NaN is more than the most and less than the least.
template <class T>
std::int64_t arg_line(const T* x, Dim step, Dim n, const Extreme& which) {
  const auto is_nan = [](T v) {
    if constexpr (std::is_integral_v<T>)
      return false;
    else
      return v != v;
  };
  Dim best = 0;
  for (Dim i = 1; i < n; ++i) {
    const T a = x[best * step], b = x[i * step];
    const bool same = a == b || (is_nan(a) && is_nan(b));
    const bool better = !is_nan(a) && (is_nan(b) || (which.least ? b < a : b > a));
    if (same ? which.last : better) best = i;
  }
  return best;
}

inline void arg_extreme(const Node& node, Inputs in, Outputs out) {
  const Reduction r = arg_reduction(node, in[0].shape());
  const std::size_t axis = axis_in(node, node.attr<Dim>("axis", 0), r.x.rank());
  visit(in[0].dtype(), [&]<class T>(T) {
    for_each_reduced(r, [&](const Index& at, const Box& part) {
      std::vector<std::conditional_t<std::is_integral_v<T>, T, float>> line;
      for_each(part, [&](const Index& i) {
        if constexpr (std::is_integral_v<T>)
          line.push_back(*in[0].as<T>(i));
        else
          line.push_back(convert<float>(*in[0].as<T>(i)));
      });
      if constexpr (!std::is_same_v<T, bool>)
        *out[0].as<std::int64_t>(at) = arg_line(line.data(), 1, part[axis].extent(), extreme_of(node));
    });
  });
}

template <class T>
class ArgRun {
 public:
  ArgRun(const ExtremeKernels& kernels, Reduction r, std::size_t axis, Extreme which, Layout layout)
      : kernels_(kernels), r_(std::move(r)), axis_(axis), which_(which) {
    const auto order = memory_order(layout, r_.x.rank());
    along_ = order[order.rank() - 1] == axis;
  }

  bool along() const { return along_; }

  void operator()(Inputs in, Outputs out, const Box& box, std::byte*) const {
    if (box.shape().elements() == 0) return;
    const Box full = r_.full(box);
    const T* from = in[0].as<T>(r_.source(full).origin());
    auto* to = out[0].as<std::int64_t>(box.origin());
    Nest<2> nest(full.shape(), {in[0].strides(), r_.full(out[0].strides())});
    const bool columns = std::is_same_v<T, float> && !along_;
    if (columns) nest.want_unit_strides();
    const Dim n = r_.x[axis_], step = in[0].strides()[axis_];
    const auto &inner = nest.inner(), &outer = nest.outer();
    nest.for_each_plane([&](const auto& at) {
      for (Dim row = 0; row < outer.extent; ++row) {
        const T* x = from + at[0] + row * outer.strides[0];
        std::int64_t* y = to + at[1] + row * outer.strides[1];
        if constexpr (std::is_same_v<T, float>)
          if (columns) {
            const Rows rows{
                .count = static_cast<std::size_t>(n), .n = static_cast<std::size_t>(inner.extent), .x_step = step};
            kernels_.across(x, rows, y, which_);
            continue;
          }
        for (Dim i = 0; i < inner.extent; ++i) y[i * inner.strides[1]] = one(x + i * inner.strides[0], step, n);
      }
    });
  }

 private:
  std::int64_t one(const T* x, Dim step, Dim n) const {
    if constexpr (std::is_same_v<T, float>)
      return static_cast<std::int64_t>(kernels_.along(x, static_cast<std::size_t>(n), which_));
    else
      return arg_line(x, step, n, which_);
  }

  ExtremeKernels kernels_;
  Reduction r_;
  std::size_t axis_;
  Extreme which_;
  bool along_ = false;
};

inline std::vector<Step> plan_arg(const Node& node, const Types& in, Constants, const PlanContext& context) {
  const Reduction r = arg_reduction(node, in[0].shape);
  const std::size_t axis = axis_in(node, node.attr<Dim>("axis", 0), r.x.rank());
  std::vector<Step> candidates;
  if (is_half(in[0].dtype) || r.x[axis] > std::numeric_limits<std::int32_t>::max()) return {};
  for (const Layout layout : kLayouts)
    visit(in[0].dtype, [&]<class T>(T) {
      if constexpr (std::is_integral_v<T> || std::is_same_v<T, float>) {
        const ArgRun<T> run(context.kernels.extreme, r, axis, extreme_of(node), layout);
        constexpr double kCall = 10, kOne = 1;  // nanoseconds for each result along an axis, for each integer
        const double results = static_cast<double>(r.full().elements());
        const double calls =
            std::is_same_v<T, float> ? (run.along() ? kCall * results : 0) : kOne * static_cast<double>(r.x.elements());
        candidates.push_back({.kernel = run.along() ? "extreme_along" : "extreme_across",
                              .inputs = {{layout}},
                              .outputs = {reduced_layout(r, layout)},
                              .cuts = any_axis(r.shape().rank()),
                              .nanoseconds = pass_nanoseconds(in[0].bytes()) + calls,
                              .run = run});
      }
    });
  return candidates;
}

inline std::vector<Case> arg_cases(const std::string& op) {
  const auto with = [&](const Shape& x, Dim axis, Dim keepdims = 1, Dim last = 0, DType dtype = DType::f32) {
    return Case{
        op, {{"axis", axis}, {"keepdims", keepdims}, {"select_last_index", last}}, {data(TensorType{dtype, x})}};
  };
  std::vector<Case> cases{{op, {}, {data({3, 5})}},
                          with({2, 19, 3, 5}, 1),
                          with({2, 19, 3, 5}, 1, 0, 1),
                          with({2, 3, 5, 37}, -1),
                          with({2, 3, 5, 130}, 3, 0, 1),
                          with({1, 6, 4, 9}, 2),
                          with({5, 3, 17}, 0, 0),
                          with({1, 3, 2, 3, 18}, 1, 0),
                          with({7}, 0, 0),
                          with({2, 0, 3}, 2),
                          with({2, 1, 3}, 1),
                          with({2, 33, 5}, 1, 1, 0, DType::f16)};
  for (const DType dtype : {DType::bf16, DType::i8, DType::u8, DType::i32, DType::i64})
    cases.push_back(with({2, 3, 35}, 2, 0, 1, dtype));
  cases.push_back(with({1, 5, 256, 256}, 1, 0));
  cases.back().bench = true;
  return cases;
}
inline std::vector<Case> arg_max_cases() { return arg_cases("ArgMax"); }
inline std::vector<Case> arg_min_cases() { return arg_cases("ArgMin"); }

inline constexpr OpDef kArg[] = {
    {.name = "ArgMax",
     .infer = arg_type,
     .needed = arg_needed,
     .reference = arg_extreme,
     .plan = plan_arg,
     .tolerance = exact,
     .cases = arg_max_cases,
     .expand = planned_in_f32<arg_type>},
    {.name = "ArgMin",
     .infer = arg_type,
     .needed = arg_needed,
     .reference = arg_extreme,
     .plan = plan_arg,
     .tolerance = exact,
     .cases = arg_min_cases,
     .expand = planned_in_f32<arg_type>},
};

}  // namespace coverslip::inline v0::ops
