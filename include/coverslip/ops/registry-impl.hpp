// The list of all groups of operators. Each group is a unit of compilation of its own.
#pragma once
#include "coverslip/ops/registry.hpp"

namespace coverslip {
inline namespace v0 {

extern const Group kActivations, kElementwise, kMatrices, kNorms, kQuantized, kReductions, kShapes, kWindows;

inline constexpr const Group* kGroupList[] = {
    &kActivations, &kElementwise, &kMatrices, &kNorms, &kQuantized, &kReductions, &kShapes, &kWindows,
};
constinit const std::span<const Group* const> kGroups = kGroupList;

const OpDef* find_op(std::string_view name) {
  const OpDef* found = nullptr;
  for_each_op([&](const OpDef& op) {
    if (op.name == name) found = &op;
  });
  return found;
}

}  // namespace v0
}  // namespace coverslip
