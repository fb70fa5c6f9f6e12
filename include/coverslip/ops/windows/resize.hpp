// Resize and Upsample along any axes. Coordinates and weights are worked out in double when planning.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/in_f32.hpp"
#include "coverslip/ops/windows/resize_cases.hpp"
#include "coverslip/ops/windows/resize_run.hpp"

namespace coverslip::inline v0::ops {

// Inputs by name; Upsample has scales alone.
struct ResizeInputs {
  std::size_t roi, scales, sizes;
  explicit ResizeInputs(const Node& node) {
    if (node.op == "Upsample")
      roi = sizes = kMaxRank, scales = 1;
    else
      roi = 1, scales = 2, sizes = 3;
  }
};

// What the inputs hold, empty where absent.
struct ResizeNumbers {
  std::vector<float> roi, scales;
  std::vector<Dim> sizes;
};

// keep_aspect_ratio_policy: one scale for all axes, the least or the most of those that the sizes ask for.
struct ResizePolicy {
  double size = 1, of = 1;  // the scale as a fraction

  double scale() const { return size / of; }
  ResizeAxis axis(const Node& node, const ResizeRule& rule, Dim inputs) const {
    const double length = static_cast<double>(inputs) * size / of, outputs = std::floor(length + 0.5);
    if (!(outputs >= 0) || outputs > ResizeAxis::kMost)
      throw Error(Errc::BadShape, node.label(), "an axis of ", inputs, " elements cannot be scaled by ", scale());
    ResizeAxis axis = ResizeAxis::by_size(node, rule, inputs, static_cast<Dim>(outputs));
    axis.active = length != static_cast<double>(inputs);  // where it is rounded to as many, they still are scaled
    axis.length = length;
    return axis;
  }
};

inline Resizing resizing_of(const Node& node, const Shape& x, const ResizeNumbers& numbers) {
  const auto& [roi, scales, sizes] = numbers;
  std::vector<Dim> named(x.rank());
  for (std::size_t axis = 0; axis < named.size(); ++axis) named[axis] = static_cast<Dim>(axis);
  const auto axes = axes_in(node, node.attr("axes", named), x.rank());
  if (sizes.empty() == scales.empty() || std::max(sizes.size(), scales.size()) != axes.size())
    throw Error(Errc::BadShape, node.label(), "has ", sizes.size(), " sizes and ", scales.size(), " scales for ",
                axes.size(), " axes, one for each wanted, of one kind");
  const ResizeRule rule = resize_rule(node);
  const bool crops = rule.coordinates == ResizeCoordinates::TfCropAndResize;
  if (crops && roi.size() != 2 * axes.size())
    throw Error(Errc::BadShape, node.label(), "roi has ", roi.size(), " numbers, ", 2 * axes.size(), " wanted");
  const auto policy = node.attr("keep_aspect_ratio_policy", std::string("stretch"));
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    throw Error(Errc::BadModel, node.label(), "keep_aspect_ratio_policy '", policy,
                "': wants stretch, not_larger or not_smaller");
  std::optional<ResizePolicy> scale;
  for (std::size_t i = 0; policy != "stretch" && i < sizes.size(); ++i) {
    const ResizePolicy each{static_cast<double>(sizes[i]), static_cast<double>(std::max<Dim>(x[axes[i]], 1))};
    if (!scale || (policy == "not_larger" ? each.scale() < scale->scale() : each.scale() > scale->scale()))
      scale = each;
  }
  Resizing resizing{rule.mode, double{node.attr("extrapolation_value", 0.0f)}, {x.rank(), ResizeAxis()}};
  for (std::size_t axis = 0; axis < x.rank(); ++axis)
    resizing.axes[axis].inputs = resizing.axes[axis].outputs = x[axis];
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Dim inputs = x[axes[i]];
    ResizeAxis& axis = resizing.axes[axes[i]];
    axis = sizes.empty() ? ResizeAxis::by_scale(node, rule, inputs, scales[i])
           : scale       ? scale->axis(node, rule, inputs)
                         : ResizeAxis::by_size(node, rule, inputs, sizes[i]);
    if (!crops) continue;
    axis.begin = double{roi[i]};
    axis.end = double{roi[i + axes.size()]};
    axis.active = axis.active || axis.begin != 0 || axis.end != 1;
  }
  return resizing;
}

inline std::vector<float> floats_of(const View& view) {
  std::vector<float> numbers;
  for_each(view.held(), [&](const Index& at) { numbers.push_back(*view.as<float>(at)); });
  return numbers;
}

