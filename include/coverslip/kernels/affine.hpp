// Contract of the kernel that moves and scales: a batch norm whose statistics are known.
#pragma once
#include "coverslip/kernels/epilogue.hpp"
#include "coverslip/kernels/rows.hpp"

namespace coverslip {
inline namespace v0 {

// y = activation((x - mean) * scale + bias). The parameters belong to the elements of a row, the same ones for all
// rows, or else (`single`) one of each to a whole row; `step` then leads to those of the next row.
struct AffineParameters {
  const float *mean, *scale, *bias;
  bool single = false;
  std::ptrdiff_t step = 0;
};

// x and y may be the same array.
struct AffineKernels {
  void (*run)(const float* x, float* y, const Rows& rows, const AffineParameters& parameters, const Epilogue& epilogue);
  // The same on numbers held as bf16. False, and nothing done, for an activation that it has not; no rows ask.
  bool (*narrow)(const void* x, void* y, const Rows& rows, const AffineParameters& parameters,
                 const Epilogue& epilogue);
};

}  // namespace v0
}  // namespace coverslip
