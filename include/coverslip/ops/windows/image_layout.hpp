// Where what a convolution in bf16 reads lies in an image: planes of lines of places, one for all channels of an input.
#pragma once
#include <algorithm>
#include <vector>

#include "coverslip/ops/bf16.hpp"
#include "coverslip/ops/windows/indirect.hpp"

namespace coverslip::inline v0::ops {

// Inputs along an axis: place q of plane p is input q * every + residues[p]. Output j reads, in tap t, place
// j * stride + places[t] of plane planes[t].
struct ImageAxis {
  AxisTaps taps{};
  Dim outputs = 0, every = 1, stride = 1;
  std::vector<Dim> residues{}, planes{}, places{};
  Dim low = 0, span = 0;  // of the places
  Dim alone = 0;          // inputs that the last output lacks, as none is abreast of it

  Dim extent(Dim n) const { return (n - 1) * stride + span + 1; }  // places of a plane, for n outputs

  // As many planes as the stride, or fewer, so that the next output is the next place.
  static ImageAxis in_planes(const AxisTaps& taps, Dim outputs) {
    ImageAxis axis{.taps = taps, .outputs = outputs, .every = taps.stride};
    for (const Dim at : taps.at) {
      const Dim residue = (at % taps.stride + taps.stride) % taps.stride;
      const auto found = std::ranges::find(axis.residues, residue);
      axis.planes.push_back(found - axis.residues.begin());
      if (found == axis.residues.end()) axis.residues.push_back(residue);
      axis.places.push_back((at - residue) / taps.stride);
    }
    axis.bound();
    return axis;
  }
  // One plane, so that taps lie side by side; of one tap alone, only what it reads.
  static ImageAxis in_rows(const AxisTaps& taps, Dim outputs) {
    if (taps.at.size() == 1) return in_planes(taps, outputs);
    ImageAxis axis{.taps = taps, .outputs = outputs, .stride = taps.stride, .residues = {0}};
    axis.places = taps.at;
    axis.planes.resize(taps.at.size());
    axis.bound();
    return axis;
  }
  void bound() {
    const auto [least, most] = std::ranges::minmax(places);
    low = least;
    span = most - least;
  }
  // The inputs that outputs j depend on.
  Range needed(const Range& j) const {
    const auto [least, most] = std::ranges::minmax(taps.at);
    return {std::max<Dim>(j.begin * taps.stride + least, 0),
            std::min((j.end - 1) * taps.stride + most + 1 - (j.end == outputs ? alone : 0), taps.inputs)};
  }
};

// How many outputs along each axis share an image.
using ImageBlock = std::vector<Dim>;

// Places of one block. Tiles read kRows places, a stride apart.
struct ImageLayout {
  static constexpr Dim kRows = static_cast<Dim>(kBf16Rows);
  std::vector<ImageAxis> axes{};
  Dim channels = 0;
  bool abreast = false;  // see two_abreast

  // In outputs: from a line of places to the next.
  Dim pitch(Dim n) const { return (axes.back().extent(n) + axes.back().stride - 1) / axes.back().stride; }
  Dim planes() const {
    Dim n = 1;
    for (const ImageAxis& axis : axes) n *= static_cast<Dim>(axis.residues.size());
    return n;
  }
  Dim lines(const ImageBlock& block) const {  // of a plane
    Dim n = 1;
    for (std::size_t i = 0; i + 1 < axes.size(); ++i) n *= axes[i].extent(block[i]);
    return n;
  }
  Dim line_places(const ImageBlock& block) const { return pitch(block.back()) * axes.back().stride; }
  std::size_t image_bytes(const ImageBlock& block) const {
    return static_cast<std::size_t>(planes() * lines(block) * line_places(block) * channels * 2);
  }
  // The last tile reads over the end, and so does the last piece of a short run.
  std::size_t slack() const {
    return static_cast<std::size_t>(kRows * axes.back().stride * channels * 2) + 2 * kBf16Terms;
  }
  Dim rows_of_c() const { return abreast ? 2 * kRows : kRows; }  // of a tile
  Dim most_tiles(const ImageBlock& block) const { return lines(block) * pitch(block.back()) / kRows + 1; }
  std::size_t pointers(const ImageBlock& block) const {
    return static_cast<std::size_t>(most_tiles(block) * (1 + 2 * rows_of_c()));
  }
};

}  // namespace coverslip::inline v0::ops
