// The bf16 matrix kernel against sums in double of the same rounded operands.
#include <random>

#include "coverslip/core/half.hpp"
#include "coverslip/ops/op.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

double rounded(float x) { return double{to_float(to_bfloat16(x))}; }

struct Product {
  std::size_t rows, columns, taps, channels;
  bool bias = true, init = false;
  std::size_t terms() const { return taps * channels; }
};

// Rows of A lie in any order, and so do those of C.
void check(const GemmBf16Kernels& kernels, const Product& p) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1.5f, 1.0f);
  const auto numbers = [&](std::size_t n) {
    Tensor t({DType::f32, {static_cast<Dim>(n)}});
    for (float& x : t.values<float>()) x = uniform(random);
    return t;
  };
  const std::size_t width = kernels.columns, panels = (p.columns + width - 1) / width,
                    pairs = (p.terms() + kBf16Terms - 1) / kBf16Terms * kBf16Terms / 2;
  const Tensor a = numbers(p.rows * p.terms()), b = numbers(p.terms() * p.columns), bias = numbers(panels * width),
               init = numbers(p.rows * p.columns), panel({DType::f32, {static_cast<Dim>(p.terms() * width)}});
  const Tensor packed({DType::f32, {static_cast<Dim>(panels * pairs * width)}}),
      c({DType::f32, {static_cast<Dim>(p.rows * p.columns)}});
  const auto data = [](const Tensor& t) { return const_cast<Tensor&>(t).values<float>().data(); };
  for (std::size_t n = 0; n < panels; ++n) {
    for (std::size_t k = 0; k < p.terms(); ++k)
      for (std::size_t i = 0; i < width; ++i)
        data(panel)[k * width + i] = n * width + i < p.columns ? data(b)[k * p.columns + n * width + i] : 0;
    kernels.pair(data(panel), p.terms(), data(packed) + n * pairs * width);
  }
  std::vector<const float*> rows(p.rows * p.taps), inits(p.rows);
  std::vector<float*> sums(p.rows);
  for (std::size_t m = 0; m < p.rows; ++m) {
    inits[m] = data(init) + m * p.columns;
    sums[m] = data(c) + (p.rows - 1 - m) * p.columns;
    for (std::size_t t = 0; t < p.taps; ++t) rows[t * p.rows + m] = data(a) + (t * p.rows + m) * p.channels;
  }
  const Bytes scratch = allocate(kernels.scratch_bytes(p.terms()));
  kernels.run({.a = rows.data(),
               .a_rows = p.rows,
               .a_offset = 0,
               .rows = p.rows,
               .columns = p.columns,
               .taps = p.taps,
               .channels = p.channels,
               .b = data(packed),
               .bias = p.bias ? data(bias) : nullptr,
               .init = p.init ? inits.data() : nullptr,
               .c = sums.data(),
               .c_offset = 0,
               .epilogue = {},
               .scratch = scratch.get()});
  for (std::size_t m = 0; m < p.rows; ++m)
    for (std::size_t n = 0; n < p.columns; ++n) {
      double sum = 0, size = 0;
      const auto add = [&](double term) {
        sum += term;
        size += std::abs(term);
      };
      if (p.bias) add(double{data(bias)[n]});
      if (p.init) add(double{inits[m][n]});
      for (std::size_t t = 0; t < p.taps; ++t)
        for (std::size_t k = 0; k < p.channels; ++k)
          add(rounded(rows[t * p.rows + m][k]) * rounded(data(b)[(t * p.channels + k) * p.columns + n]));
      const double bound = (2 * static_cast<double>(p.terms()) + 2) * 0x1p-24 * size;
      REQUIRE(std::abs(double{sums[m][n]} - sum) <= bound);
    }
}

}  // namespace

TEST_CASE("products in bf16 round their operands, and sum in f32") {
  for (const KernelTable* kernels : supported_kernels()) {
    CAPTURE(kernels->name);
    if (!has_bf16(*kernels)) continue;
    for (const std::size_t rows : {1, 15, 16, 17, 31, 33, 70})
      for (const std::size_t columns : {1, 16, 17, 31, 32, 33, 50, 97})
        check(kernels->gemm_bf16, {rows, columns, 1, 40});
    for (const std::size_t channels : {1, 2, 3, 31, 32, 33, 64, 65})
      for (const std::size_t taps : {1, 2, 9}) check(kernels->gemm_bf16, {18, 20, taps, channels, false, true});
    check(kernels->gemm_bf16, {300, 40, 1, 1100});  // several blocks of rows
    check(kernels->gemm_bf16, {40, 40, 9, 600, true, true});
  }
}

TEST_CASE("what rounds to bf16 is exact where it is bf16 already, infinite or no number") {
  for (const KernelTable* kernels : supported_kernels()) {
    CAPTURE(kernels->name);
    if (!has_bf16(*kernels)) continue;
    const GemmBf16Kernels& bf16 = kernels->gemm_bf16;
    constexpr float kMost = std::numeric_limits<float>::infinity(), kNone = std::numeric_limits<float>::quiet_NaN();
    const float a[] = {1.5f, -2, kMost, -kMost, kNone, 0, 0x1.fep127f, 3};
    std::vector<float> panel(bf16.columns), pairs(kBf16Terms / 2 * bf16.columns), y(8);
    panel[0] = 0.5f;
    bf16.pair(panel.data(), 1, pairs.data());
    std::vector<const float*> rows;
    std::vector<float*> c;
    for (std::size_t i = 0; i < 8; ++i) {
      rows.push_back(a + i);
      c.push_back(&y[i]);
    }
    const Bytes scratch = allocate(bf16.scratch_bytes(1));
    bf16.run({rows.data(), 8, 0, 8, 1, 1, 1, pairs.data(), nullptr, nullptr, c.data(), 0, {}, scratch.get()});
    for (std::size_t i = 0; i < 8; ++i) CHECK((y[i] == a[i] / 2 || (std::isnan(y[i]) && std::isnan(a[i]))));
  }
}
