// The piece of work of the convolution and matrix kernels: rows that are found by pointers.
#pragma once
#include <cstddef>

#include "coverslip/kernels/epilogue.hpp"

namespace coverslip {
inline namespace v0 {

// C = activation(init + bias + A B). A is read where it lies: row m of it is `taps` pieces of `channels` floats. A
// matrix has one piece a row, a convolution one for each tap of its window (the indirection of Dukhan, "The Indirect
// Convolution
// Algorithm", arXiv:1907.02129). An element of C has the same bits whatever rows and columns are computed with it.
struct IndirectF32 {
  const float* const* a;  // row m, tap t: a[t * a_rows + m] + a_offset
  std::size_t a_rows;     // at least `rows`
  std::size_t a_offset;
  std::size_t rows, columns, taps, channels;
  const float* b;            // packed [panels][taps][channels][width of a panel], zeros after the last column; aligned
  const float* bias;         // as wide as the panels together; may be null
  const float* const* init;  // row m: init[m] + c_offset, `columns` floats; may be null, and the same memory as c
  float* const* c;           // row m: c[m] + c_offset, `columns` floats
  std::size_t c_offset;
  Epilogue epilogue;
  void* scratch = nullptr;  // of kernels that say how much they need; aligned as b
};

}  // namespace v0
}  // namespace coverslip
