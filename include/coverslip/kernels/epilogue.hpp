// What a kernel may do to a result before it stores it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace coverslip {
inline namespace v0 {

// Functions of one number x. What alpha and beta are to each is said beside it; others have none.
enum class Activation : std::uint8_t {
  None,
  Relu,
  LeakyRelu,  // alpha x below 0
  Clip,       // alpha: least, beta: most
  Sigmoid,
  HardSigmoid,      // alpha x + beta, between 0 and 1
  Elu,              // alpha beta (e^x - 1) below 0, beta x above
  Celu,             // alpha (e^(x / alpha) - 1) below 0; alpha is positive
  ThresholdedRelu,  // x above alpha, 0 elsewhere
  HardSwish,
  Tanh,
  Softplus,
  Softsign,
  Mish,
  Gelu,
  GeluTanh,
  Swish,   // x sigmoid(alpha x)
  Shrink,  // x - beta above alpha, x + beta below -alpha, 0 between
  Abs,
  Neg,
  Sign,
  Ceil,
  Floor,
  Round,  // half to even
  Sqrt,
  Exp,
  Log,
  Reciprocal,
  Erf,
};
inline constexpr std::size_t kActivationCount = static_cast<std::size_t>(Activation::Erf) + 1;

struct Epilogue {
  Activation activation = Activation::None;
  float alpha = 0, beta = 0;
};

}  // namespace v0
}  // namespace coverslip
