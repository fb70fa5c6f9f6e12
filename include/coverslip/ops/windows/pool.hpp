// MaxPool, AveragePool and GlobalAveragePool over any number of spatial axes; fast for one to three.
#pragma once
#include <array>

#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/window.hpp"

namespace coverslip::inline v0::ops {

// The windows of the spatial axes.
struct Pooling {
  std::size_t axes = 0;
  std::array<Window, kMaxRank - 2> windows{};
  Shape input;
  bool count_padding = false;

  Pooling(const Node& node, const Shape& x) : axes(x.rank() < 3 ? 0 : x.rank() - 2), input(x) {
    if (axes == 0) throw Error(Errc::BadShape, node.label(), "input is ", x, ", N x C x ... wanted");
    const auto kernel = node.attr("kernel_shape", std::vector<Dim>());
    if (kernel.size() != axes)
      throw Error(Errc::BadModel, node.label(), "kernel_shape has ", kernel.size(), " numbers, input ", x, " wants ",
                  axes);
    for (std::size_t i = 0; i < axes; ++i) {
      windows[i] = window_of(node, i, axes, kernel[i], x[i + 2]);
      windows[i].ceil = node.attr<Dim>("ceil_mode", 0) != 0;
    }
    count_padding = node.attr<Dim>("count_include_pad", 0) != 0;
  }

  Shape output(const Node& node) const {
    Shape y = input;
    for (std::size_t i = 0; i < axes; ++i) {
      y[i + 2] = windows[i].outputs(input[i + 2]);
      if (y[i + 2] < 1)
        throw Error(Errc::BadShape, node.label(), "the window reaches over ", windows[i].reach(), " elements of axis ",
                    i + 2, ", the padded input ", input, " has fewer");
    }
    return y;
  }
  Box needed(const Box& y) const {
    Box x = y;
    for (std::size_t i = 0; i < axes; ++i) x[i + 2] = windows[i].needed(y[i + 2], input[i + 2]);
    return x;
  }
  Range inside(std::size_t i, Dim output) const { return windows[i].inside(output, input[i + 2]); }
  // What an average along spatial axis i is divided by: padding may count, what ceil_mode adds beyond it never does.
  Dim counted(std::size_t i, Dim output) const {
    const Window& w = windows[i];
    if (!count_padding) return inside(i, output).extent();
    const Dim room = input[i + 2] + w.after - w.place(output, 0);
    return std::min(w.taps, (room + w.dilation - 1) / w.dilation);
  }
  Dim terms() const {
    Dim n = 1;
    for (std::size_t i = 0; i < axes; ++i) n = std::min<Dim>(n * windows[i].taps, Dim{1} << 40);
    return n;
  }
};

inline Types pool_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  const bool max = node.op == "MaxPool";
  if (!max || (in[0].dtype != DType::i8 && in[0].dtype != DType::u8)) want_dtype(node, in, DType::f32);
  if (node.outputs.size() > 1) throw Error(Errc::Unsupported, node.label(), "the output Indices is not supported");
  const Shape y = Pooling(node, in[0].shape).output(node);
  y.elements();
  return {{in[0].dtype, y}};
}

inline std::vector<Box> pool_needed(const Node& node, const Types& in, const Box& output) {
  return {Pooling(node, in[0].shape).needed(output)};
}

// Calls f(place in the input) for each tap of a window that lies inside, last axis fastest.
template <class F>
void for_each_tap(const Pooling& pooling, const Index& y, const F& f) {
  Box taps(pooling.axes, Range{});
  for (std::size_t i = 0; i < pooling.axes; ++i) taps[i] = pooling.inside(i, y[i + 2]);
  for_each(taps, [&](const Index& tap) {
    Index x = y;
    for (std::size_t i = 0; i < pooling.axes; ++i) x[i + 2] = pooling.windows[i].place(y[i + 2], tap[i]);
    f(x);
  });
}

