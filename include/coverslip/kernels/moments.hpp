// Contracts of the kernels that measure numbers and bring them to a mean and a deviation: layer norm and its relatives.
#pragma once
#include "coverslip/kernels/rows.hpp"

namespace coverslip {
inline namespace v0 {

// Of x - shift, in double. With one of the numbers as shift the variance loses no more than their count to
// cancellation, however big their mean is: the sum of squares is at most n + 1 times that around the mean.
struct Moments {
  double sum = 0, squares = 0;
};

// Of a row: y = ((x - mean) - rest) * factor, then * scale[i] and + bias[i] where these are not null; a bias comes with
// a scale. `rest` is what the mean lost when it was rounded.
struct Standardization {
  float mean = 0, rest = 0, factor = 1;
  const float *scale = nullptr, *bias = nullptr;
};

// Rows of n numbers, each brought to a mean of 0 and a deviation of 1, then * scale[i] and + bias[i]. Sums are of f32,
// of distances from the mean, and as good as that.
struct NormRows {
  const void* x;
  void* y;
  Rows rows;
  bool x_bf16, y_bf16;  // else f32
  const float *scale, *bias;
  float epsilon;  // added to the variance
};

// The order of sums depends on n alone, and nothing fuses, so that all targets give the same bits, but for norm_narrow.
struct MomentKernels {
  // Of n numbers side by side.
  Moments (*along)(const float* x, std::size_t n, float shift);
  // Adds rows to the sums of their columns, which have a shift each.
  void (*across)(const float* x, const Rows& rows, const float* shifts, double* sums, double* squares);
  // x and y may be the same array.
  void (*standardize)(const float* x, float* y, std::size_t n, const Standardization& by);
  // x and y may be the same array, if it is of the same type.
  void (*norm_narrow)(const NormRows&);
  // y = x / bases^exponent, element by element.
  void (*damp)(const float* x, const float* bases, float* y, std::size_t n, float exponent);
};

}  // namespace v0
}  // namespace coverslip
