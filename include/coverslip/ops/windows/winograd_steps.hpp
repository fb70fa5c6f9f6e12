// Winograd's convolutions as candidates of Conv: for which windows, how they are cut, and what they cost.
#pragma once
#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/windows/computed_weights.hpp"
#include "coverslip/ops/windows/window.hpp"
#include "coverslip/ops/windows/winograd.hpp"

namespace coverslip::inline v0::ops {

// None where the windows are not Winograd's: 3 taps, stride 1, dense, on two or three axes.
inline std::optional<WinogradConv> winograd_conv(const Node& node, const Types& in, const Shape& y,
                                                 std::span<const Window> windows, const WinogradTileF32& tile,
                                                 const KernelTable& kernels) {
  const std::size_t rank = y.rank();
  const Dim channels = in[1].shape[1];
  if (rank < 4 || rank > 5 || (rank == 5) != (tile.outputs[0] > 1) || channels != in[0].shape[1] || channels == 0)
    return {};
  WinogradConv conv{.spatial = rank - 2,
                    .channels = channels,
                    .outputs = y[1],
                    .kernels = kernels.winograd_f32,
                    .tile = tile,
                    .epilogue = epilogue_of(node)};
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (windows[i].taps != 3 || windows[i].stride != 1 || windows[i].dilation != 1) return {};
    const std::size_t axis = i + 5 - rank;
    conv.axes[axis] = {.tile = static_cast<Dim>(tile.outputs[axis]),
                       .points = static_cast<Dim>(winograd_points(tile.outputs[axis])),
                       .before = windows[i].before,
                       .inputs = in[0].shape[i + 2],
                       .outputs = y[i + 2]};
  }
  return conv;
}

// Rates, in bytes a nanosecond: of weights from memory and once more, of points that are made and that are read.
inline double winograd_nanoseconds(const WinogradConv& conv, Dim samples, const KernelTable& kernels) {
  constexpr double kFirst = 11, kAgain = 20, kMade = 44, kRead = 26, kLeastRows = 4;
  const auto tiles = static_cast<double>(samples * conv.tiles()), lanes = static_cast<double>(conv.lanes());
  const auto padded = static_cast<double>(conv.padded()), weights = static_cast<double>(conv.weight_floats());
  const double inputs = std::ceil(static_cast<double>(conv.channels) / lanes) * lanes;
  const double product = weights * std::max(tiles, kLeastRows) / multiply_adds_per_nanosecond(kernels);
  const double stream = 4 * (weights / kFirst + (conv.order(samples).outer_floats - weights) / kAgain);
  const double points = 4 * tiles * static_cast<double>(conv.points());
  return 50 + std::max(product, stream) + std::min(product, stream) / 2 +
         points * (inputs * static_cast<double>(conv.spatial) / kMade + padded / kRead);
}

// Both transforms, a product for each channel, bias, residual, the reference, and eight for an exponential.
inline double winograd_tolerance(const WinogradConv& conv) {
  return (static_cast<double>(conv.channels) + 4 + WinogradTransforms(conv.tile.outputs).roundings +
          (conv.epilogue.activation != Activation::None ? 8 : 0)) *
         0x1p-24;
}

// `direct`: another candidate of the same node.
inline Step winograd_step(const WinogradConv& conv, const Step& direct, const Node& node, const Types& in,
                          const Shape& y, const KernelTable& kernels) {
  const Dim samples = y[0];
  Step step = direct;
  step.kernel = "winograd";
  for (const std::size_t outputs : conv.tile.outputs)
    if (outputs > 1) step.kernel += "_" + std::to_string(outputs);
  const bool by_point = conv.order(samples).by_point;
  const FillWeights fill = [conv, by_point](const float* weights, float* packed) {
    conv.pack(weights, packed, by_point);
  };
  step.inputs[1] = weights_form(step.kernel + (by_point ? ", points of panels of " : ", panels of ") +
                                    std::to_string(conv.columns()) + ", vectors of " + std::to_string(conv.lanes()),
                                conv.weight_floats(), fill);
  step.cuts = conv_cuts(in, y, conv.weight_floats(), conv.columns());
  for (Cut& cut : step.cuts) {
    if (cut.axis >= 2) cut.multiple = conv.axes[cut.axis + 3 - y.rank()].tile;
  }
  step.scratch_bytes = conv.scratch_bytes(samples);
  step.nanoseconds = winograd_nanoseconds(conv, samples, kernels);
  step.tolerance = winograd_tolerance(conv);
  step.magnitudes = [conv, node](Inputs from, Outputs to) { winograd_magnitudes(conv, node, from, to); };
  step.run = run_with_packed([conv, samples](Inputs from, Outputs to, const float* weights, const float* bias,
                                             const Box& box, std::byte* scratch) {
    conv.run(from[0], weights, bias, residual_of(from), to[0], box, scratch, samples);
  });
  return step;
}

// `steps`: other candidates of the node, the first of them direct.
inline void add_winograd(std::vector<Step>& steps, const Node& node, const Types& in, const Shape& y,
                         std::span<const Window> windows, const KernelTable& kernels) {
  const Step direct = steps.front();
  for (const WinogradTileF32& tile : kernels.winograd_f32.tiles)
    if (const auto conv = winograd_conv(node, in, y, windows, tile, kernels))
      steps.push_back(winograd_step(*conv, direct, node, in, y, kernels));
}

}  // namespace coverslip::inline v0::ops
