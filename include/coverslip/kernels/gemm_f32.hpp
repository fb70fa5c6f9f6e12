// Contract of the f32 matrix kernel, on which convolutions stand too.
#pragma once
#include "coverslip/kernels/indirect.hpp"

namespace coverslip {
inline namespace v0 {

// Columns of a matrix, as many as a panel has or fewer: [k][n] is factor * data[k * row_step + n * column_step].
struct PanelF32 {
  const float* data;
  std::ptrdiff_t row_step, column_step;
  float factor;
  std::size_t rows, columns;  // columns: at least 1
  float* panel;               // [rows][width of a panel], zeros after the last column
};

struct GemmF32Kernels {
  std::size_t tile;     // rows of C that lie in registers together
  std::size_t rows;     // a multiple of it: best for a small B, whatever its columns
  std::size_t columns;  // of a panel of B
  void (*run)(const IndirectF32&);
  void (*pack)(const PanelF32&);
};

}  // namespace v0
}  // namespace coverslip
