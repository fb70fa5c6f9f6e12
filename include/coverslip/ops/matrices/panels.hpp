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

  // at(group, column, row) is the place of an element among `values`.
  template <class At>
  void fill(const float* values, float* panels, const At& at) const {
    std::fill_n(panels, floats(), 0.0f);
    for (Dim group = 0; group < groups; ++group)
      for (Dim column = 0; column < columns; ++column) {
        float* to = panels + group * group_floats() + column / width * rows * width + column % width;
        for (Dim row = 0; row < rows; ++row) to[row * width] = values[at(group, column, row)];
      }
  }
};

inline std::string to_string(const Panels& panels) {
  return std::to_string(panels.groups) + " groups, panels of " + std::to_string(panels.width);
}

// A bias [groups * columns], padded as the panels are.
inline Form bias_form(Panels panels) {
  panels.rows = 1;
  return {.packing = "bias, " + to_string(panels), .pack = [panels](const Tensor& bias) {
            Tensor packed({DType::f32, {panels.floats()}});
            panels.fill(bias.values<float>().data(), packed.values<float>().data(),
                        [&](Dim group, Dim column, Dim) { return group * panels.columns + column; });
            return packed;
          }};
}

inline const float* packed_floats(const View& view) {
  return view.shape().rank() == 0 || view.shape()[0] == 0 ? nullptr : view.as<float>(view.origin());
}

}  // namespace coverslip::inline v0::ops
