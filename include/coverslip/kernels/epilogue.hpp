// What a kernel may do to a result before it stores it.
#pragma once
#include <cstdint>

namespace coverslip {
inline namespace v0 {

enum class Activation : std::uint8_t { None, Relu, LeakyRelu, Clip, Sigmoid, HardSigmoid };

struct Epilogue {
  Activation activation = Activation::None;
  float alpha = 0, beta = 0;  // LeakyRelu: slope. Clip: least and most. HardSigmoid: alpha * x + beta, between 0 and 1.
};

}  // namespace v0
}  // namespace coverslip
