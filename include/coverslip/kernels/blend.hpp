// Contract of the kernel that mixes corners: linear interpolation in any number of dimensions.
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

struct BlendKernels {
  // y[i] = the sum of weights[k] * corners[k][i], in order of k; count is at least 1.
  void (*run)(const float* const* corners, const float* weights, std::size_t count, float* y, std::size_t n);
};

}  // namespace v0
}  // namespace coverslip
