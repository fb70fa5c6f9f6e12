// Contract of the f32 matrix kernel, on which convolutions stand too.
#pragma once
#include "coverslip/kernels/indirect.hpp"

namespace coverslip {
inline namespace v0 {

struct GemmF32Kernels {
  std::size_t rows;     // of C that lie in registers together: multiples of it are fastest
  std::size_t columns;  // of a panel of B
  void (*run)(const IndirectF32&);
};

}  // namespace v0
}  // namespace coverslip
