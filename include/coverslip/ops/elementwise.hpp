// Rules shared by the operators whose output elements depend on the input elements at the same place.
#pragma once
#include <array>
#include <utility>

#include "coverslip/ops/cost.hpp"

namespace coverslip::inline v0::ops {

// A set of element types.
class DTypes {
 public:
  constexpr DTypes(std::initializer_list<DType> types) {
    for (const DType t : types) bits_ |= bit(t);
  }
  constexpr bool has(DType t) const { return (bits_ & bit(t)) != 0; }
  constexpr DTypes operator|(const DTypes& other) const {
    DTypes all = *this;
    all.bits_ |= other.bits_;
    return all;
  }

 private:
  static constexpr unsigned bit(DType t) { return 1u << static_cast<unsigned>(t); }
  unsigned bits_ = 0;
};
inline constexpr DTypes kFloats{DType::f32, DType::f16, DType::bf16};
inline constexpr DTypes kSignedIntegers{DType::i8, DType::i32, DType::i64};
inline constexpr DTypes kIntegers = kSignedIntegers | DTypes{DType::u8};
inline constexpr DTypes kAllNumbers = kFloats | kIntegers;
inline constexpr DTypes kBools{DType::boolean};

inline void want_types(const Node& node, const Types& in, std::size_t input, const DTypes& allowed) {
  if (allowed.has(in[input].dtype)) return;
  std::string names;
  for (std::size_t i = 0; i < kDTypes; ++i)
    if (const auto t = static_cast<DType>(i); allowed.has(t))
      names += (names.empty() ? "" : ", ") + std::string(to_string(t));
  throw Error(Errc::Unsupported, node.label(), "input ", input, " is ", in[input].dtype, "; supported: ", names);
}

inline Element element_of(DType dtype) { return static_cast<Element>(dtype); }
static_assert(static_cast<int>(DType::boolean) == static_cast<int>(Element::boolean));

inline Types same_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  return {in[0]};
}

inline std::vector<Box> same_box(const Node&, const Types& in, const Box& output) {
  return std::vector<Box>(in.size(), output);
}

inline double exact(const Node&, const Types&) { return 0; }

// Channels last: cutting them breaks up vectors.
inline std::vector<Cut> any_axis(std::size_t rank) {
  std::vector<Cut> cuts;
  for (std::size_t axis = 0; axis < rank; ++axis)
    if (axis != 1) cuts.push_back({axis});
  if (rank > 1) cuts.push_back({1});
  return cuts;
}

// The same step once for each layout, which all its inputs and outputs share.
inline std::vector<Step> in_each_layout(std::size_t inputs, std::size_t outputs, Step step) {
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts) {
    step.inputs.assign(inputs, {layout});
    step.outputs.assign(outputs, layout);
    candidates.push_back(step);
  }
  return candidates;
}

// One operator for each row f of a table, by the functions of Record<kTable, row>.
template <template <const auto&, std::size_t> class Record, const auto& kTable>
constexpr auto records_of() {
  return []<std::size_t... kRow>(std::index_sequence<kRow...>) {
    return std::array<OpDef, sizeof...(kRow)>{OpDef{.name = kTable[kRow].name,
                                                    .infer = Record<kTable, kRow>::infer,
                                                    .needed = Record<kTable, kRow>::needed,
                                                    .reference = Record<kTable, kRow>::reference,
                                                    .plan = Record<kTable, kRow>::plan,
                                                    .tolerance = Record<kTable, kRow>::tolerance,
                                                    .cases = Record<kTable, kRow>::cases,
                                                    .expand = Record<kTable, kRow>::expand}...};
  }
  (std::make_index_sequence<std::size(kTable)>());
}

}  // namespace coverslip::inline v0::ops
