// Contract of the kernel that mixes numbers from anywhere: interpolation where outputs lie side by side.
#pragma once
#include <cstddef>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

struct GatherSumKernels {
  // y[i] = the sum of weights[k * step + i] * x[places[k * step + i]], in order of k. A term whose weight is 0 adds
  // nothing, whatever lies at its place; there must be something.
  void (*run)(const float* x, const std::int32_t* places, const float* weights, std::size_t terms, std::size_t step,
              float* y, std::size_t n);
};

}  // namespace v0
}  // namespace coverslip
