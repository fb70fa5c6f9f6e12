// Products in bf16 with sums in f32, as operators on the matrix kernel offer them: packing, predicted time and error.
#pragma once
#include "coverslip/kernels/epilogue_bf16.hpp"
#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/matrices/panels.hpp"

namespace coverslip::inline v0::ops {

// As the kernel reads panels of f32: rows of pairs.
inline Panels paired(Panels panels) {
  constexpr auto kTerms = static_cast<Dim>(kBf16Terms);
  panels.rows = (panels.rows + kTerms - 1) / kTerms * kTerms / 2;
  return panels;
}

// Panels in f32 whose terms a kernel reads in another order: of each term of its own their row, or -1 for zeros. No
// order: theirs.
struct OrderedPanels {
  Panels panels{};
  std::vector<Dim> order{};

  Panels paired() const {
    Panels ordered = panels;
    if (!order.empty()) ordered.rows = static_cast<Dim>(order.size());
    return ops::paired(ordered);
  }
};

// From a panel of f32, some terms at a time where they have another order.
inline void pair_panel(const float* from, const OrderedPanels& ordered, const GemmBf16Kernels& kernels, float* to) {
  const auto& [panels, order] = ordered;
  const Dim width = panels.width;
  if (order.empty()) return kernels.pair(from, static_cast<std::size_t>(panels.rows), to);
  std::vector<float> terms(kBf16Terms * static_cast<std::size_t>(width));
  for (std::size_t first = 0; first < order.size(); first += kBf16Terms, to += kBf16Terms / 2 * width) {
    const std::size_t count = std::min(kBf16Terms, order.size() - first);
    float* term = terms.data();
    for (std::size_t k = first; k < first + count; ++k, term += width)
      if (order[k] >= 0)
        std::copy_n(from + order[k] * width, width, term);
      else
        std::fill_n(term, width, 0.0f);
    kernels.pair(terms.data(), count, to);
  }
}

// `fill` makes the panels in f32, one after the other: there is never more of them than one.
inline Form bf16_form(std::vector<OrderedPanels> all, const std::string& packing, FillPanel fill,
                      const GemmBf16Kernels& kernels) {
  Dim floats = 0, most = 0;  // of all, and of a panel in f32
  for (const OrderedPanels& each : all) {
    floats += each.paired().floats();
    most = std::max(most, each.panels.rows * each.panels.width);
  }
  const TensorType type{DType::f32, {floats}};
  return {.packing = packing + ", bf16",
          .pack =
              [all = std::move(all), most, fill = std::move(fill), kernels](const Tensor& weights, Tensor& packed) {
                std::vector<float> wide(static_cast<std::size_t>(most));
                float* to = packed.values<float>().data();
                for (std::size_t part = 0; part < all.size(); ++part) {
                  const Panels& panels = all[part].panels;
                  for (Dim panel = 0; panel < panels.groups * panels.count(); ++panel) {
                    fill(weights.values<float>().data(), part, panel, wide.data());
                    pair_panel(wide.data(), all[part], kernels, to);
                    to += all[part].paired().rows * panels.width;
                  }
                }
              },
          .packed = type};
}

// Of `rows` of A by all panels; A and C may be narrow. Rates beside the products': numbers a nanosecond that are
// rounded and made, and bytes of weights.
inline double bf16_nanoseconds(double rows, const Panels& panels, const KernelTable& kernels, bool narrow_in = false,
                               bool narrow_out = false) {
  constexpr double kRounded = 10, kCopied = 20, kMade = 4, kMadeNarrow = 8, kWeights = 40, kLeastRows = 16;
  const auto columns = static_cast<double>(panels.groups * panels.padded()),
             terms = static_cast<double>(2 * paired(panels).rows);
  const double product =
      std::max(rows, kLeastRows) * columns * terms / (kernels.gemm_bf16.speed * multiply_adds_per_nanosecond(kernels));
  return 50 + product + rows * static_cast<double>(panels.groups) * terms / (narrow_in ? kCopied : kRounded) +
         rows * columns / (narrow_out ? kMadeNarrow : kMade) + 2 * columns * terms / kWeights;
}

// Both operands are rounded to 8 bits; then two roundings for each term, and the few of bias, residual and reference,
// which an activation may magnify. What counts as zero because it is subnormal is far less.
inline double bf16_tolerance(Dim terms, const Epilogue& epilogue) {
  constexpr double kUnit = 0x1p-8;
  const double steepness = std::max({1.2, std::abs(double{epilogue.alpha}), std::abs(double{epilogue.beta})});
  const bool plain = epilogue.activation == Activation::None || epilogue.activation == Activation::Clip;
  return (2 * kUnit + kUnit * kUnit + (2 * static_cast<double>(terms) + 5) * 0x1p-24) * (plain ? 1 : steepness) +
         (plain ? 0 : activation_tolerance(epilogue) + 8 * 0x1p-24) + (is_rough(epilogue.activation) ? kRoughUnit : 0);
}

}  // namespace coverslip::inline v0::ops
