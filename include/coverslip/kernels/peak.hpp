// The loop that shows what a core can do at most: the measure for "percent of peak".
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

struct PeakKernels {
  // Does `rounds` times multiply_adds_per_round f32 multiply-adds, all in registers; the caller takes the time.
  // Returns a number that depends on all of them, so that none can be left out.
  float (*multiply_adds)(std::size_t rounds);
  std::size_t multiply_adds_per_round;
};

}  // namespace v0
}  // namespace coverslip
