// The activation functions of one input and of attributes. Clip, PRelu and those along an axis stand apart.
#pragma once
#include "coverslip/ops/function.hpp"

namespace coverslip::inline v0::ops {

// As NaN is neither less nor more than anything, it passes.
inline double bounded(double x, double least, double most) {
  x = x < least ? least : x;
  return x > most ? most : x;
}
inline double logistic(double x) { return 1 / (1 + std::exp(-x)); }
inline double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

inline double gelu(double x, bool by_tanh) {
  constexpr double kTwoByPi = 0.636619772367581343;
  if (by_tanh) return 0.5 * x * (1 + std::tanh(std::sqrt(kTwoByPi) * (x + 0.044715 * x * x * x)));
  return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
}

inline Epilogue gelu_kind(const Node& node, const Epilogue& exact) {
  const auto approximate = node.attr("approximate", std::string("none"));
  if (approximate == "none") return exact;
  if (approximate == "tanh") return {Activation::GeluTanh, 1};
  throw Error(Errc::Unsupported, node.label(), "attribute 'approximate' is '", approximate, "'; wants none or tanh");
}

// The kernel wants to see that what is below 0 stays there.
inline Epilogue celu_kind(const Node&, const Epilogue& usual) {
  return usual.alpha > 0 ? usual : Epilogue{Activation::None, usual.alpha};
}

inline constexpr IntegerStep kNotBelowZero[] = {{BinaryOp::Max, 0}};

// Tolerances: the exponential function and what is made of it alone is good to 2 units of 2^-23, which is 4 of 2^-24;
// each further rounding adds 1, the rounding of the reference 1. What is inside a curve counts as much as it is steep.
inline constexpr Function kActivationTable[] = {
    {.name = "Relu",
     .of = [](double x, double, double) { return x < 0 ? 0 : x; },
     .kernel = Activation::Relu,
     .types = kFloats | kSignedIntegers,
     .integers = kNotBelowZero},
    {.name = "LeakyRelu",
     .of = [](double x, double alpha, double) { return x < 0 ? alpha * x : x; },
     .kernel = Activation::LeakyRelu,
     .alpha = {"alpha", 0.01f}},
    {.name = "ThresholdedRelu",
     .of = [](double x, double alpha, double) { return x > alpha ? x : 0; },
     .kernel = Activation::ThresholdedRelu,
     .alpha = {"alpha", 1}},
    {.name = "Shrink",
     .of = [](double x, double bound, double bias) { return x < -bound  ? x + bias
                                                            : x > bound ? x - bias
                                                                        : 0; },
     .kernel = Activation::Shrink,
     .alpha = {"lambd", 0.5f},
     .beta = {"bias", 0},
     .types = kAllNumbers},
    {.name = "Elu",
     .of = [](double x, double alpha, double) { return x < 0 ? alpha * std::expm1(x) : x; },
     .kernel = Activation::Elu,
     .tolerance = 6,
     .alpha = {"alpha", 1},
     .beta = {"", 1},
     .work = 3},
    {.name = "Selu",
     .of = [](double x, double alpha, double gamma) { return gamma * (x < 0 ? alpha * std::expm1(x) : x); },
     .kernel = Activation::Elu,
     .tolerance = 7,
     .alpha = {"alpha", 1.67326319217681884765625f},
     .beta = {"gamma", 1.05070102214813232421875f},
     .work = 3},
    {.name = "Celu",
     .of = [](double x, double alpha, double) { return x < 0 ? alpha * std::expm1(x / alpha) : x; },
     .kernel = Activation::Celu,
     .tolerance = 7,
     .alpha = {"alpha", 1},
     .work = 3,
     .choose = celu_kind},
    {.name = "Sigmoid",
     .of = [](double x, double, double) { return logistic(x); },
     .kernel = Activation::Sigmoid,
     .tolerance = 8,
     .work = 1.5},
    {.name = "HardSigmoid",  // at most 1, made of terms of at most 1 + |beta|
     .of = [](double x, double alpha, double beta) { return bounded(alpha * x + beta, 0, 1); },
     .kernel = Activation::HardSigmoid,
     .tolerance = 9,
     .alpha = {"alpha", 0.2f},
     .beta = {"beta", 0.5f}},
    {.name = "HardSwish",
     .of = [](double x, double, double) { return x * bounded(x / 6 + 0.5, 0, 1); },
     .kernel = Activation::HardSwish,
     .tolerance = 6},
    {.name = "Tanh",
     .of = [](double x, double, double) { return std::tanh(x); },
     .kernel = Activation::Tanh,
     .tolerance = 8,
     .work = 3},
    {.name = "Softplus",
     .of = [](double x, double, double) { return softplus(x); },
     .kernel = Activation::Softplus,
     .tolerance = 8,
     .work = 4},
    {.name = "Softsign",
     .of = [](double x, double, double) { return x / (1 + std::abs(x)); },
     .kernel = Activation::Softsign,
     .tolerance = 3},
    {.name = "Mish",
     .of = [](double x, double, double) { return x * std::tanh(softplus(x)); },
     .kernel = Activation::Mish,
     .tolerance = 12,
     .work = 3},
    {.name = "Gelu",  // measured by x: below 0 the terms cancel
     .of = [](double x, double by_tanh, double) { return gelu(x, by_tanh != 0); },
     .kernel = Activation::Gelu,
     .tolerance = 10,
     .work = 2.5,
     .choose = gelu_kind,
     .other = {"approximate", "tanh"}},
    {.name = "Swish",  // alpha x is rounded where the curve is no steeper than 1.1
     .of = [](double x, double alpha, double) { return x * logistic(alpha * x); },
     .kernel = Activation::Swish,
     .tolerance = 10,
     .alpha = {"alpha", 1},
     .work = 1.5},
};
inline constexpr auto kActivation = records_of<FunctionRecord, kActivationTable>();

}  // namespace coverslip::inline v0::ops
