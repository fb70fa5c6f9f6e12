// MaxPool, AveragePool and LpPool over any number of spatial axes; fast for one to three.
#pragma once
#include <array>
#include <cmath>

#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/in_f32.hpp"
#include "coverslip/ops/windows/peak_place.hpp"
#include "coverslip/ops/windows/pooling.hpp"

namespace coverslip::inline v0::ops {

inline constexpr double kNarrowShare = 0.6;  // of the time of a pool, where its values are narrow

inline Types pool_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  const bool max = node.op == "MaxPool";
  if (!max || (in[0].dtype != DType::i8 && in[0].dtype != DType::u8)) want_types(node, in, 0, kFloats);
  const Shape y = Pooling(node, in[0].shape).output(node);
  y.elements();
  Types types{{in[0].dtype, y}};
  if (max && node.outputs.size() > 1) types.push_back({DType::i64, y});
  return types;
}

inline std::vector<Box> pool_needed(const Node& node, const Types& in, const Box& output) {
  return {Pooling(node, in[0].shape).needed(output)};
}

inline void max_pool(const Node& node, Inputs in, Outputs out) {
  const Pooling pooling(node, in[0].shape());
  const PlaceRule places(node, in[0].shape());
  visit(out[0].dtype(), [&]<class T>(T) {
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      for_each(out[0].held(), [&](const Index& y) {
        Peak<T> peak;
        for_each_tap(pooling, y, [&](const Index& x) { peak.add(*in[0].as<T>(x), places.place(x)); });
        *out[0].as<T>(y) = peak.most;
        if (out.size() > 1) *out[1].as<std::int64_t>(y) = peak.place;
      });
    }
  });
}

inline void average_pool(const Node& node, Inputs in, Outputs out) {
  const Pooling pooling(node, in[0].shape());
  for_each(out[0].held(), [&](const Index& y) {
    double sum = 0, count = 1;
    for_each_tap(pooling, y, [&](const Index& x) { sum += double{*in[0].as<float>(x)}; });
    for (std::size_t i = 0; i < pooling.axes; ++i) count *= static_cast<double>(pooling.counted(i, y[i + 2]));
    *out[0].as<float>(y) = static_cast<float>(sum / std::max(count, 1.0));
  });
}

inline double norm_power(const Node& node) {
  const Dim p = node.attr<Dim>("p", 2);
  if (p < 1) throw Error(Errc::BadModel, node.label(), "attribute 'p' is ", p, ", wants 1 or more");
  return static_cast<double>(p);
}

inline void lp_pool(const Node& node, Inputs in, Outputs out) {
  const Pooling pooling(node, in[0].shape());
  const double p = norm_power(node);
  for_each(out[0].held(), [&](const Index& y) {
    double sum = 0;
    for_each_tap(pooling, y, [&](const Index& x) { sum += std::pow(std::abs(double{*in[0].as<float>(x)}), p); });
    *out[0].as<float>(y) = static_cast<float>(std::pow(sum, 1 / p));
  });
}

// One row of outputs along the last axis: those in the middle, which have all taps, together.
template <class F>
void for_each_stretch(const Pooling& pooling, const Range& outputs, const F& f) {
  const std::size_t last = pooling.axes - 1;
  const Window& w = pooling.windows[last];
  const Dim room = pooling.input[last + 2] - w.reach() + w.before;
  const Dim first = std::clamp((w.before + w.stride - 1) / w.stride, outputs.begin, outputs.end);
  const Dim end = room < 0 ? first : std::clamp(room / w.stride + 1, first, outputs.end);
  for (Dim o = outputs.begin; o < first; ++o) f(Range{o, o + 1});
  if (end > first) f(Range{first, end});
  for (Dim o = end; o < outputs.end; ++o) f(Range{o, o + 1});
}

// What the outputs of a stretch have in common.
struct PoolWork {
  Index to, from;  // the first output, and its first tap
  PoolTaps taps{};
  bool any = true;   // there are taps
  double count = 1;  // what an average is divided by
};