inline void max_pool(const Node& node, Inputs in, Outputs out) {
  const Pooling pooling(node, in[0].shape());
  visit(out[0].dtype(), [&]<class T>(T) {
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      using Limits = std::numeric_limits<T>;
      for_each(out[0].held(), [&](const Index& y) {
        T most = Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
        for_each_tap(pooling, y, [&](const Index& x) {
          const T value = *in[0].as<T>(x);
          if (most < value || value != value) most = value;  // NaN stays, as no comparison with it is true
        });
        *out[0].as<T>(y) = most;
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

inline void run_pool(const PoolKernels& kernels, bool max, const Pooling& pooling, const View& x, View& y,
                     const Box& box) {
  if (box.shape().elements() == 0) return;
  const std::size_t axes = pooling.axes, last = axes + 1;
  const bool side_by_side = y.strides()[1] == 1 && x.strides()[1] == 1;
  PoolRow row{.channels = side_by_side ? static_cast<std::size_t>(box[1].extent()) : 1,
              .x_step = x.strides()[last] * pooling.windows[axes - 1].stride,
              .y_step = y.strides()[last]};
  Box heads = box;
  heads[last].end = heads[last].begin + 1;
  if (side_by_side) heads[1].end = heads[1].begin + 1;
  for_each(heads, [&](const Index& head) {
    for_each_stretch(pooling, box[last], [&](const Range& stretch) {
      Index to = head, from = head;
      to[last] = stretch.begin;
      PoolTaps taps;
      double count = 1;
      bool any = true;
      for (std::size_t i = 0; i < axes; ++i) {
        const Range inside = pooling.inside(i, to[i + 2]);
        taps.counts[i + 3 - axes] = static_cast<std::size_t>(inside.extent());
        taps.steps[i + 3 - axes] = x.strides()[i + 2] * pooling.windows[i].dilation;
        from[i + 2] = pooling.windows[i].place(to[i + 2], inside.begin);
        any = any && inside.extent() > 0;
        count *= static_cast<double>(pooling.counted(i, to[i + 2]));
      }
      if (!any) taps.counts = {0, 0, 0};
      row.pixels = static_cast<std::size_t>(stretch.extent());
      const float* source = any ? x.as<float>(from) : y.as<float>(to);  // not read without taps
      if (max)
        kernels.max(source, y.as<float>(to), taps, row);
      else
        kernels.average(source, y.as<float>(to), taps, row, static_cast<float>(std::max(count, 1.0)));
    });
  });
}

inline std::vector<Step> plan_pool(const Node& node, const Types& in, Constants constants, const PlanContext& context) {
  const Pooling pooling(node, in[0].shape);
  if (in[0].dtype != DType::f32 || pooling.axes > 3) return {};
  const TensorType type = pool_type(node, in, constants)[0];
  const bool max = node.op == "MaxPool";
  const double reads =
      static_cast<double>(type.bytes()) * static_cast<double>(pooling.terms()) / (8 * kBytesPerNanosecond);
  Step step{.kernel = max ? "max_pool" : "average_pool",
            .cuts = {{0}},
            .nanoseconds = pass_nanoseconds(in[0].bytes() + type.bytes()) + reads,
            .run = [kernels = context.kernels.pool, max, pooling](Inputs x, Outputs y, const Box& box, std::byte*) {
              run_pool(kernels, max, pooling, x[0], y[0], box);
            }};
  for (std::size_t axis = 2; axis < type.shape.rank(); ++axis) step.cuts.push_back({axis});
  step.cuts.push_back({1});
  auto candidates = in_each_layout(1, 1, std::move(step));
  candidates[0].nanoseconds += 20 * reads;  // planar: one number at a time
  return candidates;
}

// One rounding a term, one for the quotient, one for the reference.
inline double average_tolerance(double terms) { return (terms + 2) * 0x1p-24; }
inline double average_pool_tolerance(const Node& node, const Types& in) {
  return average_tolerance(static_cast<double>(Pooling(node, in[0].shape).terms()));
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
  return cases;
}

inline std::vector<Case> max_pool_cases() {
  auto cases = pool_cases("MaxPool");
  cases.push_back({"MaxPool", {{"kernel_shape", std::vector<Dim>{2, 2}}}, {data(TensorType{DType::u8, {1, 2, 3, 4}})}});
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

inline constexpr OpDef kPooling[] = {
    {.name = "MaxPool",
     .infer = pool_type,
     .needed = pool_needed,
     .reference = max_pool,
     .plan = plan_pool,
     .tolerance = exact,
     .cases = max_pool_cases},
    {.name = "AveragePool",
     .infer = pool_type,
     .needed = pool_needed,
     .reference = average_pool,
     .plan = plan_pool,
     .tolerance = average_pool_tolerance,
     .cases = average_pool_cases},
};

}  // namespace coverslip::inline v0::ops
