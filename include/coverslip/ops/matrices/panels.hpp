// Weights and biases as the matrix kernels read them: in panels of as many columns as a tile has.
#pragma once
#include <array>

#include "coverslip/kernels/transpose.hpp"
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

// Each group has panels of its own, of `rows` rows and of `width` columns, with zeros after its last column.
struct Panels {
  Dim groups = 1, columns = 0, rows = 0, width = 1;  // columns and rows of one group

  Dim count() const { return (columns + width - 1) / width; }  // of one group
  Dim padded() const { return count() * width; }
  Dim group_floats() const { return padded() * rows; }
  Dim floats() const { return groups * group_floats(); }
  TensorType type() const { return {DType::f32, {floats()}}; }

  // Where element [group][column][row] lies among the values: row o * inner_rows + i at outer[o] + i * inner.
  struct Source {
    Dim group = 0, column = 1, inner = 0, inner_rows = 1;
    std::vector<Dim> outer{0};
  };

  // Writes all of `panels`. Without kernels element by element.
  void fill(const float* values, float* panels, const Source& source, const TransposeKernels& transpose = {}) const {
    if (source.column == 1 && source.outer.size() == 1)
      return fill_row_by_row(values + source.outer[0], panels, source);
    for (Dim panel = 0; panel < groups * count(); ++panel)
      fill_panel(values, panel, panels + panel * rows * width, source, transpose);
  }
  // One of groups * count().
  void fill_panel(const float* values, Dim panel, float* to, const Source& source,
                  const TransposeKernels& transpose) const {
    const Dim first = panel % count() * width, n = std::min(width, columns - first);
    if (n < width) std::fill_n(to, rows * width, 0.0f);
    values += panel / count() * source.group + first * source.column;
    if (source.column == 1 || source.column <= source.inner)
      fill_rows(values, to, n, source);
    else if (transpose.words != nullptr && can_transpose(source))
      fill_transposed(values, to, n, source, transpose);
    else
      fill_columns(values, to, n, source);
  }

 private:
  static constexpr Dim kTile = 4096;  // floats, in the L1 cache

  float* row(float* panel, Dim outer, const Source& source, Dim inner) const {
    return panel + (outer * source.inner_rows + inner) * width;
  }

  // Of rows whose values lie side by side, in the order of memory: a row goes to all panels.
  void fill_row_by_row(const float* values, float* panels, const Source& source) const {
    constexpr Dim kBlock = 8;  // rows, which lie side by side in a panel
    for (Dim group = 0; group < groups; ++group, values += source.group, panels += group_floats())
      for (Dim begin = 0; begin < rows; begin += kBlock)
        for (Dim first = 0; first < columns; first += width)
          for (Dim i = begin; i < std::min(begin + kBlock, rows); ++i) {
            const Dim n = std::min(width, columns - first);
            float* const to = panels + first * rows + i * width;
            std::copy_n(values + i * source.inner + first, n, to);
            std::fill_n(to + n, width - n, 0.0f);
          }
  }

  void fill_rows(const float* values, float* to, Dim n, const Source& source) const {
    for (Dim i = 0; i < source.inner_rows; ++i, values += source.inner)
      for (std::size_t o = 0; o < source.outer.size(); ++o) {
        const float* from = values + source.outer[o];
        float* const into = row(to, static_cast<Dim>(o), source, i);
        if (source.column == 1)
          std::copy_n(from, n, into);
        else
          for (Dim column = 0; column < n; ++column, from += source.column) into[column] = *from;
      }
  }

  // Whether a column's values lie side by side, outer rows fastest.
  bool can_transpose(const Source& source) const {
    const auto outers = static_cast<Dim>(source.outer.size());
    for (Dim o = 0; o < outers; ++o)
      if (source.outer[static_cast<std::size_t>(o)] != o) return false;
    return outers * width <= kTile && (source.inner == outers || source.inner_rows == 1);
  }
  void fill_transposed(const float* values, float* to, Dim n, const Source& source,
                       const TransposeKernels& transpose) const {
    const auto outers = static_cast<Dim>(source.outer.size());
    const auto turn = [&](const float* from, Dim count, float* into) {
      transpose.words({.x = reinterpret_cast<const std::uint32_t*>(from),
                       .x_step = source.column,
                       .y = reinterpret_cast<std::uint32_t*>(into),
                       .y_step = width,
                       .rows = static_cast<std::size_t>(count),
                       .n = static_cast<std::size_t>(n)});
    };
    if (outers == 1) return turn(values, source.inner_rows, to);
    std::array<float, kTile> tile;
    const Dim most = kTile / (outers * width);
    for (Dim begin = 0; begin < source.inner_rows; begin += most) {
      const Dim count = std::min(most, source.inner_rows - begin);
      turn(values + begin * outers, count * outers, tile.data());
      const float* from = tile.data();
      for (Dim i = begin; i < begin + count; ++i)
        for (Dim o = 0; o < outers; ++o, from += width) std::copy_n(from, n, row(to, o, source, i));
    }
  }

  // In the order of memory, in blocks of rows that lie in the L1 cache.
  void fill_columns(const float* values, float* to, Dim n, const Source& source) const {
    constexpr Dim kBlock = 8;
    for (Dim block = 0; block < source.inner_rows; block += kBlock)
      for (Dim column = 0; column < n; ++column)
        for (Dim i = block; i < std::min(block + kBlock, source.inner_rows); ++i)
          for (std::size_t o = 0; o < source.outer.size(); ++o)
            row(to, static_cast<Dim>(o), source, i)[column] =
                values[column * source.column + i * source.inner + source.outer[o]];
  }
};

// Fills one panel of a part of the weights, in f32.
using FillPanel = std::function<void(const float* weights, std::size_t part, Dim panel, float* to)>;

inline std::string to_string(const Panels& panels) {
  return std::to_string(panels.groups) + " groups, panels of " + std::to_string(panels.width);
}

// Weights of one part.
inline Form panels_form(std::string packing, const Panels& panels, FillPanel fill) {
  return {.packing = std::move(packing),
          .pack =
              [panels, fill = std::move(fill)](const Tensor& weights, Tensor& packed) {
                float* to = packed.values<float>().data();
                for (Dim panel = 0; panel < panels.groups * panels.count(); ++panel, to += panels.rows * panels.width)
                  fill(weights.values<float>().data(), 0, panel, to);
              },
          .packed = panels.type()};
}

// A bias [groups * columns], padded as the panels are.
inline Form bias_form(Panels panels) {
  panels.rows = 1;
  return {.packing = "bias, " + to_string(panels),
          .pack =
              [panels](const Tensor& bias, Tensor& packed) {
                panels.fill(bias.values<float>().data(), packed.values<float>().data(), {.group = panels.columns});
              },
          .packed = panels.type()};
}

inline const float* packed_floats(const View& view) {
  return view.shape().rank() == 0 || view.shape()[0] == 0 ? nullptr : view.as<float>(view.origin());
}

}  // namespace coverslip::inline v0::ops