// Calls f(work, pixels) for each stretch of the box; `together`: for all channels at once.
template <class F>
void for_each_pool_work(const Pooling& pooling, const View& x, bool together, const Box& box, const F& f) {
  if (box.shape().elements() == 0) return;
  const std::size_t axes = pooling.axes, last = axes + 1;
  Box heads = box;
  heads[last].end = heads[last].begin + 1;
  if (together) heads[1].end = heads[1].begin + 1;
  for_each(heads, [&](const Index& head) {
    for_each_stretch(pooling, box[last], [&](const Range& stretch) {
      PoolWork work{.to = head, .from = head};
      work.to[last] = stretch.begin;
      for (std::size_t i = 0; i < axes; ++i) {
        const Dim o = work.to[i + 2];
        const Range inside = pooling.inside(i, o);
        work.taps.counts[i + 3 - axes] = static_cast<std::size_t>(inside.extent());
        work.taps.steps[i + 3 - axes] = x.strides()[i + 2] * pooling.windows[i].dilation;
        work.from[i + 2] = pooling.windows[i].place(o, inside.begin);
        work.any = work.any && inside.extent() > 0;
        work.count *= static_cast<double>(pooling.counted(i, o));
      }
      if (!work.any) work.taps.counts = {0, 0, 0};
      f(work, static_cast<std::size_t>(stretch.extent()));
    });
  });
}

inline void run_pool(const PoolKernel& kernel, const Pooling& pooling, const View& x, View& y, const Box& box) {
  const std::size_t last = pooling.axes + 1;
  const bool together = y.strides()[1] == 1 && x.strides()[1] == 1;
  PoolRow row{.channels = together ? static_cast<std::size_t>(box[1].extent()) : 1,
              .x_step = x.strides()[last] * pooling.windows[pooling.axes - 1].stride,
              .y_step = y.strides()[last]};
  for_each_pool_work(pooling, x, together, box, [&](const PoolWork& work, std::size_t pixels) {
    row.pixels = pixels;
    const auto divisor = static_cast<float>(std::max(work.count, 1.0));
    if (x.dtype() == DType::bf16)
      return kernel.narrow(work.any ? x.at(work.from) : y.at(work.to), y.at(work.to), work.taps, row, divisor);
    const float* source = work.any ? x.as<float>(work.from) : y.as<float>(work.to);  // not read without taps
    kernel.run(source, y.as<float>(work.to), work.taps, row, divisor);
  });
}

// With the output Indices.
inline void run_max_pool_places(const PoolKernels& kernels, const Pooling& pooling, const PlaceRule& places,
                                Layout layout, const View& x, Outputs y, const Box& box) {
  const std::size_t axes = pooling.axes, last = axes + 1;
  const bool together = layout == Layout::ChannelsLast;
  const Dim stride = pooling.windows[axes - 1].stride;
  PoolPlaces row{.n = together ? static_cast<std::size_t>(box[1].extent()) : 1};
  row.x_step = together ? 1 : stride * x.strides()[last];
  row.place_step = together ? places.steps[1] : stride * places.steps[last];
  for (std::size_t i = 0; i < axes; ++i)
    row.tap_steps[i + 3 - axes] = static_cast<std::int32_t>(pooling.windows[i].dilation * places.steps[i + 2]);
  for_each_pool_work(pooling, x, together, box, [&](PoolWork work, std::size_t pixels) {
    if (!together) row.n = pixels;
    for (std::size_t pixel = 0; pixel < (together ? pixels : 1); ++pixel) {
      float* to = y[0].as<float>(work.to);
      row.first = places.place(work.from);
      kernels.max_places(work.any ? x.as<float>(work.from) : to, to, y[1].as<std::int64_t>(work.to), work.taps, row);
      ++work.to[last];
      work.from[last] += stride;
    }
  });
}

// The kernel of a pooling operator; null: there is none.
inline const PoolKernel* pool_kernel(const Node& node, const PoolKernels& kernels) {
  if (node.op.ends_with("MaxPool")) return &kernels.max;
  if (node.op.ends_with("AveragePool")) return &kernels.average;
  const double p = norm_power(node);
  return p == 1 ? &kernels.absolute : p == 2 ? &kernels.norm : nullptr;
}

