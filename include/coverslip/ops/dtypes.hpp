// Element types as attributes name them: by ONNX's numbers.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

// `fallback` is a number too, for a node without the attribute. Throws where the type is none of ours.
inline DType dtype_of(const Node& node, std::string_view key, Dim fallback) {
  constexpr std::pair<Dim, DType> kTypes[] = {{1, DType::f32},  {2, DType::u8},   {3, DType::i8},
                                              {6, DType::i32},  {7, DType::i64},  {9, DType::boolean},
                                              {10, DType::f16}, {16, DType::bf16}};
  const Dim wanted = node.attr<Dim>(key, fallback);
  for (const auto& [number, dtype] : kTypes)
    if (number == wanted) return dtype;
  throw Error(Errc::Unsupported, node.label(), "attribute '", key, "' is ONNX element type ", wanted,
              "; f32 (1), u8 (2), i8 (3), i32 (6), i64 (7), bool (9), f16 (10) and bf16 (16) are supported");
}

}  // namespace coverslip::inline v0::ops
