// Values and comparisons shared by the tests.
#pragma once
#include <doctest/doctest.h>

#include "coverslip/graph/graph.hpp"

namespace coverslip {
inline namespace v0 {

// Numbers of both signs between about -2 and 1.4, without a period that a shape could hide.
inline Tensor ramp(const TensorType& type, float from = -1) {
  Tensor t(type);
  for (float& x : t.values<float>()) x = from += from > 1 ? -2.93f : 0.37f;
  return t;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.data(), b.data(), a.type().bytes()) == 0;
}

}  // namespace v0
}  // namespace coverslip