inline std::vector<float> known_floats(const Node& node, const Types& in, Constants constants, std::size_t i,
                                       std::string_view what) {
  if (in[i].dtype != DType::f32 || in[i].shape.rank() > 1)
    throw Error(Errc::BadShape, node.label(), what, " (input ", i, ") is ", to_string(in[i]), ", a list of f32 wanted");
  if (constants[i] == nullptr)
    throw Error(Errc::Unsupported, node.label(), what, " (input ", i,
                ") depends on data; it must be known when planning");
  return floats_of(constants[i]->view());
}

inline Resizing resizing_of(const Node& node, const Types& in, Constants constants) {
  const ResizeInputs inputs(node);
  ResizeNumbers numbers;
  const bool crops = resize_rule(node).coordinates == ResizeCoordinates::TfCropAndResize;
  if (crops && node.has(inputs.roi)) numbers.roi = known_floats(node, in, constants, inputs.roi, "roi");
  if (node.has(inputs.scales)) numbers.scales = known_floats(node, in, constants, inputs.scales, "scales");
  if (node.has(inputs.sizes)) numbers.sizes = known_integers(node, in, constants, inputs.sizes, "sizes");
  return resizing_of(node, in[0].shape, numbers);
}

inline Resizing resizing_of(const Node& node, Inputs in) {
  const ResizeInputs inputs(node);
  ResizeNumbers numbers;
  if (node.has(inputs.roi) && in[inputs.roi].dtype() == DType::f32) numbers.roi = floats_of(in[inputs.roi]);
  if (node.has(inputs.scales)) numbers.scales = floats_of(in[inputs.scales]);
  if (node.has(inputs.sizes)) numbers.sizes = integers_of(in[inputs.sizes]);
  return resizing_of(node, in[0].shape(), numbers);
}

inline Types resize_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, node.op == "Upsample" ? 2 : 4);
  const Resizing resizing = resizing_of(node, in, constants);
  if (resizing.mode != ResizeMode::Nearest && in[0].dtype == DType::boolean)
    throw Error(Errc::Unsupported, node.label(), "input is bool, numbers that can be mixed wanted");
  TensorType type = in[0];
  for (std::size_t axis = 0; axis < type.shape.rank(); ++axis) type.shape[axis] = resizing.axes[axis].outputs;
  type.shape.elements();
  return {type};
}

inline void resize_nearest(const Resizing& resizing, const std::vector<ResizeTable>& tables, const View& x, View& y) {
  const std::array<std::byte, 8> outside = element_of(resizing.extrapolation, y.dtype());
  for_each(y.held(), [&](const Index& at) {
    Index from = at;
    bool inside = true;
    for (std::size_t axis = 0; axis < at.rank(); ++axis) {
      const auto taps = tables[axis].of(at[axis]);
      inside = inside && !taps.empty();
      from[axis] = taps.empty() ? 0 : taps[0].place;
    }
    std::memcpy(y.at(at), inside ? x.at(from) : outside.data(), size_of(y.dtype()));
  });
}

// The sum of all products, or of their magnitudes.
template <class T, bool kMagnitudes>
void resize_mixed(const Resizing& resizing, const std::vector<ResizeTable>& tables, const View& x, View& y) {
  const auto size = [](double number) { return kMagnitudes ? std::abs(number) : number; };
  for_each(y.held(), [&](const Index& at) {
    Box corners(at.rank(), Range{0, 0});
    bool extrapolated = false;
    for (std::size_t axis = 0; axis < at.rank(); ++axis) {
      corners[axis].end = static_cast<Dim>(tables[axis].of(at[axis]).size());
      extrapolated = extrapolated || tables[axis].extrapolated[static_cast<std::size_t>(at[axis])];
    }
    double sum = 0;
    for_each(corners, [&](const Index& corner) {
      double weight = 1;
      Index from = at;
      for (std::size_t axis = 0; axis < at.rank(); ++axis) {
        const ResizeTap& tap = tables[axis].of(at[axis])[static_cast<std::size_t>(corner[axis])];
        from[axis] = tap.place;
        weight *= tap.weight;
      }
      sum += size(weight * static_cast<double>(*x.as<T>(from)));
    });
    *y.as<T>(at) = nearest_of<T>(extrapolated ? size(resizing.extrapolation) : sum);
  });
}

template <bool kMagnitudes>
void resize(const Node& node, Inputs in, Outputs out) {
  const Resizing resizing = resizing_of(node, in);
  const std::vector<ResizeTable> tables = resizing.tables();
  if (resizing.mode == ResizeMode::Nearest) return resize_nearest(resizing, tables, in[0], out[0]);
  visit(out[0].dtype(), [&]<class T>(T) {
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
      resize_mixed<T, kMagnitudes>(resizing, tables, in[0], out[0]);
  });
}

