// Transposed convolution: X [N,C,...], W [C,K/groups,...], optionally B [K] give Y [N,K,...], with an activation of
// ours.
#pragma once
#include "coverslip/ops/windows/conv.hpp"

namespace coverslip::inline v0::ops {

// Along one axis. Output o gets input i through tap t where o + before = i * stride + t * dilation.
struct TransposedWindow {
  Dim taps = 1, stride = 1, dilation = 1, before = 0, outputs = 0;  // before may be less than 0

  // The input, or -1 if the tap brings none to that output.
  Dim place(Dim output, Dim tap, Dim inputs) const {
    const Dim at = output + before - tap * dilation;
    return at < 0 || at % stride != 0 || at / stride >= inputs ? -1 : at / stride;
  }
  Range needed(const Range& y, Dim inputs) const {
    const Dim least = y.begin + before - dilation * (taps - 1), most = y.end - 1 + before;
    const Dim begin = std::clamp<Dim>(least < 0 ? 0 : (least + stride - 1) / stride, 0, inputs);
    return {begin, std::clamp<Dim>(most < 0 ? 0 : most / stride + 1, begin, inputs)};
  }
  // Outputs that lie `stride` apart share their taps: those from `first` on, below `stride`.
  AxisTaps phase(Dim first, Dim inputs, std::vector<Dim>& taps_of_phase) const {
    AxisTaps axis{.first = first, .step = stride, .stride = 1, .inputs = inputs};
    for (Dim tap = 0; tap < taps; ++tap) {
      const Dim at = first + before - tap * dilation;
      if (at % stride != 0) continue;
      axis.at.push_back(at / stride);
      taps_of_phase.push_back(tap);
    }
    return axis;
  }
};

inline std::vector<TransposedWindow> transposed_windows(const Node& node, const Shape& x, const Shape& w) {
  const std::size_t axes = x.rank() - 2;
  const auto strides = list_attr(node, "strides", axes, 1, 1, kMostOfWindow);
  const auto dilations = list_attr(node, "dilations", axes, 1, 1, kMostOfWindow);
  const auto pads = list_attr(node, "pads", 2 * axes, 0, 0, kMostOfWindow);
  const auto added = list_attr(node, "output_padding", axes, 0, 0, kMostOfWindow);
  const auto rule = node.attr("auto_pad", std::string("NOTSET"));
  const bool same = rule == "SAME_UPPER" || rule == "SAME_LOWER";
  if (!same && rule != "NOTSET" && rule != "VALID")
    throw Error(Errc::BadModel, node.label(), "auto_pad '", rule, "': wants NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  const bool given = node.attributes.contains("output_shape");
  const auto shape = list_attr(node, "output_shape", axes, 1, 1, Dim{1} << 40);
  std::vector<TransposedWindow> windows;
  for (std::size_t i = 0; i < axes; ++i) {
    TransposedWindow& window = windows.emplace_back();
    window.taps = w[i + 2];
    window.stride = strides[i];
    window.dilation = dilations[i];
    if (window.taps < 1 || window.taps > kMostOfWindow || x[i + 2] > Dim{1} << 40)
      throw Error(Errc::BadShape, node.label(), "weights ", w, " and input ", x, ": wants 1 to ", kMostOfWindow,
                  " taps");
    const Dim full = (x[i + 2] - 1) * window.stride + added[i] + window.dilation * (window.taps - 1) + 1;
    if (given || same) {
      window.outputs = given ? shape[i] : x[i + 2] * window.stride;
      const Dim cut = full - window.outputs, half = cut >> 1;  // less than 0: zeros are added on both sides
      window.before = rule == "SAME_UPPER" ? half : cut - half;
    } else {
      window.before = rule == "VALID" ? 0 : pads[i];
      window.outputs = full - (rule == "VALID" ? 0 : pads[i] + pads[i + axes]);
    }
  }
  return windows;
}

inline Types conv_transpose_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 3);
  want_same_float(node, in);
  const Shape &x = in[0].shape, &w = in[1].shape;
  const Dim groups = groups_of(node);
  if (w.rank() < 2 || w[1] > kMostOfWindow || groups > kMostOfWindow)
    throw Error(Errc::BadShape, node.label(), "weights ", w, " in ", groups, " groups");
  check_conv_inputs(node, in, w[1] * groups);
  if (x[1] != w[0] || x[1] % groups != 0)
    throw Error(Errc::BadShape, node.label(), "input ", x, " in ", groups, " groups does not fit weights ", w);
  Shape y{x[0], w[1] * groups};
  for (const TransposedWindow& window : transposed_windows(node, x, w)) y.push_back(std::max<Dim>(window.outputs, 0));
  want_outputs(node, in, y);
  epilogue_of(node);
  return {{in[0].dtype, y}};
}

