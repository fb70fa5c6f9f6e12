// Contract of the f32 kernel for convolutions in which every channel has a filter of its own.
#pragma once
#include <cstddef>

#include "coverslip/kernels/epilogue.hpp"

namespace coverslip {
inline namespace v0 {

// A row of the input under a row of the window.
struct DepthwiseRow {
  std::ptrdiff_t x;  // where its column 0 lies, which need not be there
  std::size_t tap;   // the first of the window's row
};

// A row of outputs.
struct DepthwiseLine {
  std::size_t begin, end;  // of the rows under its window, in the order in which they are added
  std::ptrdiff_t y, init;  // where its output 0 lies, which need not be there
};

// y = activation(init + bias + sum over taps of x weight), for outputs `begin` to `end` of each line. Places count in
// elements from x, y and init. Of output j, tap t of a row reads column j stride + t dilation - before, and none beyond
// the input's columns. An output has the same bits whatever is computed with it.
struct DepthwiseF32 {
  const void* x;
  const void* init;  // null: none; may be y
  void* y;
  bool x_bf16, y_bf16;  // else f32; init is as y. Of bf16 activations are rough
  const DepthwiseRow* rows;
  const DepthwiseLine* lines;
  std::size_t line_count;
  std::ptrdiff_t begin, end, columns;
  std::ptrdiff_t stride, dilation, before;
  std::ptrdiff_t x_step, y_step, init_step;  // from a column to the next
  std::size_t channels;
  std::size_t row_taps, taps;  // of a row of the window, and of all
  const float* weights;        // packed [vectors of channels][taps][lanes], zeros after the last channel; aligned.
                               // Of x in bf16, two whole vectors hold their even channels and their odd ones.
  const float* bias;           // null: zeros; as long as whole vectors
  Epilogue epilogue;
};

struct DepthwiseF32Kernels {
  std::size_t lanes;  // of a vector of channels
  bool narrow;        // reads and makes bf16, too
  void (*run)(const DepthwiseF32&);
};

}  // namespace v0
}  // namespace coverslip
