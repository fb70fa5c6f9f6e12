// GlobalAveragePool: the mean of each channel over all spatial axes.
#pragma once
#include "coverslip/ops/windows/pool.hpp"

namespace coverslip::inline v0::ops {

inline Types global_pool_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  want_dtype(node, in, DType::f32);
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

inline void global_average_pool(const Node&, Inputs in, Outputs out) {
  const double n = spatial_elements(in[0].shape());
  for_each(out[0].held(), [&](const Index& at) {
    Box places = in[0].held();
    places[0] = {at[0], at[0] + 1};
    places[1] = {at[1], at[1] + 1};
    double sum = 0;
    for_each(places, [&](const Index& x) { sum += double{*in[0].as<float>(x)}; });
    *out[0].as<float>(at) = static_cast<float>(sum / n);
  });
}

inline void run_global_pool(const PoolKernels& kernels, Layout layout, const View& x, View& y, const Box& box) {
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
    if (layout == Layout::Planar)
      *y.as<float>(at) = kernels.sum_side_by_side(x.as<float>(at), taps) / n;
    else
      kernels.average(x.as<float>(at), y.as<float>(at), taps, {.channels = static_cast<std::size_t>(box[1].extent())},
                      n);
  });
}

inline std::vector<Step> plan_global_pool(const Node&, const Types& in, Constants, const PlanContext& context) {
  if (in[0].shape.rank() > 5) return {};
  constexpr Dim kLine = 16;    // channels in a cache line
  constexpr double kRow = 20;  // nanoseconds that each sum costs, however short it is
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts) {
    const bool planar = layout == Layout::Planar;
    const double rows = planar ? static_cast<double>(in[0].shape[0]) * static_cast<double>(in[0].shape[1]) : 0;
    candidates.push_back(
        {.kernel = "global_average_pool",
         .inputs = {{layout}},
         .outputs = {layout},
         .cuts = {{0}, {1, planar ? 1 : kLine}},
         .nanoseconds = pass_nanoseconds(in[0].bytes()) + kRow * rows,
         .run = [kernels = context.kernels.pool, layout](Inputs x, Outputs y, const Box& box, std::byte*) {
           run_global_pool(kernels, layout, x[0], y[0], box);
         }});
  }
  return candidates;
}

inline double global_pool_tolerance(const Node&, const Types& in) {
  return average_tolerance(spatial_elements(in[0].shape));
}

inline std::vector<Case> global_pool_cases() {
  return {
      {"GlobalAveragePool", {}, {data({2, 19, 5, 7})}},    {"GlobalAveragePool", {}, {data({1, 67, 1, 1})}},
      {"GlobalAveragePool", {}, {data({1, 3, 2, 35})}},    {"GlobalAveragePool", {}, {data({2, 5, 33})}},
      {"GlobalAveragePool", {}, {data({1, 3, 3, 4, 18})}}, {"GlobalAveragePool", {}, {data({1, 2048, 7, 7})}, true}};
}

inline constexpr OpDef kGlobalPool[] = {
    {.name = "GlobalAveragePool",
     .infer = global_pool_type,
     .needed = global_pool_needed,
     .reference = global_average_pool,
     .plan = plan_global_pool,
     .tolerance = global_pool_tolerance,
     .cases = global_pool_cases},
};

}  // namespace coverslip::inline v0::ops
