// Resize: nearest and linear, along any axes. Coordinates are worked out in double, by ONNX's formulas.
#pragma once
#include <array>
#include <cmath>

#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/resize_axis.hpp"

namespace coverslip::inline v0::ops {

struct Resizing {
  bool linear = false;
  PerAxis<ResizeAxis> axes;

  Range needed(std::size_t axis, const Range& output) const {
    if (!axes[axis].active || output.extent() == 0) return output.extent() == 0 ? Range{0, 0} : output;
    const ResizeTap first = axes[axis].tap(output.begin, linear), last = axes[axis].tap(output.end - 1, linear);
    return {first.low, last.high + 1};
  }
  std::size_t active() const {
    return static_cast<std::size_t>(
        std::count_if(axes.begin(), axes.end(), [](const ResizeAxis& a) { return a.active; }));
  }
};

// `sizes` and `scales` are the inputs of that name, empty where absent.
inline Resizing resizing_of(const Node& node, const Shape& x, const std::vector<Dim>& sizes,
                            const std::vector<float>& scales) {
  const auto mode = node.attr("mode", std::string("nearest"));
  if (mode != "nearest" && mode != "linear")
    throw Error(Errc::Unsupported, node.label(), "mode '", mode, "': wants nearest or linear");
  if (node.attr<Dim>("antialias", 0) != 0)
    throw Error(Errc::Unsupported, node.label(), "antialias is not supported; 0 wanted");
  const auto policy = node.attr("keep_aspect_ratio_policy", std::string("stretch"));
  if (!sizes.empty() && policy != "stretch")
    throw Error(Errc::Unsupported, node.label(), "keep_aspect_ratio_policy '", policy, "': wants stretch");
  std::vector<Dim> named(x.rank());
  for (std::size_t axis = 0; axis < named.size(); ++axis) named[axis] = static_cast<Dim>(axis);
  const auto axes = axes_in(node, node.attr("axes", named), x.rank());
  if (sizes.empty() == scales.empty() || std::max(sizes.size(), scales.size()) != axes.size())
    throw Error(Errc::BadShape, node.label(), "has ", sizes.size(), " sizes and ", scales.size(), " scales for ",
                axes.size(), " axes, one for each wanted, of one kind");
  const ResizeRule rule = resize_rule(node);
  Resizing resizing{mode == "linear", PerAxis<ResizeAxis>(x.rank(), ResizeAxis())};
  for (std::size_t axis = 0; axis < x.rank(); ++axis)
    resizing.axes[axis].inputs = resizing.axes[axis].outputs = x[axis];
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Dim inputs = x[axes[i]];
    resizing.axes[axes[i]] = sizes.empty() ? ResizeAxis::by_scale(node, rule, inputs, scales[i])
                                           : ResizeAxis::by_size(node, rule, inputs, sizes[i]);
  }
  return resizing;
}

inline Resizing resizing_of(const Node& node, const Types& in, Constants constants) {
  std::vector<Dim> sizes;
  std::vector<float> scales;
  if (node.has(3)) sizes = known_integers(node, in, constants, 3, "sizes");
  if (node.has(2)) {
    if (in[2].dtype != DType::f32 || in[2].shape.rank() != 1)
      throw Error(Errc::BadShape, node.label(), "scales are ", to_string(in[2]), ", a list of f32 wanted");
    if (constants[2] == nullptr)
      throw Error(Errc::Unsupported, node.label(), "scales depend on data; they must be known when planning");
    const auto list = constants[2]->values<float>();
    scales.assign(list.begin(), list.end());
  }
  return resizing_of(node, in[0].shape, sizes, scales);
}

inline Types resize_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 4);
  const Resizing resizing = resizing_of(node, in, constants);
  if (resizing.linear && in[0].dtype != DType::f32)
    throw Error(Errc::Unsupported, node.label(), "input is ", in[0].dtype, ", linear wants f32");
  TensorType type = in[0];
  for (std::size_t axis = 0; axis < type.shape.rank(); ++axis) type.shape[axis] = resizing.axes[axis].outputs;
  type.shape.elements();
  return {type};
}

inline Resizing resizing_of(const Node& node, Inputs in) {
  std::vector<float> scales;
  if (node.has(2)) for_each(in[2].held(), [&](const Index& at) { scales.push_back(*in[2].as<float>(at)); });
  return resizing_of(node, in[0].shape(), node.has(3) ? integers_of(in[3]) : std::vector<Dim>(), scales);
}

