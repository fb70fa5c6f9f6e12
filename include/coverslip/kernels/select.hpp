// Contract of the kernels that choose between two values, element by element.
#pragma once
#include <cstddef>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

// y = condition ? a : b, in rows. An operand that is `single` gives one element for all of a row.
struct SelectRows {
  std::size_t count = 1, n = 0;
  std::ptrdiff_t condition_step = 0, a_step = 0, b_step = 0, y_step = 0;
  bool condition_single = false, a_single = false, b_single = false;
};

// y may be a or b, where that is not single.
using SelectKernel = void (*)(const std::uint8_t* condition, const void* a, const void* b, void* y,
                              const SelectRows& rows);
struct SelectKernels {
  SelectKernel of_1_byte, of_2_bytes, of_4_bytes, of_8_bytes;
};

}  // namespace v0
}  // namespace coverslip
