// Contracts of the kernels that widen 16-bit floats and narrow to them.
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

// n numbers side by side; x and y do not overlap. Narrowing rounds to nearest even. The bits are those of
// core/half.hpp.
using HalfKernel = void (*)(const void* x, void* y, std::size_t n);
struct HalfKernels {
  HalfKernel widen_f16, widen_bf16, narrow_f16, narrow_bf16;
};

}  // namespace v0
}  // namespace coverslip