// MaxPool with Indices, or of integers.
inline std::vector<Step> max_pool_places_steps(const Node& node, const Types& in, Step step, double reads,
                                               const PlanContext& context) {
  const Pooling pooling(node, in[0].shape);
  const PlaceRule places(node, in[0].shape);
  step.kernel = "max_pool_places";
  const bool vectors = in[0].dtype == DType::f32 && node.outputs.size() > 1 &&
                       places.steps[1] <= std::numeric_limits<std::int32_t>::max();
  if (!vectors) {
    step.nanoseconds += 20 * reads;  // one number at a time
    step.run = [pooling, places](Inputs x, Outputs y, const Box& box, std::byte*) {
      run_max_pool_places(pooling, places, x[0], y, box);
    };
    return in_each_layout(1, node.outputs.size(), std::move(step));
  }
  auto candidates = in_each_layout(1, node.outputs.size(), std::move(step));
  for (Step& candidate : candidates) {
    const Layout layout = candidate.outputs[0];
    candidate.nanoseconds += (layout == Layout::Planar ? 4 : 2) * reads;
    candidate.run = [kernels = context.kernels.pool, pooling, places, layout](Inputs x, Outputs y, const Box& box,
                                                                              std::byte*) {
      run_max_pool_places(kernels, pooling, places, layout, x[0], y, box);
    };
  }
  return candidates;
}

inline std::vector<Step> plan_pool(const Node& node, const Types& in, Constants constants, const PlanContext& context) {
  const Pooling pooling(node, in[0].shape);
  const PoolKernel* kernel = pool_kernel(node, context.kernels.pool);
  if (pooling.axes > 3 || is_half(in[0].dtype)) return {};
  const TensorType type = pool_type(node, in, constants)[0];
  const double reads =
      static_cast<double>(type.bytes()) * static_cast<double>(pooling.terms()) / (2.5 * kBytesPerNanosecond);
  Step step;
  step.cuts = {{0}};
  step.nanoseconds = pass_nanoseconds(in[0].bytes() + type.bytes()) + reads;
  for (std::size_t axis = 2; axis < type.shape.rank(); ++axis) step.cuts.push_back({axis});
  step.cuts.push_back({1});
  if (in[0].dtype != DType::f32 || node.outputs.size() > 1)
    return max_pool_places_steps(node, in, step, reads, context);
  if (kernel == nullptr) return {};
  step.kernel = node.op == "MaxPool" ? "max_pool" : node.op == "LpPool" ? "lp_pool" : "average_pool";
  step.run = [kernel = *kernel, pooling](Inputs x, Outputs y, const Box& box, std::byte*) {
    run_pool(kernel, pooling, x[0], y[0], box);
  };
  auto candidates = in_each_layout(1, 1, std::move(step));
  // Planar: vectors run along a row, but for its ends, and a stride takes them apart.
  candidates[0].nanoseconds += (pooling.windows[pooling.axes - 1].stride > 2 ? 8 : 2) * reads;
  if (context.bf16 && kernel->narrow != nullptr) {
    candidates.push_back(with_narrow(candidates[1], true, true));
    candidates.back().nanoseconds *= kNarrowShare;
  }
  return candidates;
}

// One rounding a term, one for the quotient, one for the reference.
inline double average_tolerance(double terms) { return (terms + 2) * 0x1p-24; }
inline double average_pool_tolerance(const Node& node, const Types& in) {
  return average_tolerance(static_cast<double>(Pooling(node, in[0].shape).terms()));
}

inline double lp_pool_tolerance(const Node& node, const Types& in) {
  return average_tolerance(static_cast<double>(Pooling(node, in[0].shape).terms()) + 2);
}

