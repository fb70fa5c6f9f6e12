// The activation that Conv, ConvTranspose, Gemm, MatMul, BatchNormalization and Add may carry as attributes.
#pragma once
#include <cmath>
#include <limits>

#include "coverslip/kernels/epilogue.hpp"
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

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
                           {"HardSigmoid", {Activation::HardSigmoid, 0.2f, 0.5f}}};
  const auto name = node.attr("activation", std::string());
  for (const Row& row : kRows)
    if (row.name == name)
      return {row.defaults.activation, node.attr("activation_alpha", row.defaults.alpha),
              node.attr("activation_beta", row.defaults.beta)};
  throw Error(Errc::Unsupported, node.label(), "activation '", name,
              "': wants Relu, LeakyRelu, Clip, Sigmoid or HardSigmoid");
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
    default: break;  // no operator carries it
  }
  return x;
}

}  // namespace coverslip::inline v0::ops
