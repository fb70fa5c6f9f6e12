// Contracts of the elementwise kernels of one input.
#pragma once
#include "coverslip/kernels/epilogue.hpp"
#include "coverslip/kernels/rows.hpp"

namespace coverslip {
inline namespace v0 {

// x and y may be the same array. activate gives the same bits on every target; activate_sums is what kernels do to
// their sums of products, rounded as the target does it best.
struct UnaryKernels {
  void (*activate)(const float* x, float* y, const Rows& rows, const Epilogue& epilogue);
  void (*activate_sums)(const float* x, float* y, const Rows& rows, const Epilogue& epilogue);
};

}  // namespace v0
}  // namespace coverslip
