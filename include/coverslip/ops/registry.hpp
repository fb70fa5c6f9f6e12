// All operators, by name and by group. The groups are listed in registry-impl.hpp, the operators of each in its own
// <group>/<group>-impl.hpp; all of them are compiled once.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip {
inline namespace v0 {

using Family = std::span<const OpDef>;  // the operators of one header

// Families that are alike and are compiled together.
struct Group {
  std::string_view name;
  std::span<const Family> families;
};

extern const std::span<const Group* const> kGroups;

// By its ONNX name; null: there is none.
const OpDef* find_op(std::string_view name);

// Made by expansions only, never read from a file.
inline bool is_internal(const OpDef& op) { return op.name.starts_with("coverslip."); }

// Calls f(op) for each operator.
template <class F>
void for_each_op(const F& f) {
  for (const Group* group : kGroups)
    for (const Family& family : group->families)
      for (const OpDef& op : family) f(op);
}

}  // namespace v0
}  // namespace coverslip
