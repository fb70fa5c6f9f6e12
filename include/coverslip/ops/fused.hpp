// The activation that Conv, ConvTranspose, Gemm, MatMul, BatchNormalization and Add may carry as attributes.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

#include "coverslip/kernels/epilogue.hpp"
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

// By their names in a file; for samples.
inline constexpr const char* kCarried[] = {"Relu",      "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "Elu",
                                           "HardSwish", "Tanh",      "Mish", "Gelu",    "GeluTanh",    "Swish"};

inline Epilogue epilogue_of(const Node& node) {
  struct Row {
    std::string_view name;
    Epilogue defaults;
  };
  constexpr float kMost = std::numeric_limits<float>::infinity();
  constexpr Row kRows[] = {{"", {}},
                           {"Relu", {Activation::Relu}},
                           {"LeakyRelu", {Activation::LeakyRelu, 0.01f}},
                           {"Clip", {Activation::Clip, -kMost, kMost}},
                           {"Sigmoid", {Activation::Sigmoid}},
                           {"HardSigmoid", {Activation::HardSigmoid, 0.2f, 0.5f}},
                           {"Elu", {Activation::Elu, 1, 1}},
                           {"HardSwish", {Activation::HardSwish}},
                           {"Tanh", {Activation::Tanh}},
                           {"Mish", {Activation::Mish}},
                           {"Gelu", {Activation::Gelu}},
                           {"GeluTanh", {Activation::GeluTanh}},
                           {"Swish", {Activation::Swish, 1}}};
  const auto name = node.attr("activation", std::string());
  for (const Row& row : kRows)
    if (row.name == name)
      return {row.defaults.activation, node.attr("activation_alpha", row.defaults.alpha),
              node.attr("activation_beta", row.defaults.beta)};
  throw Error(
      Errc::Unsupported, node.label(), "activation '", name,
      "': wants Relu, LeakyRelu, Clip, Sigmoid, HardSigmoid, Elu, HardSwish, Tanh, Mish, Gelu, GeluTanh or Swish");
}

// Of the reference. NaN stays NaN.
inline double activate(const Epilogue& epilogue, double x) {
  const double alpha = epilogue.alpha, beta = epilogue.beta;
  const auto clip = [](double v, double least, double most) {
    v = v < least ? least : v;
    return v > most ? most : v;
  };
  switch (epilogue.activation) {
    case Activation::None: break;
    case Activation::Relu: return x < 0 ? 0 : x;
    case Activation::LeakyRelu: return x < 0 ? alpha * x : x;
    case Activation::Clip: return clip(x, alpha, beta);
    case Activation::Sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::HardSigmoid: return clip(alpha * x + beta, 0, 1);
    case Activation::Elu: return x < 0 ? alpha * beta * std::expm1(x) : beta * x;
    case Activation::HardSwish: return x * clip(x / 6 + 0.5, 0, 1);
    case Activation::Tanh: return std::tanh(x);
    case Activation::Mish: return x * std::tanh(std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))));
    case Activation::Gelu: return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    case Activation::GeluTanh: return 0.5 * x * (1 + std::tanh(0.797884560802865356 * (x + 0.044715 * x * x * x)));
    case Activation::Swish: return x / (1 + std::exp(-alpha * x));
    default: break;  // no operator carries it
  }
  return x;
}

// How far the kernel's activation may be from that of the reference, as a multiple of what comes in, by roundings and
// by how steep the curve is: of the functions alone see activation.hpp.
inline double activation_tolerance(const Epilogue& epilogue) {
  const double slopes = 1 + std::abs(double{epilogue.alpha}) + std::abs(double{epilogue.beta});
  switch (epilogue.activation) {
    case Activation::None:
    case Activation::Relu: return 0;
    case Activation::Sigmoid: return 12 * 0x1p-24;
    case Activation::Elu:
    case Activation::Swish: return 6 * slopes * 0x1p-24;
    case Activation::HardSwish:
    case Activation::Tanh:
    case Activation::Gelu:
    case Activation::GeluTanh:
    case Activation::Mish: return 12 * 0x1p-24;
    default: return 4 * slopes * 0x1p-24;
  }
}

}  // namespace coverslip::inline v0::ops
