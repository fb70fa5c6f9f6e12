// Convolution in bf16 with few output channels: two outputs beside each other fill the columns of a pair of tiles.
#pragma once
#include "coverslip/ops/windows/bf16_window.hpp"
#include "coverslip/ops/windows/indirect.hpp"

namespace coverslip::inline v0::ops {

// `conv`, each step of which along the last axis makes two outputs, the second one of weights in columns from
// kBf16TileColumns on. Its window is that of both.
inline IndirectConv two_abreast(IndirectConv conv) {
  AxisTaps& along = conv.axes.back();
  std::vector<Dim> at = along.at;
  for (const Dim tap : along.at) at.push_back(tap + along.stride);
  std::ranges::sort(at);
  at.erase(std::unique(at.begin(), at.end()), at.end());
  along.at = std::move(at);
  along.stride *= 2;
  along.step *= 2;
  conv.panels.rows = conv.terms();
  return conv;
}

// With one tile of columns each product loads a tile of rows, with two abreast every other product. That outweighs some
// more terms.
inline bool pays_abreast(const IndirectConv& conv, Dim outputs) {
  constexpr double kMorePieces = 1.2;
  if (conv.panels.groups > 1 || conv.panels.columns > static_cast<Dim>(kBf16TileColumns)) return false;
  if (conv.axes.back().at.size() < 2 || outputs < static_cast<Dim>(2 * kBf16Rows)) return false;
  const auto pieces = [](const IndirectConv& each) { return static_cast<double>(Bf16Window(each).pieces.size()); };
  return pieces(two_abreast(conv)) <= kMorePieces * pieces(conv);
}

// The panel of two abreast, from that of `one`, which `fill` makes.
inline FillPanel weights_abreast(const IndirectConv& one, FillPanel fill) {
  return [one, two = two_abreast(one), fill = std::move(fill)](const float* weights, std::size_t part, Dim panel,
                                                               float* packed) {
    std::vector<float> alone(static_cast<std::size_t>(one.panels.floats()));
    fill(weights, part, panel, alone.data());
    std::fill_n(packed, two.panels.floats(), 0.0f);
    const AxisTaps &from = one.axes.back(), &to = two.axes.back();
    const auto taps = static_cast<Dim>(from.at.size()), all = static_cast<Dim>(to.at.size());
    const Dim width = one.panels.width;
    for (Dim tap = 0; tap < one.taps(); ++tap)
      for (const Dim second : {0, 1}) {
        const Dim at = from.at[static_cast<std::size_t>(tap % taps)] + second * from.stride;
        const Dim place = tap / taps * all + (std::ranges::find(to.at, at) - to.at.begin());
        for (Dim c = 0; c < one.channels; ++c)
          std::copy_n(alone.data() + (tap * one.channels + c) * width, one.panels.columns,
                      packed + (place * one.channels + c) * width + second * static_cast<Dim>(kBf16TileColumns));
      }
  };
}

}  // namespace coverslip::inline v0::ops
