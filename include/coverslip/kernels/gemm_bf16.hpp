// Contract of the matrix kernel that multiplies in bf16 and sums in f32.
#pragma once
#include "coverslip/kernels/indirect.hpp"

namespace coverslip {
inline namespace v0 {

// `run` is that of f32 but for its products: rows of A are f32 and rounded to bf16 on the way, all pieces of a row as
// one; B is packed in pairs, each in the place of a float: [panels][terms / 2][columns][2], terms rounded up to a
// multiple of kBf16Terms and filled with zeros. Subnormal numbers may count as zeros. A sum has one or two roundings a
// term.
inline constexpr std::size_t kBf16Terms = 32;

struct GemmBf16Kernels {
  std::size_t rows = 0, columns = 0;                          // as those of f32
  double speed = 0;                                           // multiply-adds in the time of one of f32
  void (*run)(const IndirectF32&) = nullptr;                  // wants scratch; null: the target has none
  std::size_t (*scratch_bytes)(std::size_t terms) = nullptr;  // for rows of A of so many
  void (*pair)(const float* panel, std::size_t terms, float* pairs) = nullptr;  // from a panel of f32
  bool (*may_run)() = nullptr;  // whether CPU and system have what the target does not imply; asks the system for it
};

}  // namespace v0
}  // namespace coverslip
