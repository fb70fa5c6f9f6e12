// Contract of the kernels that find out which elements the samples of a grid are mixed of.
#pragma once
#include <cstddef>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

// One spatial axis of what is sampled. Coordinates are -1 to 1 over all of it, or from the middle of its first element
// to that of its last.
struct GridLine {
  std::int32_t inputs = 1, stride = 0;  // stride: in elements
  bool align_corners = false;
  bool border = false;  // what lies outside is the element at the border; otherwise nothing, and so is NaN
};

// n samples; the coordinates of one lie side by side, of the last axis first, those of the next `step` further. Corner
// k of sample i counts weights[k * block + i] at places[k * block + i]; a weight may be 0, its place is inside all the
// same. There are 2^axes corners (linear), the last axis fastest, or one (nearest, the even one of two). `block` is a
// multiple of 16, at least n: what lies between n and the next multiple is written, too.
struct GridCornersKernels {
  using Run = void (*)(const float* coordinates, std::ptrdiff_t step, const GridLine* lines, std::size_t axes,
                       std::size_t n, std::int32_t* places, float* weights, std::size_t block);
  Run linear, nearest;
};

}  // namespace v0
}  // namespace coverslip
