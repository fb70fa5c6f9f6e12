// MatMul in bf16 by tiles: rows of A are rounded, or copied where they are bf16 already, a block at a time.
#pragma once
#include <cstring>

#include "coverslip/ops/bf16.hpp"
#include "coverslip/ops/matrices/matmul_shape.hpp"

namespace coverslip::inline v0::ops {

class MatMulBf16 {
 public:
  // `panels`: of B in f32.
  MatMulBf16(const MatMul& matmul, const Panels& panels, const GemmBf16Kernels& kernels, const Epilogue& epilogue)
      : matmul_(matmul), panels_(paired(panels)), kernels_(kernels), epilogue_(epilogue) {
    constexpr std::size_t kBlock = 256 << 10, kPage = 1024, kMost = 1024, kLeast = 64;  // bytes, and rows
    steps_ = static_cast<std::size_t>(2 * panels_.rows) / kBf16Terms;
    row_ = steps_ * kBf16Terms * sizeof(BFloat16);
    if (row_ % kPage == 0) row_ += 64;  // rows of a tile are not to share their places in the cache
    block_ = std::clamp(kBlock / row_ / kLeast * kLeast, kLeast, kMost);
  }

  std::size_t scratch_bytes() const {
    return aligned(kernels_.tiles_scratch_bytes) + block_ * row_ + steps_ * sizeof(std::size_t) +
           block_ * 3 * sizeof(void*) + block_ / kBf16Rows * sizeof(void*);
  }

  // `bias` and `residual`: their views, or null.
  void operator()(Inputs from, const View* bias, const View* residual, View& to, const Box& box,
                  std::byte* scratch) const {
    if (box.shape().elements() == 0) return;
    const Range m = matmul_.rows(box), n = matmul_.columns(box);
    Block block(*this, scratch, from[0], residual, to);
    block.work.columns = static_cast<std::size_t>(n.extent());
    block.work.bias = bias != nullptr ? packed_floats(*bias) + n.begin : nullptr;
    Box samples = box;  // one index for each matrix of the output
    for (std::size_t axis = matmul_.batch; axis < box.rank(); ++axis) samples[axis].end = samples[axis].begin + 1;
    const auto bytes = [](const View& view, Dim step) { return step * static_cast<Dim>(size_of(view.dtype())); };
    const Dim a_step = bytes(from[0], matmul_.a_step(from[0])), c_step = bytes(to, matmul_.y_step(to)),
              init_step = residual != nullptr ? bytes(*residual, matmul_.y_step(*residual)) : 0;
    for_each(samples, [&](const Index& y) {
      const float* b = packed_floats(from[1]) + matmul_.b_index(y) * panels_.group_floats() + n.begin * panels_.rows;
      if (b != block.work.b) block.flush(*this);
      block.work.b = b;
      const Index first = matmul_.y_place(y, m.begin, n.begin);
      const std::byte *a = from[0].at(matmul_.a_place(y, m.begin, 0)),
                      *init = residual != nullptr ? residual->at(first) : nullptr;
      std::byte* c = to.at(first);
      for (Dim i = m.begin; i < m.end; ++i, a += a_step, c += c_step, init += init_step) {
        block.add(a, c, init);
        if (block.rows == block_) block.flush(*this);
      }
    });
    block.flush(*this);
  }

 private:
  // Rows of the output that are computed together.
  struct Block {
    TilesBf16 work;
    bool a_bf16;
    std::size_t rows = 0;
    std::byte *rounded, **c;
    const std::byte **a, **init, **tiles;

    Block(const MatMulBf16& all, std::byte* scratch, const View& from, const View* residual, const View& to)
        : a_bf16(from.dtype() == DType::bf16) {
      rounded = scratch + aligned(all.kernels_.tiles_scratch_bytes);
      auto* pieces = reinterpret_cast<std::size_t*>(rounded + all.block_ * all.row_);
      for (std::size_t k = 0; k < all.steps_; ++k) pieces[k] = k * kBf16Terms * sizeof(BFloat16);
      a = reinterpret_cast<const std::byte**>(pieces + all.steps_);
      init = a + all.block_;
      c = const_cast<std::byte**>(init + all.block_);
      tiles = const_cast<const std::byte**>(c + all.block_);
      for (std::size_t t = 0; t < all.block_ / kBf16Rows; ++t) tiles[t] = rounded + t * kBf16Rows * all.row_;
      work = {.a = tiles,
              .a_offset = 0,
              .a_step = all.row_,
              .pieces = pieces,
              .steps = all.steps_,
              .tiles = 0,
              .columns = 0,
              .b = nullptr,
              .bias = nullptr,
              .init = residual != nullptr ? init : nullptr,
              .c = c,
              .c_offset = 0,
              .init_bf16 = residual != nullptr && residual->dtype() == DType::bf16,
              .c_bf16 = to.dtype() == DType::bf16,
              .epilogue = all.epilogue_,
              .scratch = scratch};
    }

    void add(const std::byte* row, std::byte* to, const std::byte* residual) {
      a[rows] = row;
      c[rows] = to;
      init[rows++] = residual;
    }

    void flush(const MatMulBf16& all) {
      if (rows == 0) return;
      round(all);
      work.tiles = (rows + kBf16Rows - 1) / kBf16Rows;
      for (std::size_t i = rows; i < work.tiles * kBf16Rows; ++i) c[i] = nullptr;
      all.kernels_.tiles(work);
      rows = 0;
    }

    // Rows that follow each other evenly at once. Behind them zeros, as far as the kernel reads.
    void round(const MatMulBf16& all) const {
      const auto terms = static_cast<std::size_t>(all.matmul_.k), bytes = terms * sizeof(BFloat16);
      for (std::size_t i = 0; i < rows;) {
        const std::ptrdiff_t step = i + 1 < rows ? a[i + 1] - a[i] : 0;
        std::size_t end = i + 1;
        while (end < rows && a[end] - a[end - 1] == step) ++end;
        all.kernels_.round({.x = a[i],
                            .x_bf16 = a_bf16,
                            .to = rounded + i * all.row_,
                            .rows = end - i,
                            .n = terms,
                            .x_step = step,
                            .to_step = static_cast<std::ptrdiff_t>(all.row_)});
        i = end;
      }
      const std::size_t read = all.steps_ * kBf16Terms * sizeof(BFloat16);
      for (std::size_t i = 0; i < rows && bytes < read; ++i)
        std::memset(rounded + i * all.row_ + bytes, 0, read - bytes);
    }
  };

  MatMul matmul_;
  Panels panels_;
  GemmBf16Kernels kernels_;
  Epilogue epilogue_;
  std::size_t steps_ = 0, row_ = 0, block_ = 0;  // row_: bytes of one that is rounded; block_: rows
};

}  // namespace coverslip::inline v0::ops
