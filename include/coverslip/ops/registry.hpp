// All operators, by name and by family. The list is in registry-impl.hpp, which is compiled once.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip {
inline namespace v0 {

extern const std::span<const std::span<const OpDef>> kFamilies;

// By its ONNX name; null: there is none.
const OpDef* find_op(std::string_view name);

}  // namespace v0
}  // namespace coverslip
