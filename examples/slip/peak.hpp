// The most that the cores can do now, as the measure for how well a model uses them.
#pragma once
#include "coverslip/coverslip.hpp"

namespace coverslip::tool {

// f32 GFLOP/s of so many threads at once, on an instruction set that this CPU runs; takes a tenth of a second.
double measured_peak(Target target, int threads);

// GB/s, read and written, of so many threads that copy arrays far bigger than an L2 cache.
double measured_bandwidth(int threads);

}  // namespace coverslip::tool
