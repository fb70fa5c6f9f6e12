// Floats of any width as double, for references, and inputs for tests of norms.
#pragma once
#include "coverslip/ops/elementwise/cast.hpp"
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

inline void want_all_float(const Node& node, const Types& in) {
  for (std::size_t i = 0; i < in.size(); ++i)
    if (node.has(i) && in[i].dtype != DType::f32 && !is_half(in[i].dtype))
      throw Error(Errc::Unsupported, node.label(), "input ", i, " is ", in[i].dtype, ", f32, f16 or bf16 wanted");
}

inline double get_number(const View& view, const Index& at) {
  return visit(view.dtype(), [&]<class T>(T) { return double{convert<float>(*view.as<T>(at))}; });
}

inline void put_number(View& view, const Index& at, double x) {
  visit(view.dtype(), [&]<class T>(T) { *view.as<T>(at) = convert<T>(static_cast<float>(x)); });
}

// Numbers around `by` with a deviation of about 1.
inline Operand far_from_zero(const Shape& shape, float by = 1000) {
  Tensor x({DType::f32, shape});
  float v = 0;
  for (float& each : x.values<float>()) each = by + (v = v > 1 ? v - 2.93f : v + 0.37f);
  Operand operand = given(std::move(x));
  operand.kind = Operand::Kind::Data;
  return operand;
}

}  // namespace coverslip::inline v0::ops
