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

// The same with rows of A that are bf16 already, a constant number of bytes apart within each tile of kBf16Rows. A row
// of C has the same bits whatever is computed with it. Where B has zeros, A must have numbers.
// Abreast, each row of A makes two rows of C, of kBf16TileColumns columns at most, and c has twice as many: of each
// tile kBf16Rows by the first columns of the panel, then as many by those from kBf16TileColumns on.
inline constexpr std::size_t kBf16Rows = 16, kBf16TileColumns = 16;

struct TilesBf16 {
  const std::byte* const* a;          // each tile's first row: a[t] + a_offset; all its rows may be read
  std::size_t a_offset;               // in bytes
  std::size_t a_step;                 // bytes from a row to the next
  const std::size_t* pieces;          // bytes from a row to each kBf16Terms of its terms, in the order of B
  std::size_t steps, tiles, columns;  // steps: pieces
  const float* b;                     // packed
  const float* bias;                  // as wide as the panels together; may be null
  const std::byte* const* init;       // as c; may be null, and the same memory
  std::byte* const* c;                // of each row of each tile; null: it is not made
  std::size_t c_offset;               // of init too, in elements
  bool init_bf16, c_bf16;             // else f32
  bool abreast = false;
  Epilogue epilogue;
  void* scratch;
};

// Rows of n numbers to bf16, from f32 or as they are; with scale and shift of each number of a row, max(0, x * scale +
// shift).
struct RowsBf16 {
  const std::byte* x;
  bool x_bf16;
  std::byte* to;
  std::size_t rows, n;
  std::ptrdiff_t x_step, to_step;  // bytes from a row to the next
  const float *scale = nullptr, *shift = nullptr;
};

struct GemmBf16Kernels {
  std::size_t rows = 0, columns = 0;                          // as those of f32
  double speed = 0;                                           // multiply-adds in the time of one of f32
  void (*run)(const IndirectF32&) = nullptr;                  // wants scratch; null: the target has none
  std::size_t (*scratch_bytes)(std::size_t terms) = nullptr;  // for rows of A of so many
  void (*pair)(const float* panel, std::size_t terms, float* pairs) = nullptr;  // from a panel of f32
  bool (*may_run)() = nullptr;  // whether CPU and system have what the target does not imply; asks the system for it
  // Only where these are faster than `run`.
  void (*tiles)(const TilesBf16&) = nullptr;
  std::size_t tiles_scratch_bytes = 0;
  void (*round)(const RowsBf16&) = nullptr;
};

}  // namespace v0
}  // namespace coverslip
