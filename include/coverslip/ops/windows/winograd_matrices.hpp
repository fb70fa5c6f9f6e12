// The matrices of Winograd's convolution along one axis, what they make of weights, and how far roundings can carry.
#pragma once
#include "coverslip/kernels/winograd_f32.hpp"
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

struct WinogradMatrix {
  std::size_t rows = 1, columns = 1;
  std::array<double, 36> at{1.0};

  WinogradMatrix magnitudes() const {
    WinogradMatrix m = *this;
    for (double& x : m.at) x = std::abs(x);
    return m;
  }
};

// y = back((weights g) * (forward d)): m outputs y of 3 taps g and m + 2 inputs d. For m = 1 the factor 1.
struct WinogradMatrices {
  WinogradMatrix forward, weights, back;
  int forward_roundings = 0, back_roundings = 0;  // of one term at most, whether MulAdd rounds once or twice
};

inline WinogradMatrices winograd_matrices(std::size_t m) {
  if (m == 1) return {};
  if (m == 2)
    return {{4, 4, {1, 0, -1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, 1, 0, -1}},
            {4, 3, {1, 0, 0, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0, 0, 1}},
            {2, 4, {1, 1, 1, 0, 0, 1, -1, -1}},
            1,
            2};
  constexpr double a = kWinogradNear, b = kWinogradFar, aa = a * a, bb = b * b;
  constexpr double near = 2 * aa * (aa - bb), far = 2 * bb * (bb - aa);
  return {{6, 6, {aa * bb, 0,       -aa - bb, 0,        1, 0,  //
                  0,       -a * bb, -bb,      a,        1, 0,  //
                  0,       a * bb,  -bb,      -a,       1, 0,  //
                  0,       -b * aa, -aa,      b,        1, 0,  //
                  0,       b * aa,  -aa,      -b,       1, 0,  //
                  0,       aa * bb, 0,        -aa - bb, 0, 1}},
          {6,
           3,
           {1 / (aa * bb), 0, 0,             //
            1 / near, a / near, aa / near,   //
            1 / near, -a / near, aa / near,  //
            1 / far, b / far, bb / far,      //
            1 / far, -b / far, bb / far,     //
            0, 0, 1}},
          {4, 6, {1, 1,      1,       1,      1,       0,  //
                  0, a,      -a,      b,      -b,      0,  //
                  0, aa,     aa,      bb,     bb,      0,  //
                  0, aa * a, -aa * a, bb * b, -bb * b, 1}},
          4,
          4};
}

// x [outer][columns][inner] to y [outer][rows][inner].
inline void multiply_axis(const WinogradMatrix& matrix, const double* x, double* y, std::size_t outer,
                          std::size_t inner) {
  for (std::size_t o = 0; o < outer; ++o, x += matrix.columns * inner)
    for (std::size_t row = 0; row < matrix.rows; ++row, y += inner) {
      std::fill_n(y, inner, 0.0);
      for (std::size_t column = 0; column < matrix.columns; ++column)
        if (const double factor = matrix.at[row * matrix.columns + column]; factor != 0)
          for (std::size_t i = 0; i < inner; ++i) y[i] += factor * x[column * inner + i];
    }
}

// All three axes of x [columns 0][columns 1][columns 2][inner], in turn; the result replaces it.
inline void multiply_axes(const std::array<WinogradMatrix, 3>& m, std::vector<double>& x, std::vector<double>& other,
                          std::size_t inner) {
  const auto step = [&](std::size_t axis, std::size_t outer, std::size_t after) {
    other.resize(outer * m[axis].rows * after);
    multiply_axis(m[axis], x.data(), other.data(), outer, after);
    x.swap(other);
  };
  step(2, m[0].columns * m[1].columns, inner);
  step(1, m[0].columns, m[2].rows * inner);
  step(0, 1, m[1].rows * m[2].rows * inner);
}

// A tile's matrices, for its three axes.
struct WinogradTransforms {
  std::array<WinogradMatrix, 3> forward, weights, back;
  std::size_t taps = 1;
  int roundings = 0;  // of both transforms and of the weights

  explicit WinogradTransforms(const std::array<std::size_t, 3>& outputs) : roundings(1) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const WinogradMatrices m = winograd_matrices(outputs[axis]);
      forward[axis] = m.forward;
      weights[axis] = m.weights;
      back[axis] = m.back;
      taps *= m.weights.columns;
      roundings += m.forward_roundings + m.back_roundings;
    }
  }
  WinogradTransforms magnitudes() const {
    WinogradTransforms m = *this;
    for (auto* matrices : {&m.forward, &m.weights, &m.back})
      for (WinogradMatrix& matrix : *matrices) matrix = matrix.magnitudes();
    return m;
  }
};

}  // namespace coverslip::inline v0::ops
