// The product of two matrices, or of many, on the matrix kernel: what Gemm and MatMul have in common.
#pragma once
#include "coverslip/ops/bf16.hpp"
#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/matrices/panels.hpp"

namespace coverslip::inline v0::ops {

// A matrix inside a View: element [i][j] is factor * data[i * row + j * column].
struct MatrixView {
  const float* data = nullptr;
  Dim row = 0, column = 0;
  float factor = 1;
};

class MatrixProduct {
 public:
  Dim terms = 0;                      // K
  Dim panel_rows = 0;                 // of B
  Dim width = 1;                      // of a panel of B
  Dim tile_rows = 1, least_rows = 1;  // least_rows: that are worth a piece of their own
  bool packed = false;                // B is a constant in panels; otherwise it is packed while it runs
  bool copies_a = false;              // rows of A do not lie side by side
  bool computes_init = false;         // add() is given rows to be computed, not pointers
  void (*kernel)(const IndirectF32&) = nullptr;
  void (*pack)(const PanelF32&) = nullptr;
  std::size_t kernel_scratch_bytes = 0;
  Epilogue epilogue{};

  void use(const GemmF32Kernels& kernels) {
    width = static_cast<Dim>(kernels.columns);
    tile_rows = static_cast<Dim>(kernels.rows);
    least_rows = static_cast<Dim>(kernels.tile);
    panel_rows = terms;
    kernel = kernels.run;
    pack = kernels.pack;
  }
  void use(const GemmBf16Kernels& kernels) {
    width = static_cast<Dim>(kernels.columns);
    tile_rows = least_rows = static_cast<Dim>(kernels.rows);
    panel_rows = paired({.rows = terms}).rows;
    kernel = kernels.run;
    kernel_scratch_bytes = kernels.scratch_bytes(static_cast<std::size_t>(terms));
  }

  Dim block_rows() const {
    constexpr Dim kBytes = 768 << 10;
    if (!packed && !copies_a && !computes_init) return (1024 + tile_rows - 1) / tile_rows * tile_rows;
    return std::clamp<Dim>(kBytes / std::max<Dim>(terms * 4, 1) / tile_rows, 1, 64) * tile_rows;
  }
  // `columns`: of the whole output.
  std::size_t scratch_bytes(Dim columns) const {
    const Dim floats = (packed ? 0 : aligned_floats(terms * width)) + block_rows() * copied_row() +
                       (computes_init ? aligned_floats(block_rows() * columns) : 0);
    return aligned(kernel_scratch_bytes) + static_cast<std::size_t>(floats) * sizeof(float) +
           static_cast<std::size_t>(block_rows()) * 3 * sizeof(void*);
  }

  // Collects rows of the output and computes them when there are enough. B, bias and the columns stay the same until
  // flush().
  class Rows {
   public:
    // Columns [columns.begin, columns.end) of the output; `c`, `init` and `bias` point to the first of them.
    Rows(const MatrixProduct& product, Range columns, std::byte* scratch) : product_(product), columns_(columns) {
      kernel_scratch_ = scratch;
      auto* floats = reinterpret_cast<float*>(scratch + aligned(product.kernel_scratch_bytes));
      panel_ = floats;
      if (!product.packed) floats += aligned_floats(product.terms * product.width);
      copies_ = floats;
      floats += product.block_rows() * product.copied_row();
      inits_of_ = floats;
      if (product.computes_init) floats += aligned_floats(product.block_rows() * columns.extent());
      a_ = reinterpret_cast<const float**>(floats);
      init_ = a_ + product.block_rows();
      c_ = const_cast<float**>(init_ + product.block_rows());
    }

    // B in panels from column 0 on, or as it is.
    void use(const float* panels, const MatrixView& b, const float* bias) {
      flush();
      panels_ = panels;
      b_ = b;
      bias_ = bias;
    }

    // A row of A whose elements are `step` apart; the row of the output; what it begins with, or null.
    void add(const float* a, Dim step, float* c, const float* init) {
      if (product_.copies_a) {
        float* copy = copies_ + rows_ * product_.copied_row();
        for (Dim k = 0; k < product_.terms; ++k) copy[k] = a[k * step];
        a = copy;
      }
      a_[rows_] = a;
      c_[rows_] = c;
      init_[rows_] = init;
      has_init_ = init != nullptr;
      if (++rows_ == product_.block_rows()) flush();
    }
    // The memory for what the next row begins with, if init is computed.
    float* next_init() { return inits_of_ + rows_ * columns_.extent(); }

    void flush() {
      if (rows_ == 0) return;
      IndirectF32 work{.a = a_,
                       .a_rows = static_cast<std::size_t>(rows_),
                       .a_offset = 0,
                       .rows = static_cast<std::size_t>(rows_),
                       .columns = 0,
                       .taps = 1,
                       .channels = static_cast<std::size_t>(product_.terms),
                       .b = nullptr,
                       .bias = bias_,
                       .init = has_init_ ? init_ : nullptr,
                       .c = c_,
                       .c_offset = 0,
                       .epilogue = product_.epilogue,
                       .scratch = kernel_scratch_};
      if (product_.packed) {
        work.b = panels_ + columns_.begin * product_.panel_rows;
        work.columns = static_cast<std::size_t>(columns_.extent());
        product_.kernel(work);
      } else {
        work.b = panel_;
        for (Dim n = 0; n < columns_.extent(); n += product_.width) {
          const Dim count = std::min(product_.width, columns_.extent() - n);
          product_.pack({.data = b_.data + n * b_.column,
                         .row_step = b_.row,
                         .column_step = b_.column,
                         .factor = b_.factor,
                         .rows = static_cast<std::size_t>(product_.terms),
                         .columns = static_cast<std::size_t>(count),
                         .panel = panel_});
          work.columns = static_cast<std::size_t>(count);
          work.c_offset = static_cast<std::size_t>(n);
          if (bias_ != nullptr) work.bias = bias_ + n;
          product_.kernel(work);
        }
      }
      rows_ = 0;
    }

   private:
    const MatrixProduct& product_;
    Range columns_;
    std::byte* kernel_scratch_ = nullptr;
    float *panel_ = nullptr, *copies_ = nullptr, *inits_of_ = nullptr;
    const float** a_ = nullptr;
    const float** init_ = nullptr;
    float** c_ = nullptr;
    const float *panels_ = nullptr, *bias_ = nullptr;
    MatrixView b_{};
    Dim rows_ = 0;
    bool has_init_ = false;
  };

  double nanoseconds(double outputs, std::size_t bytes, const KernelTable& kernels) const {
    return pass_nanoseconds(bytes) + outputs * static_cast<double>(terms) / multiply_adds_per_nanosecond(kernels);
  }

 private:
  static Dim aligned_floats(Dim n) { return (n + 15) / 16 * 16; }
  Dim copied_row() const { return copies_a ? aligned_floats(terms) + 16 : 0; }
};

// One rounding for each term, the factor alpha, bias, residual and the reference, which the activation may magnify.
inline double product_tolerance(Dim terms, const Epilogue& epilogue) {
  const double steepness = std::max({1.2, std::abs(double{epilogue.alpha}), std::abs(double{epilogue.beta})});
  const bool plain = epilogue.activation == Activation::None || epilogue.activation == Activation::Clip;
  return (static_cast<double>(terms) + 5) * (plain ? 1 : steepness) * 0x1p-24 +
         (plain ? 0 : activation_tolerance(epilogue));
}

}  // namespace coverslip::inline v0::ops
