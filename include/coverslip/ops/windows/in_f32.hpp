// Operators that compute in f32 and take 16-bit floats too: their checks and references.
#pragma once
#include <vector>

#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

// Of inputs that are parts of one sum.
inline void want_same_float(const Node& node, const Types& in) {
  want_types(node, in, 0, kFloats);
  want_dtype(node, in, in[0].dtype);
}

inline void widen(const View& from, View& to) {
  for_each(from.held(), [&](const Index& at) {
    *to.as<float>(at) = from.dtype() == DType::f16 ? to_float(*from.as<Float16>(at)) : to_float(*from.as<BFloat16>(at));
  });
}

inline void narrow(const View& from, View& to) {
  for_each(to.held(), [&](const Index& at) {
    if (to.dtype() == DType::f16)
      *to.as<Float16>(at) = to_float16(*from.as<float>(at));
    else
      *to.as<BFloat16>(at) = to_bfloat16(*from.as<float>(at));
  });
}

// OpDef::reference, from one that knows f32 alone.
template <void (*kReference)(const Node&, Inputs, Outputs)>
void in_f32(const Node& node, Inputs in, Outputs out) {
  std::vector<Tensor> wide(in.size() + out.size());
  std::vector<View> from(in.begin(), in.end()), to(out.begin(), out.end());
  const auto make = [&](std::size_t i, View& view) {
    if (!is_half(view.dtype())) return false;
    wide[i] = Tensor({DType::f32, view.shape()});
    view = wide[i].view();
    return true;
  };
  for (std::size_t i = 0; i < in.size(); ++i)
    if (make(i, from[i])) widen(in[i], from[i]);
  for (std::size_t i = 0; i < out.size(); ++i) make(in.size() + i, to[i]);
  kReference(node, from, to);
  for (std::size_t i = 0; i < out.size(); ++i)
    if (is_half(out[i].dtype())) narrow(to[i], out[i]);
}

}  // namespace coverslip::inline v0::ops