inline std::vector<Box> conv_transpose_needed(const Node& node, const Types& in, const Box& y) {
  const Shape &x = in[0].shape, &w = in[1].shape;
  const auto windows = transposed_windows(node, x, w);
  const Dim groups = groups_of(node);
  std::vector<Box> boxes(in.size());
  boxes[0] = {y[0], channels_needed(y[1], groups, x[1], w[1] * groups)};
  for (std::size_t i = 0; i < windows.size(); ++i) boxes[0].push_back(windows[i].needed(y[i + 2], x[i + 2]));
  boxes[1] = Box(w);
  if (node.has(2)) boxes[2] = {y[1]};
  return boxes;
}

inline void conv_transpose(const Node& node, Inputs in, Outputs out) {
  const View &x = in[0], &w = in[1];
  const auto windows = transposed_windows(node, x.shape(), w.shape());
  const Epilogue epilogue = epilogue_of(node);
  const Dim group_inputs = x.shape()[1] / groups_of(node), group_outputs = w.shape()[1];
  Box taps(w.shape());
  for_each(out[0].held(), [&](const Index& y) {
    double sum = node.has(2) ? *in[2].as<float>({y[1]}) : 0.0;
    const Dim group = y[1] / group_outputs, k = y[1] % group_outputs;
    taps[0] = {group * group_inputs, (group + 1) * group_inputs};
    taps[1] = {k, k + 1};
    for_each(taps, [&](const Index& t) {
      Index at{y[0], t[0]};
      for (std::size_t i = 0; i < windows.size(); ++i)
        at.push_back(windows[i].place(y[i + 2], t[i + 2], x.shape()[i + 2]));
      if (x.held().contains(at)) sum += double{*x.as<float>(at)} * double{*w.as<float>(t)};
    });
    *out[0].as<float>(y) = static_cast<float>(activate(epilogue, sum));
  });
}

inline double conv_transpose_terms(const Types& in) {
  const Shape& w = in[1].shape;
  return static_cast<double>(w.elements() / w[1]);
}

inline double conv_transpose_tolerance(const Node& node, const Types& in) {
  return (conv_transpose_terms(in) + 3 + (epilogue_of(node).activation != Activation::None ? 8 : 0)) * 0x1p-24;
}

// One convolution for the outputs that share their taps.
struct Phase {
  IndirectConv conv{};
  std::vector<Dim> taps{};  // among those of the weights, in the order of conv.axes
  Dim weights = 0;          // where its panels begin among the packed floats
};

// `width`: of panels; none: those of f32.
inline std::vector<Phase> phases_of(const Node& node, const Types& in, const KernelTable& kernels,
                                    std::optional<std::size_t> width = {}) {
  const Shape &x = in[0].shape, &w = in[1].shape;
  const auto windows = transposed_windows(node, x, w);
  const Dim groups = groups_of(node);
  Box firsts(windows.size(), Range{});
  for (std::size_t i = 0; i < windows.size(); ++i) firsts[i].end = std::min(windows[i].stride, windows[i].outputs);
  std::vector<Phase> phases;
  Dim weights = 0;
  for_each(firsts, [&](const Index& first) {
    Phase& phase = phases.emplace_back();
    IndirectConv& conv = phase.conv;
    conv.channels = x[1];
    conv.depthwise = groups > 1 && groups == x[1] && w[1] == 1;
    conv.kernel = kernels.gemm_f32.run;
    conv.tile_rows = kernels.gemm_f32.rows;
    conv.depthwise_kernel = kernels.depthwise_f32;
    conv.epilogue = epilogue_of(node);
    phase.taps = {0};
    for (std::size_t i = 0; i < windows.size(); ++i) {
      std::vector<Dim> along;
      conv.axes.push_back(windows[i].phase(first[i], x[i + 2], along));
      std::vector<Dim> all;
      for (const Dim before : phase.taps)
        for (const Dim tap : along) all.push_back(before * windows[i].taps + tap);
      phase.taps = all;
    }
    conv.panels = conv.depthwise ? Panels{1, x[1], conv.taps(), static_cast<Dim>(kernels.depthwise_f32.lanes)}
                                 : Panels{groups, w[1], conv.taps() * (x[1] / groups),
                                          static_cast<Dim>(width.value_or(kernels.gemm_f32.columns))};
    phase.weights = weights;
    weights += conv.panels.floats();
  });
  return phases;
}

