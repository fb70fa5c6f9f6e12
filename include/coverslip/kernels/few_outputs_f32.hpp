// Contract of the f32 kernel for products with few columns, whose result is planar: the last layers of networks.
#pragma once
#include <cstddef>

#include "coverslip/kernels/epilogue.hpp"

namespace coverslip {
inline namespace v0 {

// y[k * y_stride + i] = activation(bias[k] + sum over c of x[i * x_stride + c] weights[k * channels + c]). An element
// has the same bits whatever is computed with it.
struct FewOutputsF32 {
  const void* x;
  bool x_bf16;  // its numbers are held as bf16, else f32
  std::size_t x_stride, channels;
  const float* weights;
  const float* bias;  // may be null
  float* y;
  std::size_t y_stride, outputs, elements;
  Epilogue epilogue;
};

struct FewOutputsF32Kernels {
  void (*run)(const FewOutputsF32&);
};

}  // namespace v0
}  // namespace coverslip