inline std::vector<Step> plan_resize(const Node& node, const Types& in, Constants constants,
                                     const PlanContext& context) {
  constexpr double kMostOutputs = 1 << 24, kMostCorners = 4096;  // of an axis; of an output
  constexpr double kNanosecondsPerPixel = 3;                     // where its channels are blended together
  const Resizing resizing = resizing_of(node, in, constants);
  const TensorType type = resize_type(node, in, constants)[0];
  const std::size_t rank = type.shape.rank();
  const bool nearest = resizing.mode == ResizeMode::Nearest;
  double corners = 1;
  for (const ResizeAxis& axis : resizing.axes) {
    if (static_cast<double>(axis.outputs) > kMostOutputs || axis.inputs > std::numeric_limits<std::int32_t>::max())
      return {};
    corners *= axis.most_taps();
  }
  if (rank == 0 || corners > kMostCorners || (!nearest && in[0].dtype != DType::f32)) return {};
  std::vector<Step> candidates;
  const auto plan = std::make_shared<const ResizePlan>(resizing, resize_rule(node));
  for (const Layout layout : kLayouts) {
    const bool together = layout == Layout::ChannelsLast && rank > 2;
    if (together && resizing.axes[1].active) continue;
    const auto elements = static_cast<double>(type.shape.elements());
    const double pixels = together && !nearest ? elements / static_cast<double>(std::max<Dim>(type.shape[1], 1)) : 0;
    candidates.push_back({.kernel = nearest ? "resize_nearest" : "resize",
                          .inputs = std::vector<Form>(in.size()),
                          .outputs = {layout},
                          .cuts = any_axis(rank),
                          .scratch_bytes = plan->scratch_bytes(together),
                          .nanoseconds = pass_nanoseconds((nearest || together ? 2 : 4) * type.bytes()) +
                                         elements * std::sqrt(corners) / (together ? 20 : 4) +
                                         pixels * kNanosecondsPerPixel,
                          .needed =
                              [plan, in](const Box& output) {
                                auto boxes = whole_inputs({}, in, output);
                                for (std::size_t axis = 0; axis < output.rank(); ++axis)
                                  boxes[0][axis] = plan->needed(axis, output[axis]);
                                return boxes;
                              },
                          .run =
                              [blend = context.kernels.blend, gather = context.kernels.gather_sum, plan, together](
                                  Inputs x, Outputs y, const Box& box, std::byte* scratch) {
                                if (plan->resizing.mode == ResizeMode::Nearest)
                                  run_resize_nearest(*plan, together, x[0], y[0], box);
                                else
                                  ResizeRun(*plan, blend, gather, together, x[0], scratch).run(y[0], box);
                              }});
    candidates.back().inputs[0].layout = layout;
  }
  return candidates;
}

// Along each axis its weights are rounded, and so are its products and sums; then the reference.
inline double resize_tolerance(const Node& node, const Types& in) {
  const ResizeRule rule = resize_rule(node);
  if (rule.mode == ResizeMode::Nearest) return 0;
  // How many taps an antialiasing filter has is not known from the types: at most all along an axis.
  double terms = 2;
  for (const Dim d : in[0].shape)
    terms += rule.antialias ? static_cast<double>(d) + 8 : rule.mode == ResizeMode::Cubic ? 6 : 4;
  return terms * 0x1p-24;
}

inline std::optional<Graph> widened_unless_nearest(const Node& node, const Types& in, Constants constants) {
  if (resize_rule(node).mode == ResizeMode::Nearest) return {};
  return widened(node, in, resize_type(node, in, constants));
}

inline constexpr OpDef kResize[] = {
    {.name = "Resize",
     .infer = resize_type,
     .needed = whole_inputs,
     .reference = in_f32<resize<false>>,
     .plan = plan_resize,
     .tolerance = resize_tolerance,
     .magnitudes = in_f32<resize<true>>,
     .cases = resize_cases,
     .of_contents = 1u << 1 | 1u << 2 | 1u << 3,
     .expand = widened_unless_nearest},
    {.name = "Upsample",
     .infer = resize_type,
     .needed = whole_inputs,
     .reference = in_f32<resize<false>>,
     .plan = plan_resize,
     .tolerance = resize_tolerance,
     .magnitudes = in_f32<resize<true>>,
     .cases = upsample_cases,
     .of_contents = 1u << 1,
     .expand = widened_unless_nearest},
};

}  // namespace coverslip::inline v0::ops