inline std::vector<Case> pool_cases(std::string_view op) {
  using List = std::vector<Dim>;
  struct Row {
    Shape x;
    List kernel, strides, pads, dilations;
    Dim ceil = 0;
    bool bench = false;
  };
  const Row rows[] = {{{1, 19, 7, 9}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}},
                      {{2, 5, 6, 8}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
                      {{1, 65, 6, 7}, {2, 3}, {1, 2}, {1, 0, 0, 2}, {1, 1}, 1},
                      {{1, 3, 9, 10}, {3, 2}, {2, 3}, {2, 1, 0, 1}, {2, 3}, 1},
                      {{2, 17, 11}, {4}, {3}, {1, 2}, {1}},
                      {{1, 4, 5, 6, 7}, {2, 3, 2}, {2, 1, 2}, {0, 1, 1, 1, 1, 0}, {1, 1, 1}},
                      {{1, 2, 1, 1}, {2, 2}, {1, 1}, {1, 1, 1, 1}, {2, 2}},  // windows without a tap
                      {{0, 2, 4, 4}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
                      {{1, 2, 5, 41}, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
                      {{1, 2, 4, 37}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
                      {{1, 64, 112, 112}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 0, true},
                      {{1, 64, 112, 112}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}, 0, true}};
  std::vector<Case> cases;
  for (const Row& r : rows)
    cases.push_back({std::string(op),
                     {{"kernel_shape", r.kernel},
                      {"strides", r.strides},
                      {"pads", r.pads},
                      {"dilations", r.dilations},
                      {"ceil_mode", r.ceil}},
                     {data(r.x)},
                     r.bench});
  for (const char* rule : {"SAME_UPPER", "SAME_LOWER", "VALID"})
    cases.push_back({std::string(op),
                     {{"kernel_shape", List{3, 2}}, {"strides", List{2, 2}}, {"auto_pad", std::string(rule)}},
                     {data({1, 6, 7, 6})}});
  for (const DType dtype : {DType::f16, DType::bf16})
    cases.push_back({std::string(op), {{"kernel_shape", List{2}}}, {data(TensorType{dtype, {1, 3, 5}})}});
  return cases;
}

inline std::vector<Case> max_pool_cases() {
  auto cases = pool_cases("MaxPool");
  for (Case c : pool_cases("MaxPool"))
    for (const Dim order : {0, 1}) {
      c.attributes["storage_order"] = order;
      c.outputs = 2;
      if (!c.bench) cases.push_back(c);
    }
  for (const DType dtype : {DType::u8, DType::i8})
    cases.push_back({"MaxPool", {{"kernel_shape", std::vector<Dim>{2, 2}}}, {data(TensorType{dtype, {1, 2, 3, 4}})}});
  return cases;
}
inline std::vector<Case> average_pool_cases() {
  auto cases = pool_cases("AveragePool");
  for (Case c : pool_cases("AveragePool")) {
    c.attributes["count_include_pad"] = Dim{1};
    if (!c.bench) cases.push_back(std::move(c));
  }
  return cases;
}
inline std::vector<Case> lp_pool_cases() {
  auto cases = pool_cases("LpPool");
  for (Case c : pool_cases("LpPool"))
    for (const Dim p : {1, 3}) {
      c.attributes["p"] = p;
      if (!c.bench) cases.push_back(c);
    }
  return cases;
}

inline constexpr OpDef kPooling[] = {
    {.name = "MaxPool",
     .infer = pool_type,
     .needed = pool_needed,
     .reference = in_f32<max_pool>,
     .plan = plan_pool,
     .tolerance = exact,
     .cases = max_pool_cases,
     .expand = planned_in_f32<pool_type>},
    {.name = "AveragePool",
     .infer = pool_type,
     .needed = pool_needed,
     .reference = in_f32<average_pool>,
     .plan = plan_pool,
     .tolerance = average_pool_tolerance,
     .cases = average_pool_cases,
     .expand = planned_in_f32<pool_type>},
    {.name = "LpPool",
     .infer = pool_type,
     .needed = pool_needed,
     .reference = in_f32<lp_pool>,
     .plan = plan_pool,
     .tolerance = lp_pool_tolerance,
     .cases = lp_pool_cases,
     .expand = planned_in_f32<pool_type>},
};

}  // namespace coverslip::inline v0::ops
