// GlobalAveragePool, GlobalMaxPool and GlobalLpPool: one number of each channel over all spatial axes.
#pragma once
#include "coverslip/ops/windows/pool.hpp"

namespace coverslip::inline v0::ops {

inline Types global_pool_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  want_types(node, in, 0, kFloats);
  Shape y = in[0].shape;
  if (y.rank() < 3) throw Error(Errc::BadShape, node.label(), "input is ", y, ", N x C x ... wanted");
  for (std::size_t axis = 2; axis < y.rank(); ++axis) {
    if (y[axis] < 1) throw Error(Errc::BadShape, node.label(), "input ", y, " has no elements along axis ", axis);
    y[axis] = 1;
  }
  return {{in[0].dtype, y}};
}

inline std::vector<Box> global_pool_needed(const Node&, const Types& in, const Box& output) {
  Box box(in[0].shape);
  box[0] = output[0];
  box[1] = output[1];
  return {box};
}

inline double spatial_elements(const Shape& x) {
  double n = 1;
  for (std::size_t axis = 2; axis < x.rank(); ++axis) n *= static_cast<double>(x[axis]);
  return n;
}

// f(x) for each element of a channel.
template <class F>
void for_each_of_channel(const View& x, const Index& y, const F& f) {
  Box places = x.held();
  for (const std::size_t axis : {0, 1}) places[axis] = {y[axis], y[axis] + 1};
  for_each(places, [&](const Index& at) { f(*x.as<float>(at)); });
}

inline void global_average_pool(const Node&, Inputs in, Outputs out) {
  const double n = spatial_elements(in[0].shape());
  for_each(out[0].held(), [&](const Index& at) {
    double sum = 0;
    for_each_of_channel(in[0], at, [&](float x) { sum += double{x}; });
    *out[0].as<float>(at) = static_cast<float>(sum / n);
  });
}

inline void global_max_pool(const Node&, Inputs in, Outputs out) {
  for_each(out[0].held(), [&](const Index& at) {
    Peak<float> peak;
    for_each_of_channel(in[0], at, [&](float x) { peak.add(x, 0); });
    *out[0].as<float>(at) = peak.most;
  });
}

inline void global_lp_pool(const Node& node, Inputs in, Outputs out) {
  const double p = norm_power(node);
  for_each(out[0].held(), [&](const Index& at) {
    double sum = 0;
    for_each_of_channel(in[0], at, [&](float x) { sum += std::pow(std::abs(double{x}), p); });
    *out[0].as<float>(at) = static_cast<float>(std::pow(sum, 1 / p));
  });
}

// What becomes of the sum of a channel that lies side by side.
enum class PoolFinish : std::uint8_t { None, Quotient, Root };

inline void run_global_pool(const PoolKernel& kernel, PoolFinish finish, Layout layout, const View& x, View& y,
                            const Box& box) {
  if (box.shape().elements() == 0) return;
  const std::size_t axes = box.rank() - 2;
  PoolTaps taps;
  for (std::size_t i = 0; i < axes; ++i) {
    taps.counts[i + 3 - axes] = static_cast<std::size_t>(x.shape()[i + 2]);
    taps.steps[i + 3 - axes] = x.strides()[i + 2];
  }
  const auto n = static_cast<float>(spatial_elements(x.shape()));
  Box heads = box;
  if (layout == Layout::ChannelsLast) heads[1].end = heads[1].begin + 1;
  for_each(heads, [&](const Index& at) {
    if (y.dtype() == DType::bf16)
      return kernel.narrow(x.at(at), y.at(at), taps, {.channels = static_cast<std::size_t>(box[1].extent())}, n);
    float* to = y.as<float>(at);
    if (layout == Layout::ChannelsLast)
      return kernel.run(x.as<float>(at), to, taps, {.channels = static_cast<std::size_t>(box[1].extent())}, n);
    *to = kernel.side_by_side(x.as<float>(at), taps);
    if (finish == PoolFinish::Quotient) *to /= n;
    if (finish == PoolFinish::Root) *to = std::sqrt(*to);
  });
}