inline void resize(const Node& node, Inputs in, Outputs out) {
  const Resizing resizing = resizing_of(node, in);
  for_each(out[0].held(), [&](const Index& at) {
    Box corners(at.rank(), Range{0, 1});
    PerAxis<ResizeTap> taps(at.rank(), ResizeTap{});
    for (std::size_t axis = 0; axis < at.rank(); ++axis) {
      taps[axis] = resizing.axes[axis].tap(at[axis], resizing.linear);
      if (resizing.linear && resizing.axes[axis].active) corners[axis].end = 2;
    }
    double sum = 0;
    for_each(corners, [&](const Index& corner) {
      double weight = 1;
      Index from = at;
      for (std::size_t axis = 0; axis < at.rank(); ++axis) {
        const auto& [low, high, share] = taps[axis];
        from[axis] = corner[axis] == 0 ? low : high;
        weight *= corner[axis] == 0 ? 1 - share : share;
      }
      if (!resizing.linear)
        std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
      else
        sum += weight * double{*in[0].as<float>(from)};
    });
    if (resizing.linear) *out[0].as<float>(at) = static_cast<float>(sum);
  });
}

// The corners that the elements of one place of the output are mixed of, and how much each counts.
struct ResizeCorners {
  static constexpr std::size_t kMostAxes = 3;
  std::size_t count = 1;
  std::array<const std::byte*, 1u << kMostAxes> places{};
  std::array<double, 1u << kMostAxes> weights{1};

  // Twice as many: each at the low and at the high place along an axis; for nearest all move to the low one.
  void split(const ResizeTap& tap, Dim bytes, bool linear) {
    for (std::size_t k = 0; linear && k < count; ++k) {
      places[k + count] = places[k] + tap.high * bytes;
      weights[k + count] = weights[k] * tap.share;
    }
    for (std::size_t k = 0; k < count; ++k) {
      places[k] += tap.low * bytes;
      weights[k] *= linear ? 1 - tap.share : 1;
    }
    count *= linear ? 2 : 1;
  }
};

// Elements that lie side by side and are not resized along that axis are mixed together; `sweep` is the axis of the
// loop that is innermost but for them.
struct ResizeLoops {
  std::size_t side_by_side = 0, sweep = 0;
  bool together = false;

  ResizeLoops(const Resizing& resizing, Layout layout) {
    const std::size_t rank = resizing.axes.rank();
    side_by_side = layout == Layout::ChannelsLast && rank > 2 ? 1 : rank - 1;
    together = rank > 1 && !resizing.axes[side_by_side].active;
    sweep = !together ? side_by_side : side_by_side == rank - 1 ? rank - 2 : rank - 1;
  }
};

inline void run_resize(const BlendKernels& kernels, const Resizing& resizing, const ResizeLoops& loops, const View& x,
                       View& y, const Box& box) {
  if (box.shape().elements() == 0) return;
  const auto size = static_cast<Dim>(size_of(y.dtype()));
  const auto n = loops.together ? static_cast<std::size_t>(box[loops.side_by_side].extent()) : 1;
  const std::byte* origin = x.at(x.origin());
  Box heads = box;
  heads[loops.sweep].end = heads[loops.sweep].begin + 1;
  if (loops.together) heads[loops.side_by_side].end = heads[loops.side_by_side].begin + 1;
  const auto enter = [&](ResizeCorners& corners, std::size_t axis, Dim output) {
    ResizeTap tap = resizing.axes[axis].tap(output, resizing.linear);
    tap.low -= x.origin()[axis];
    tap.high -= x.origin()[axis];
    corners.split(tap, x.strides()[axis] * size, resizing.linear && resizing.axes[axis].active);
  };
  for_each(heads, [&](const Index& head) {
    ResizeCorners row;
    row.places[0] = origin;
    for (std::size_t axis = 0; axis < box.rank(); ++axis)
      if (axis != loops.sweep) enter(row, axis, head[axis]);
    std::byte* to = y.at(head);
    for (Dim o = box[loops.sweep].begin; o < box[loops.sweep].end; ++o, to += y.strides()[loops.sweep] * size) {
      ResizeCorners corners = row;
      enter(corners, loops.sweep, o);
      if (!resizing.linear) {
        std::memcpy(to, corners.places[0], n * static_cast<std::size_t>(size));
        continue;
      }
      const float* from[corners.places.size()];
      float weights[corners.places.size()];
      for (std::size_t k = 0; k < corners.count; ++k) {
        from[k] = reinterpret_cast<const float*>(corners.places[k]);
        weights[k] = static_cast<float>(corners.weights[k]);
      }
      kernels.run(from, weights, corners.count, reinterpret_cast<float*>(to), n);
    }
  });
}

