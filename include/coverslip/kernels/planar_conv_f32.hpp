// Contract of the f32 kernel for convolutions with few channels, whose vectors run along the last axis.
#pragma once
#include <cstddef>

#include "coverslip/kernels/epilogue.hpp"

namespace coverslip {
inline namespace v0 {

// A row of one input channel, padding included, and the place of the weights of its taps.
struct PlanarRow {
  const float* x;
  std::size_t taps_before;  // among all the taps that the packed weights have
};

// y[k][i] = activation(init[k][i] + bias[k] + sum over rows and taps of x[at[tap] + i] weights[...][k]), where k is one
// of a few output channels. An element has the same bits whatever is computed with it: rows and taps come in order.
struct PlanarConvF32 {
  const PlanarRow* rows;
  std::ptrdiff_t offset;  // of all rows: one list serves all outputs whose windows read the same kinds of rows
  std::size_t row_count;
  const std::size_t* at;
  std::size_t taps;      // of a row
  const float* weights;  // [taps][channels]
  const float* bias;     // may be null
  const void* init;      // may be null, and the same memory as y
  std::size_t init_stride;
  void* y;
  bool y_bf16;                     // else f32; init is as y
  std::size_t y_stride;            // from one channel to the next
  std::size_t channels, elements;  // rows may be read up to `elements` rounded up to whole vectors
  const void* const* ahead;        // cache lines that will be used next
  std::size_t ahead_count;
  Epilogue epilogue;
};

struct PlanarConvF32Kernels {
  std::size_t channels;  // of an output, that are computed together at most
  bool narrow;           // whether y may be bf16
  void (*run)(const PlanarConvF32&);
};

}  // namespace v0
}  // namespace coverslip
