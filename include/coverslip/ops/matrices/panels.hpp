// Weights and biases as the matrix kernels read them: in panels of as many columns as a tile has.
#pragma once
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
  Tensor tensor() const { return Tensor(type(), allocate(type().bytes())); }  // not initialized

  // Where element [group][column][row] lies among the values: row o * inner_rows + i at outer[o] + i * inner.
  struct Source {
    Dim group = 0, column = 1, inner = 0, inner_rows = 1;
    std::vector<Dim> outer{0};
  };

  // Writes all of `panels`.
  void fill(const float* values, float* panels, const Source& source) const {
    for (Dim group = 0; group < groups; ++group)
      for (Dim first = 0; first < columns; first += width) {
        float* panel = panels + group * group_floats() + first * rows;
        const Dim count = std::min(width, columns - first);
        if (count < width) std::fill_n(panel, rows * width, 0.0f);
        fill_panel(values + group * source.group + first * source.column, panel, count, source);
      }
  }

 private:
  // Reads in the order of memory, in blocks of rows that lie in the L1 cache.
  void fill_panel(const float* values, float* panel, Dim count, const Source& source) const {
    constexpr Dim kBlock = 8;
    const auto outers = static_cast<Dim>(source.outer.size());
    const auto copy = [&](Dim column, Dim i) {
      for (Dim o = 0; o < outers; ++o)
        panel[(o * source.inner_rows + i) * width + column] =
            values[column * source.column + i * source.inner + source.outer[static_cast<std::size_t>(o)]];
    };
    for (Dim block = 0; block < source.inner_rows; block += kBlock) {
      const Dim end = std::min(block + kBlock, source.inner_rows);
      if (source.column == 1)
        for (Dim i = block; i < end; ++i)
          for (Dim column = 0; column < count; ++column) copy(column, i);
      else
        for (Dim column = 0; column < count; ++column)
          for (Dim i = block; i < end; ++i) copy(column, i);
    }
  }
};

inline std::string to_string(const Panels& panels) {
  return std::to_string(panels.groups) + " groups, panels of " + std::to_string(panels.width);
}

// A bias [groups * columns], padded as the panels are.
inline Form bias_form(Panels panels) {
  panels.rows = 1;
  return {.packing = "bias, " + to_string(panels),
          .pack =
              [panels](const Tensor& bias) {
                Tensor packed = panels.tensor();
                panels.fill(bias.values<float>().data(), packed.values<float>().data(), {.group = panels.columns});
                return packed;
              },
          .packed = panels.type()};
}

inline const float* packed_floats(const View& view) {
  return view.shape().rank() == 0 || view.shape()[0] == 0 ? nullptr : view.as<float>(view.origin());
}

}  // namespace coverslip::inline v0::ops