inline std::vector<Step> plan_resize(const Node& node, const Types& in, Constants constants,
                                     const PlanContext& context) {
  const Resizing resizing = resizing_of(node, in, constants);
  const TensorType type = resize_type(node, in, constants)[0];
  if (type.shape.rank() == 0 || (resizing.linear && resizing.active() > ResizeCorners::kMostAxes)) return {};
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts) {
    const ResizeLoops loops(resizing, layout);
    const double places = static_cast<double>(type.shape.elements()) /
                          static_cast<double>(loops.together ? std::max<Dim>(type.shape[loops.side_by_side], 1) : 1);
    candidates.push_back({.kernel = resizing.linear ? "resize_linear" : "resize_nearest",
                          .inputs = std::vector<Form>(in.size()),
                          .outputs = {layout},
                          .cuts = any_axis(type.shape.rank()),
                          .nanoseconds = pass_nanoseconds((resizing.linear ? 4 : 2) * type.bytes()) + 20 * places,
                          .needed =
                              [resizing, in](const Box& output) {
                                auto boxes = whole_inputs({}, in, output);
                                for (std::size_t axis = 0; axis < output.rank(); ++axis)
                                  boxes[0][axis] = resizing.needed(axis, output[axis]);
                                return boxes;
                              },
                          .run = [kernels = context.kernels.blend, resizing, loops](
                                     Inputs x, Outputs y, const Box& box,
                                     std::byte*) { run_resize(kernels, resizing, loops, x[0], y[0], box); }});
    candidates.back().inputs[0].layout = layout;
  }
  return candidates;
}

// Weights are rounded, and so is each of the products and sums of two terms an axis; and the reference.
inline double resize_tolerance(const Node& node, const Types& in) {
  if (node.attr("mode", std::string("nearest")) == "nearest") return 0;
  return (std::exp2(static_cast<double>(in[0].shape.rank())) + 3) * 0x1p-24;
}

inline std::vector<Case> resize_cases() {
  const auto scales = [](std::initializer_list<float> list) {
    return given(Tensor({static_cast<Dim>(list.size())}, list));
  };
  const auto sizes = [](std::initializer_list<std::int64_t> list) {
    return given(Tensor({static_cast<Dim>(list.size())}, list));
  };
  std::vector<Case> cases;
  for (const char* mode : {"nearest", "linear"})
    for (const char* rule :
         {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"}) {
      const Attributes attributes{{"mode", std::string(mode)}, {"coordinate_transformation_mode", std::string(rule)}};
      cases.push_back({"Resize", attributes, {data({1, 19, 4, 5}), absent(), scales({1, 1, 2, 2})}});
      cases.push_back({"Resize", attributes, {data({2, 3, 7, 5}), absent(), absent(), sizes({2, 3, 3, 8})}});
      cases.push_back({"Resize", attributes, {data({1, 18, 5, 1}), absent(), scales({1, 1, 0.6f, 3.5f})}});
    }
  for (const char* rule : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
    cases.push_back(
        {"Resize", {{"nearest_mode", std::string(rule)}}, {data({1, 2, 3, 5}), absent(), scales({1, 1, 2, 1.5f})}});
  const Attributes linear{{"mode", std::string("linear")}};
  cases.push_back({"Resize", linear, {data({1, 3, 2, 3, 4}), absent(), scales({1, 1, 2, 2, 2})}});
  cases.push_back({"Resize", linear, {data({1, 3, 4}), absent(), scales({1, 2, 2})}});
  cases.push_back({"Resize", linear, {data({7}), absent(), absent(), sizes({19})}});
  cases.push_back({"Resize", {{"axes", std::vector<Dim>{3, 2}}}, {data({1, 2, 3, 4}), absent(), scales({2, 3})}});
  cases.push_back({"Resize", {}, {data(TensorType{DType::u8, {1, 3, 4, 4}}), absent(), scales({1, 1, 2, 2})}});
  for (const char* mode : {"nearest", "linear"})
    cases.push_back(
        {"Resize", {{"mode", std::string(mode)}}, {data({1, 64, 56, 56}), absent(), scales({1, 1, 2, 2})}, true});
  return cases;
}

inline constexpr OpDef kResize[] = {
    {.name = "Resize",
     .infer = resize_type,
     .needed = whole_inputs,
     .reference = resize,
     .plan = plan_resize,
     .tolerance = resize_tolerance,
     .cases = resize_cases,
     .of_contents = 0b1110},
};

}  // namespace coverslip::inline v0::ops
