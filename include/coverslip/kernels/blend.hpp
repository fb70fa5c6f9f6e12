// Contract of the kernels that mix runs of numbers: interpolation of pixels whose channels lie side by side.
#pragma once
#include <cstddef>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

// A row of pixels, and for each of many others which of them it is mixed of: term k of pixel i is
// weights[k * all + i] times the pixel at places[k * all + i]. `x` is the pixel at place `first`.
struct PixelTerms {
  const float* x = nullptr;
  std::ptrdiff_t x_step = 0, first = 0;
  const std::int32_t* places = nullptr;
  const float* weights = nullptr;
  std::size_t terms = 0, all = 0;
};

struct BlendKernels {
  // y[i] = the sum of weights[k] * corners[k][i], in order of k; count is at least 1.
  void (*run)(const float* const* corners, const float* weights, std::size_t count, float* y, std::size_t n);
  // y[i * y_step + c] = the sum of pixel i's terms at channel c, in order, for the first `pixels` pixels and c < n. A
  // term whose weight is 0 adds nothing, whatever lies at its place.
  void (*row)(const PixelTerms& from, float* y, std::ptrdiff_t y_step, std::size_t pixels, std::size_t n);
};

}  // namespace v0
}  // namespace coverslip