inline std::string packing_of(const std::vector<Phase>& phases) {
  std::string name = std::string(phases[0].conv.depthwise ? "depthwise " : "") + "conv_transpose, " +
                     to_string(phases[0].conv.panels) + ", taps";
  for (const Phase& phase : phases) {
    for (const Dim tap : phase.taps) name += " " + std::to_string(tap);
    name += ";";
  }
  return name;
}

// Where those of each phase lie.
inline std::vector<Panels::Source> conv_transpose_sources(const Node& node, const Types& in,
                                                          const std::vector<Phase>& phases) {
  const Dim inputs = in[0].shape[1] / groups_of(node), taps = in[1].shape.elements() / in[0].shape[1] / in[1].shape[1];
  std::vector<Panels::Source> sources;
  for (const Phase& phase : phases) {
    const Panels& panels = phase.conv.panels;
    Panels::Source& source = sources.emplace_back(Panels::Source{.column = taps, .outer = phase.taps});
    if (!phase.conv.depthwise)
      source = {.group = inputs * panels.columns * taps,
                .column = taps,
                .inner = panels.columns * taps,
                .inner_rows = inputs,
                .outer = phase.taps};
  }
  return sources;
}

// Whether outputs j of both read the same inputs.
inline bool same_inputs(const Phase& a, const Phase& b) {
  return std::ranges::equal(a.conv.axes, b.conv.axes, {}, &AxisTaps::at, &AxisTaps::at);
}

// Those with the same inputs one after the other.
inline void bring_together(std::vector<Phase>& phases) {
  for (auto first = phases.begin(); first != phases.end();)
    first = std::stable_partition(first, phases.end(),
                                  [like = *first](const Phase& phase) { return same_inputs(like, phase); });
  Dim weights = 0;
  for (Phase& phase : phases) {
    phase.weights = weights;
    weights += phase.conv.panels.floats();
  }
}

// All phases of a part of the box before those of the next: what they read, and the lines that they write between each
// other's, stay in the cache.
inline void run_phases(const std::vector<Phase>& phases, Inputs from, Outputs to, const float* weights,
                       const float* bias, const Box& box, std::byte* scratch) {
  constexpr Dim kLeastBytes = 256 << 10;
  const Dim most = std::max(kLeastBytes, 4 * (phases.back().weights + phases.back().conv.panels.floats()));
  Shape step = box.shape(), parts(box.rank(), 1);
  Dim bytes = step.elements() * static_cast<Dim>(sizeof(float));
  for (std::size_t axis = 0; axis + 1 < box.rank() && bytes > most; ++axis) {
    if (axis == 1) continue;
    const Dim unit = axis == 0 ? 1 : phases[0].conv.axes[axis - 2].step, units = (step[axis] + unit - 1) / unit;
    const Dim each = std::max<Dim>(most / std::max<Dim>(bytes / units, 1), 1);
    step[axis] = each * unit;
    parts[axis] = (units + each - 1) / each;
    bytes = bytes / units * each;
  }
  for_each(Box(parts), [&](const Index& at) {
    Box part = box;
    for (std::size_t axis = 0; axis < box.rank(); ++axis)
      part[axis] = {box[axis].begin + at[axis] * step[axis],
                    std::min(box[axis].begin + (at[axis] + 1) * step[axis], box[axis].end)};
    for (const Phase& phase : phases)
      phase.conv.run(from[0], weights + phase.weights, bias, nullptr, to[0], part, scratch);
  });
}

