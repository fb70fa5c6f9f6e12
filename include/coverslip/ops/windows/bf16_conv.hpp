// Convolution with products in bf16, as a candidate beside the one in f32.
#pragma once
#include "coverslip/ops/windows/abreast.hpp"
#include "coverslip/ops/windows/bf16_image.hpp"
#include "coverslip/ops/windows/computed_weights.hpp"
#include "coverslip/ops/windows/indirect.hpp"

namespace coverslip::inline v0::ops {

// As predicted times go: of tiles by all panels, of numbers that are rounded and made, of weights from memory.
inline double bf16_nanoseconds(const Bf16Conv& conv, double samples, const KernelTable& kernels) {
  constexpr double kRounded = 8, kMade = 6, kWeights = 15, kTile = 25;
  const auto columns = static_cast<double>(conv.columns()), terms = static_cast<double>(2 * conv.panels().rows);
  const double tiles = samples * conv.tiles(), rows = tiles * static_cast<double>(kBf16Rows);
  const double product = rows * columns * terms / (kernels.gemm_bf16.speed * multiply_adds_per_nanosecond(kernels)),
               weights = 2 * columns * terms / kWeights;
  return 50 + std::max(product, weights) + std::min(product, weights) / 4 +
         samples * conv.numbers_rounded() / kRounded + rows * columns / kMade + tiles * columns / 16 * kTile;
}

using NarrowTimes = std::array<double, std::size(kNarrowWays)>;  // in nanoseconds, of each way

// `step` once more for each way, if there are any.
inline void add_narrow_ways(std::vector<Step>& steps, const Step& step, const std::optional<NarrowTimes>& times) {
  for (std::size_t way = 0; times && way < times->size(); ++way) {
    steps.push_back(with_narrow(step, kNarrowWays[way].first, kNarrowWays[way].second));
    steps.back().nanoseconds = (*times)[way];
  }
}

// A convolution in bf16, in the way that is best on the target.
struct ConvInBf16 {
  OrderedPanels panels{};  // as f32 would have them
  std::string order{};     // of their terms; none: theirs
  std::size_t scratch_bytes = 0;
  double nanoseconds = 0;
  std::optional<NarrowTimes> narrow{};  // where it reads and makes narrow values, too
  // Inputs from 3 on, if there are any: a residual, and what only tiles know.
  std::function<void(Inputs, const float* weights, const float* bias, View& y, const Box&, std::byte* scratch)> run{};
};

// After Conv's own inputs: scale and shift of each channel, or more channels.
inline ImageInput image_input_of(Inputs from) {
  if (from.size() < 5) return {};
  if (from[4].shape().rank() == 1) return {.scale = &from[4], .shift = &from[5]};
  return {.more = from.subspan(4)};
}

// `conv`: in f32, of which outputs [N,K,...] in the shape `y` are some or all. `others` and `abreast`: see Bf16Conv,
// which there is where the kernels have tiles.
inline ConvInBf16 conv_in_bf16(IndirectConv conv, const Shape& y, const KernelTable& table,
                               std::span<const IndirectConv> others = {}, bool abreast = false) {
  const GemmBf16Kernels& kernels = table.gemm_bf16;
  conv.panels.width = static_cast<Dim>(kernels.columns);
  ConvInBf16 made{.panels = {conv.panels}};
  if (kernels.tiles != nullptr) {
    const Bf16Conv image(conv, y, kernels, others, abreast);
    made.panels.order = image.window().order;
    made.order = ", " + image.window().name();
    made.scratch_bytes = image.scratch_bytes();
    made.nanoseconds = bf16_nanoseconds(image, static_cast<double>(y[0]), table);
    made.narrow.emplace();
    double x = static_cast<double>(y[0] * conv.channels);
    for (const AxisTaps& axis : conv.axes) x *= static_cast<double>(axis.inputs);
    for (std::size_t way = 0; way < made.narrow->size(); ++way) {
      const auto& [from, to] = kNarrowWays[way];
      const double saved = (from ? narrow_saves(x) : 0) + (to ? narrow_saves(static_cast<double>(y.elements())) : 0);
      (*made.narrow)[way] = std::max(made.nanoseconds - saved, 1.0);
    }
    made.run = [image](Inputs from, const float* weights, const float* bias, View& to, const Box& box,
                       std::byte* scratch) {
      image.run(from[0], weights, bias, residual_of(from), to, box, scratch, image_input_of(from));
    };
    return made;
  }
  conv.kernel = kernels.run;
  conv.tile_rows = kernels.rows;
  conv.kernel_scratch_bytes = kernels.scratch_bytes(static_cast<std::size_t>(conv.terms()));
  auto pixels = static_cast<double>(y[0]);
  for (std::size_t i = 0; i < conv.axes.size(); ++i)
    pixels *= static_cast<double>(conv.axes[i].steps({0, y[i + 2]}).extent());
  made.nanoseconds = bf16_nanoseconds(pixels, conv.panels, table) +
                     pixels * static_cast<double>(conv.pieces() + 2) * kNanosecondsPerPointer;
  conv.panels = paired(conv.panels);
  made.scratch_bytes = conv.scratch_bytes();
  made.run = [conv](Inputs from, const float* weights, const float* bias, View& to, const Box& box,
                    std::byte* scratch) { conv.run(from[0], weights, bias, residual_of(from), to, box, scratch); };
  return made;
}

// `steps`: other candidates of the node, the first of them `wide`; `source`: where its weights lie.
inline void add_bf16_conv(std::vector<Step>& steps, const Node& node, const IndirectConv& wide, const Shape& y,
                          const std::function<Panels::Source(const Panels&)>& source, const PlanContext& context) {
  if (!context.bf16 || wide.depthwise || wide.terms() == 0) return;
  const bool abreast = context.kernels.gemm_bf16.tiles != nullptr && pays_abreast(wide, y[y.rank() - 1]);
  const ConvInBf16 conv = conv_in_bf16(abreast ? two_abreast(wide) : wide, y, context.kernels, {}, abreast);
  const Panels& panels = conv.panels.panels;
  IndirectConv one = wide;
  one.panels.width = panels.width;
  FillPanel fill = [panels = one.panels, from = source(one.panels), transpose = context.kernels.transpose](
                       const float* weights, std::size_t, Dim panel, float* to) {
    panels.fill_panel(weights, panel, to, from, transpose);
  };
  if (abreast) fill = weights_abreast(one, std::move(fill));
  Step step = steps.front();
  step.kernel += "_bf16";
  step.bf16 = true;
  step.inputs[1] =
      bf16_form({conv.panels}, (abreast ? "conv, two abreast, " : "conv, ") + to_string(panels) + conv.order,
                std::move(fill), context.kernels.gemm_bf16);
  if (node.has(2)) step.inputs[2] = bias_form(panels);
  for (Cut& cut : step.cuts) {
    if (cut.axis == 1) cut.multiple = panels.groups > 1 ? panels.columns : panels.width;
    if (cut.axis + 1 == y.rank() && abreast) cut.multiple = 2;
  }
  step.scratch_bytes = conv.scratch_bytes;
  step.nanoseconds = conv.nanoseconds;
  step.tolerance = bf16_tolerance(wide.terms(), wide.epilogue);
  step.run =
      run_with_packed([run = conv.run](Inputs from, Outputs to, const float* weights, const float* bias, const Box& box,
                                       std::byte* scratch) { run(from, weights, bias, to[0], box, scratch); });
  steps.push_back(step);
  add_narrow_ways(steps, step, conv.narrow);
}

}  // namespace coverslip::inline v0::ops
