// Contract of Winograd's convolution (Lavin and Gray, arXiv:1509.09308): tiles of the input to points, the products of
// the points, and back to tiles of the output.
#pragma once
#include <array>
#include <cstddef>

#include "coverslip/kernels/epilogue.hpp"

namespace coverslip {
inline namespace v0 {

// Along an axis, m outputs of a window of 3 taps take the m + 2 products of two polynomials' values at the points 0, 1,
// -1 and infinity where m is 2, and at 0, +-near, +-far and infinity where m is 4. All constants that near and far make
// are exact, and they lose half as many bits as 1 and 2. m = 1: an axis without a window, or none.
inline constexpr float kWinogradNear = 0.75f, kWinogradFar = 1.5f;
constexpr std::size_t winograd_points(std::size_t m) { return m == 1 ? 1 : m + 2; }

// Points lie in groups of at most `rows` tiles: [blocks of `lanes` channels][points][rows][lanes], zeros after the last
// channel. Three axes, of which the last is the fastest; strides are of floats, channels lie side by side.
struct WinogradForwardF32 {
  const float* x;  // the first pixel of the tile that lies in the map; may be null where none does
  std::array<std::ptrdiff_t, 3> strides;
  std::array<std::size_t, 3> begin, end;  // the pixels of the tile that do; all others are zeros
  std::size_t channels;
  float* v;  // the tile's row of its group
};

// One channel of a panel's weights to the points, in double: sums in the order of the taps, each product rounded, so
// all targets make the same bits.
struct WinogradWeightsF32 {
  const float* taps;                     // [taps][width]
  std::array<const double*, 3> factors;  // [points][taps] along each axis; those that are zero count for nothing
  std::size_t width;                     // of the panel
  float* u;                              // the channel's row of the first point
  std::size_t point_step;                // from there to that of the next
};

// Some points of all groups, times one panel of weights. A group has tiles / groups tiles, the last tiles % groups of
// them one more.
struct WinogradProductF32 {
  const float* v;  // at the first point that is wanted of the first group
  const float* u;  // [wanted][channels][width]
  float* m;        // [groups][points][rows][width], at the first point that is wanted
  std::size_t tiles, groups, points, wanted, channels;
  std::size_t width;  // of the panel: a multiple of `lanes`, at most `columns`
};

// One tile of y = activation(tile + bias + init).
struct WinogradBackF32 {
  const float* m;  // the tile's row of its group
  std::size_t width;
  std::array<std::size_t, 3> outputs;  // of the tile that are wanted, from its first on
  const float* bias;                   // `width` floats; may be null
  const float* init;                   // may be null, and the same memory as y
  std::array<std::ptrdiff_t, 3> init_strides;
  float* y;
  std::array<std::ptrdiff_t, 3> strides;
  std::size_t columns;  // of the panel that are written
  Epilogue epilogue;
};

struct WinogradTileF32 {
  std::array<std::size_t, 3> outputs;  // m along each axis
  void (*weights)(const WinogradWeightsF32&);
  void (*forward)(const WinogradForwardF32&);
  void (*back)(const WinogradBackF32&);

  constexpr std::size_t points() const {
    return winograd_points(outputs[0]) * winograd_points(outputs[1]) * winograd_points(outputs[2]);
  }
};

struct WinogradF32Kernels {
  std::size_t rows, lanes, columns;
  std::size_t block_bytes;  // of the points of tiles that are worked on together: they stay in the L2 cache
  void (*product)(const WinogradProductF32&);
  std::array<WinogradTileF32, 4> tiles;
};

}  // namespace v0
}  // namespace coverslip