// `steps`: the candidate in f32.
inline void add_bf16_conv_transpose(std::vector<Step>& steps, const Node& node, const Types& in, const Shape& y,
                                    const PlanContext& context) {
  if (!context.bf16) return;
  auto wide = phases_of(node, in, context.kernels, context.kernels.gemm_bf16.columns);
  if (context.kernels.gemm_bf16.tiles != nullptr) bring_together(wide);
  const auto lacks = [](const Phase& phase) { return phase.conv.depthwise || phase.conv.terms() == 0; };
  if (std::ranges::any_of(wide, lacks)) return;
  struct Part {
    ConvInBf16 conv;
    Dim weights;  // where its panels begin among the packed floats
  };
  std::vector<Part> parts;
  std::vector<OrderedPanels> panels;
  Step step = steps.front();
  step.kernel += "_bf16";
  step.bf16 = true;
  step.nanoseconds = 0;
  step.scratch_bytes = 0;
  std::string name = packing_of(wide);
  Dim terms = 0, floats = 0;
  std::optional<NarrowTimes> narrow(std::in_place);
  for (std::size_t first = 0, end = 0; first < wide.size(); first = end) {
    std::vector<IndirectConv> others;
    for (end = first + 1; context.kernels.gemm_bf16.tiles != nullptr && end < wide.size(); ++end) {
      if (!same_inputs(wide[first], wide[end])) break;
      others.push_back(wide[end].conv);
    }
    const ConvInBf16& conv =
        parts.emplace_back(conv_in_bf16(wide[first].conv, y, context.kernels, others), floats).conv;
    panels.insert(panels.end(), end - first, conv.panels);
    name += conv.order;
    terms = std::max(terms, wide[first].conv.terms());
    floats += static_cast<Dim>(end - first) * conv.panels.paired().floats();
    step.nanoseconds += conv.nanoseconds;
    if (!conv.narrow) narrow.reset();
    for (std::size_t way = 0; narrow && way < narrow->size(); ++way) (*narrow)[way] += (*conv.narrow)[way];
    step.scratch_bytes = std::max(step.scratch_bytes, conv.scratch_bytes);
  }
  const FillPanel fill = [wide, sources = conv_transpose_sources(node, in, wide)](
                             const float* weights, std::size_t part, Dim panel, float* to) {
    wide[part].conv.panels.fill_panel(weights, panel, to, sources[part], {});
  };
  step.inputs[1] = bf16_form(panels, name, fill, context.kernels.gemm_bf16);
  const Panels& first = wide.front().conv.panels;
  if (node.has(2)) step.inputs[2] = bias_form(first);
  for (Cut& cut : step.cuts)
    if (cut.axis == 1) cut.multiple = first.groups > 1 ? first.columns : first.width;
  step.tolerance = bf16_tolerance(terms, wide.front().conv.epilogue);
  step.run = run_with_packed(
      [parts](Inputs from, Outputs to, const float* weights, const float* bias, const Box& box, std::byte* memory) {
        for (const Part& part : parts) part.conv.run(from, weights + part.weights, bias, to[0], box, memory);
      });
  steps.push_back(step);
  add_narrow_ways(steps, step, narrow);
}

inline std::vector<Step> plan_conv_transpose(const Node& node, const Types& in, Constants constants,
                                             const PlanContext& context) {
  if (in[0].dtype != DType::f32 || in[1].shape.elements() == 0) return {};
  constexpr Dim kMostPhases = 1024;
  Dim count = 1;
  for (const TransposedWindow& window : transposed_windows(node, in[0].shape, in[1].shape)) {
    count *= std::min(window.stride, window.outputs);
    if (count > kMostPhases) return {};
  }
  const auto phases = phases_of(node, in, context.kernels);
  const Shape y = conv_transpose_type(node, in, constants)[0].shape;
  std::size_t scratch = 0;
  for (const Phase& phase : phases) scratch = std::max(scratch, phase.conv.scratch_bytes());
  const Panels& panels = phases[0].conv.panels;
  const double multiply_adds =
      static_cast<double>(y.elements()) * conv_transpose_terms(in) / static_cast<double>(phases.size());
  const double padding = static_cast<double>(panels.padded()) / static_cast<double>(panels.columns);
  const std::size_t bytes = in[0].bytes() + in[1].bytes() + TensorType{DType::f32, y}.bytes();
  const Dim floats = phases.back().weights + phases.back().conv.panels.floats();
  const FillWeights fill = [phases, sources = conv_transpose_sources(node, in, phases)](const float* weights,
                                                                                        float* packed) {
    for (std::size_t i = 0; i < phases.size(); ++i)
      phases[i].conv.panels.fill(weights, packed + phases[i].weights, sources[i]);
  };
  const RunPacked run = [phases](Inputs from, Outputs to, const float* weights, const float* bias, const Box& box,
                                 std::byte* memory) { run_phases(phases, from, to, weights, bias, box, memory); };
  Step step{.kernel = "conv_transpose",
            .inputs = {{Layout::ChannelsLast}, weights_form(packing_of(phases), floats, fill)},
            .outputs = {Layout::ChannelsLast},
            .cuts = conv_cuts(in, y, in[1].shape.elements(), panels.groups > 1 ? panels.columns : panels.width),
            .scratch_bytes = scratch,
            .nanoseconds =
                3 * pass_nanoseconds(bytes) + multiply_adds * padding / multiply_adds_per_nanosecond(context.kernels),
            .multiply_adds = multiply_adds,
            .run = run_with_packed(run)};
  if (in.size() > 2) step.inputs.push_back(node.has(2) ? bias_form(panels) : Form{});
  if (constants[1] != nullptr && (!node.has(2) || constants[2] != nullptr)) {
    std::vector<Step> steps{std::move(step)};
    add_bf16_conv_transpose(steps, node, in, y, context);
    return steps;
  }
  return {with_computed_weights(std::move(step), node, in, panels, floats, fill, run, conv_transpose_needed)};
}