inline std::vector<Step> plan_global_pool(const Node& node, const Types& in, Constants, const PlanContext& context) {
  const PoolKernel* kernel = pool_kernel(node, context.kernels.pool);
  if (in[0].shape.rank() > 5 || kernel == nullptr || in[0].dtype != DType::f32) return {};
  const PoolFinish finish = node.op == "GlobalAveragePool"         ? PoolFinish::Quotient
                            : kernel == &context.kernels.pool.norm ? PoolFinish::Root
                                                                   : PoolFinish::None;
  constexpr Dim kLine = 16;    // channels in a cache line
  constexpr double kRow = 20;  // nanoseconds that each sum costs, however short it is
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts) {
    const bool planar = layout == Layout::Planar;
    const double rows = planar ? static_cast<double>(in[0].shape[0]) * static_cast<double>(in[0].shape[1]) : 0;
    candidates.push_back({.kernel = "global_pool",
                          .inputs = {{layout}},
                          .outputs = {layout},
                          .cuts = {{0}, {1, planar ? 1 : kLine}},
                          .nanoseconds = pass_nanoseconds(in[0].bytes()) + kRow * rows,
                          .run = [kernel = *kernel, finish, layout](Inputs x, Outputs y, const Box& box, std::byte*) {
                            run_global_pool(kernel, finish, layout, x[0], y[0], box);
                          }});
  }
  if (context.bf16 && kernel->narrow != nullptr) {
    candidates.push_back(with_narrow(candidates[1], true, true));
    candidates.back().nanoseconds *= kNarrowShare;
  }
  return candidates;
}

inline double global_pool_tolerance(const Node&, const Types& in) {
  return average_tolerance(spatial_elements(in[0].shape) + 2);
}

inline std::vector<Case> global_pool_cases(std::string_view op) {
  const std::string name(op);
  return {{name, {}, {data({2, 19, 5, 7})}},
          {name, {}, {data({1, 67, 1, 1})}},
          {name, {}, {data({1, 3, 2, 35})}},
          {name, {}, {data({2, 5, 33})}},
          {name, {}, {data({1, 3, 3, 4, 18})}},
          {name, {}, {data({0, 3, 4})}},
          {name, {}, {data(TensorType{DType::f16, {1, 3, 2, 5}})}},
          {name, {}, {data(TensorType{DType::bf16, {2, 3, 4}})}},
          {name, {}, {data({1, 2048, 7, 7})}, true}};
}
inline std::vector<Case> global_average_pool_cases() { return global_pool_cases("GlobalAveragePool"); }
inline std::vector<Case> global_max_pool_cases() { return global_pool_cases("GlobalMaxPool"); }
inline std::vector<Case> global_lp_pool_cases() {
  auto cases = global_pool_cases("GlobalLpPool");
  for (const Dim p : {1, 3}) cases.push_back({"GlobalLpPool", {{"p", p}}, {data({2, 19, 5, 7})}});
  return cases;
}

inline constexpr OpDef kGlobalPool[] = {
    {.name = "GlobalAveragePool",
     .infer = global_pool_type,
     .needed = global_pool_needed,
     .reference = in_f32<global_average_pool>,
     .plan = plan_global_pool,
     .tolerance = global_pool_tolerance,
     .cases = global_average_pool_cases,
     .expand = planned_in_f32<global_pool_type>},
    {.name = "GlobalMaxPool",
     .infer = global_pool_type,
     .needed = global_pool_needed,
     .reference = in_f32<global_max_pool>,
     .plan = plan_global_pool,
     .tolerance = exact,
     .cases = global_max_pool_cases,
     .expand = planned_in_f32<global_pool_type>},
    {.name = "GlobalLpPool",
     .infer = global_pool_type,
     .needed = global_pool_needed,
     .reference = in_f32<global_lp_pool>,
     .plan = plan_global_pool,
     .tolerance = global_pool_tolerance,
     .cases = global_lp_pool_cases,
     .expand = planned_in_f32<global_pool_type>},
};

}  // namespace coverslip::inline v0::ops
