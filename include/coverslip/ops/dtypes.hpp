// Element types as attributes name them: by ONNX's numbers.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

// ONNX's number for the type.
inline Dim onnx_number(DType dtype) {
  constexpr Dim kNumbers[kDTypes] = {1, 10, 16, 3, 2, 6, 7, 9};
  return kNumbers[static_cast<std::size_t>(dtype)];
}

// `fallback` is a number too, for a node without the attribute. Throws where the type is none of ours.
inline DType dtype_of(const Node& node, std::string_view key, Dim fallback) {
  const Dim wanted = node.attr<Dim>(key, fallback);
  for (std::size_t i = 0; i < kDTypes; ++i)
    if (const auto dtype = static_cast<DType>(i); onnx_number(dtype) == wanted) return dtype;
  throw Error(Errc::Unsupported, node.label(), "attribute '", key, "' is ONNX element type ", wanted,
              "; f32 (1), u8 (2), i8 (3), i32 (6), i64 (7), bool (9), f16 (10) and bf16 (16) are supported");
}

}  // namespace coverslip::inline v0::ops