inline std::vector<Case> conv_transpose_cases() {
  using Dims = std::vector<Dim>;
  const ConvSample samples[] = {
      {{1, 1, 1, 1}, {1, 1, 2, 2}, {}, false},
      {{2, 3, 4, 5}, {3, 17, 2, 2}, {{"strides", Dims{2, 2}}, {"activation", std::string("Relu")}}},
      {{1, 5, 4, 3},
       {5, 33, 3, 3},
       {{"strides", Dims{2, 2}}, {"pads", Dims{1, 1, 1, 1}}, {"output_padding", Dims{1, 1}}}},
      {{1, 4, 5, 5}, {4, 6, 3, 2}, {{"strides", Dims{1, 3}}, {"dilations", Dims{2, 1}}, {"pads", Dims{2, 0, 1, 1}}}},
      {{1, 2, 3, 4}, {2, 16, 1, 1}, {{"strides", Dims{2, 3}}}},  // outputs that no tap reaches
      {{1, 6, 3, 3}, {6, 2, 3, 3}, {{"group", Dim{3}}, {"strides", Dims{2, 1}}}},
      {{1, 3, 4, 4}, {3, 5, 3, 3}, {{"auto_pad", std::string("SAME_UPPER")}, {"strides", Dims{2, 2}}}, false},
      {{1, 3, 4, 4}, {3, 5, 3, 3}, {{"output_shape", Dims{8, 9}}, {"strides", Dims{2, 2}}}, false},
      {{1, 3, 4, 4}, {3, 5, 1, 2}, {{"auto_pad", std::string("SAME_LOWER")}, {"strides", Dims{3, 2}}}, false},
      {{1, 19, 3, 4}, {19, 1, 3, 3}, {{"group", Dim{19}}, {"strides", Dims{2, 2}}, {"output_padding", Dims{1, 0}}}},
      {{0, 3, 4}, {3, 4, 4}, {{"strides", Dims{2}}}},
      {{1, 2, 3}, {2, 3, 1}, {{"strides", Dims{3}}, {"auto_pad", std::string("SAME_UPPER")}}},  // room to spare
      {{1, 3, 7}, {3, 4, 4}, {{"strides", Dims{2}}, {"pads", Dims{1, 1}}, {"activation", std::string("Sigmoid")}}},
      {{1, 2, 2, 3, 2}, {2, 3, 2, 2, 2}, {{"strides", Dims{2, 2, 2}}}},
      {{1, 2, 6, 5}, {2, 600, 3, 2}, {{"strides", Dims{2, 2}}}},  // outputs in several parts
      {{1, 1, 3, 3, 3}, {1, 700, 2, 2, 2}, {{"strides", Dims{2, 2, 2}}}},
  };
  std::vector<Case> cases = typed_conv_cases("ConvTranspose", {2, 3, 4, 5}, {3, 4, 2, 2}, 4);
  for (const ConvSample& s : samples) {
    const auto group = s.attributes.find("group");
    cases.push_back(
        conv_case("ConvTranspose", s, s.w[1] * (group == s.attributes.end() ? 1 : std::get<Dim>(group->second))));
  }
  for (const auto& [size, c] : {std::pair<Dim, Dim>{16, 512}, {32, 256}, {64, 128}, {128, 64}})  // unet2d
    cases.push_back(conv_case(
        "ConvTranspose", {{1, c, size, size}, {c, c / 2, 2, 2}, {{"strides", Dims{2, 2}}}, true, {}, true}, c / 2));
  return cases;
}

inline constexpr OpDef kConvTranspose[] = {
    {.name = "ConvTranspose",
     .infer = conv_transpose_type,
     .needed = conv_transpose_needed,
     .reference = in_f32<conv_transpose>,
     .plan = plan_conv_transpose,
     .tolerance = conv_transpose_tolerance,
     .cases = conv_transpose_cases,
     .expand = planned_in_f32<conv_transpose_type>},
};

}  // namespace coverslip::inline v0::ops
