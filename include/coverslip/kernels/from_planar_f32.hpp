// Contract of the f32 kernel for convolutions from few planar channels to channels-last.
#pragma once
#include "coverslip/kernels/planar_conv_f32.hpp"

namespace coverslip {
inline namespace v0 {

struct FromPlanarF32Kernels {
  std::size_t columns;  // output channels that are computed together at most, and columns of the packed weights
  // As PlanarConvF32 says, but vectors are of output channels: y[i * y_stride + k], weights [taps][columns], and a bias
  // that is as wide as they. y is f32; init and ahead are not looked at.
  void (*run)(const PlanarConvF32&);
  // y[i] = x[i * stride] of n elements.
  void (*every)(const float* x, std::size_t stride, std::size_t n, float* y);
};

}  // namespace v0
}  // namespace coverslip
