// Unique: each element, or each slice along an axis, once; with where it stands and how often.
#pragma once
#include <numeric>

#include "coverslip/ops/shapes/generate.hpp"
#include "coverslip/ops/shapes/select.hpp"

namespace coverslip::inline v0::ops {

// The slices of a value along an axis, or its elements where there is none.
struct Slices {
  std::optional<std::size_t> axis;
  Dim count = 0;

  Slices(const Node& node, const Shape& x)
      : axis(compress_axis(node, x.rank())), count(axis ? x[*axis] : x.elements()) {}

  // All indices of one slice.
  Box box(const Shape& x, Dim slice) const {
    Box part(x);
    if (axis) {
      part[*axis] = {slice, slice + 1};
    } else {
      for (std::size_t a = x.rank(); a-- > 0; slice /= x[a]) part[a] = {slice % x[a], slice % x[a] + 1};
    }
    return part;
  }
};

// -1, 0 or 1 as a comes before, with or after b; NaN comes last, and all of them together.
template <class T>
int ordered(const std::byte* a_place, const std::byte* b_place) {
  T a_stored, b_stored;
  std::memcpy(&a_stored, a_place, sizeof(T));
  std::memcpy(&b_stored, b_place, sizeof(T));
  const auto a = wide(a_stored), b = wide(b_stored);
  const bool a_none = a != a, b_none = b != b;
  if (a_none || b_none) return int{a_none} - int{b_none};
  return int{a > b} - int{a < b};
}

// What there is of each kind of slice.
struct Kinds {
  std::vector<Dim> first;   // of each kind, the first slice
  std::vector<Dim> kind;    // of each slice
  std::vector<Dim> counts;  // of each kind
};

inline Kinds kinds_of(const Node& node, const View& x, const Slices& slices) {
  const auto element = visit(x.dtype(), []<class T>(T) { return ordered<T>; });
  const auto compare = [&](Dim a, Dim b) {
    const Box from = slices.box(x.shape(), a);
    const Index there = slices.box(x.shape(), b).origin(), here = from.origin();
    int order = 0;
    for_each(from, [&](const Index& at) {
      if (order != 0) return;
      Index other = at;
      for (std::size_t axis = 0; axis < other.rank(); ++axis) other[axis] += there[axis] - here[axis];
      order = element(x.at(at), x.at(other));
    });
    return order;
  };
  std::vector<Dim> sorted(static_cast<std::size_t>(slices.count));
  std::iota(sorted.begin(), sorted.end(), Dim{0});
  std::stable_sort(sorted.begin(), sorted.end(), [&](Dim a, Dim b) { return compare(a, b) < 0; });
  Kinds kinds{{}, std::vector<Dim>(sorted.size()), {}};
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || compare(sorted[i - 1], sorted[i]) != 0) {
      kinds.first.push_back(sorted[i]);
      kinds.counts.push_back(0);
    }
    kinds.kind[static_cast<std::size_t>(sorted[i])] = static_cast<Dim>(kinds.first.size()) - 1;
    ++kinds.counts.back();
  }
  if (node.attr<Dim>("sorted", 1) != 0) return kinds;
  // In order of the first of each kind instead.
  std::vector<std::size_t> order(kinds.first.size()), place(order.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return kinds.first[a] < kinds.first[b]; });
  Kinds found = kinds;
  for (std::size_t i = 0; i < order.size(); ++i) {
    found.first[i] = kinds.first[order[i]];
    found.counts[i] = kinds.counts[order[i]];
    place[order[i]] = i;
  }
  for (Dim& kind : found.kind) kind = static_cast<Dim>(place[static_cast<std::size_t>(kind)]);
  return found;
}

inline Types unique_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 1);
  const View x = known_tensor(node, constants, 0).view();
  const Slices slices(node, x.shape());
  const auto count = static_cast<Dim>(kinds_of(node, x, slices).first.size());
  TensorType y{in[0].dtype, {count}};
  if (slices.axis) {
    y.shape = in[0].shape;
    y.shape[*slices.axis] = count;
  }
  const TensorType each{DType::i64, {count}}, inverse{DType::i64, {slices.count}};
  Types types{y, each, inverse, each};
  types.resize(std::min(types.size(), node.outputs.size()));
  return types;
}

inline void unique(const Node& node, Inputs in, Outputs out) {
  const Slices slices(node, in[0].shape());
  const Kinds kinds = kinds_of(node, in[0], slices);
  for_each(out[0].held(), [&](const Index& at) {
    const Dim slice = kinds.first[static_cast<std::size_t>(at[slices.axis.value_or(0)])];
    Index from = slices.box(in[0].shape(), slice).origin();
    if (slices.axis) {
      from = at;
      from[*slices.axis] = slice;
    }
    std::memcpy(out[0].at(at), in[0].at(from), size_of(out[0].dtype()));
  });
  const std::vector<Dim>* lists[] = {&kinds.first, &kinds.kind, &kinds.counts};
  for (std::size_t i = 1; i < out.size(); ++i)
    for_each(out[i].held(),
             [&](const Index& at) { *out[i].as<std::int64_t>(at) = (*lists[i - 1])[static_cast<std::size_t>(at[0])]; });
}

inline std::vector<Case> unique_cases() {
  const auto of = [](Attributes attributes, Tensor x, std::size_t outputs = 4) {
    return Case{
        .op = "Unique", .attributes = std::move(attributes), .operands = {given(std::move(x))}, .outputs = outputs};
  };
  const Tensor rows({3, 3}, {1.f, 0.f, 0.f, 1.f, 0.f, 0.f, 2.f, 3.f, 4.f});
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  return {of({{"sorted", Dim{0}}}, Tensor({6}, {2.f, 1.f, 1.f, 3.f, 4.f, 3.f})),
          of({}, Tensor({2, 3}, {kNaN, -0.f, 0.f, kNaN, -1.f, 2.f})),
          of({{"axis", Dim{0}}}, rows),
          of({{"axis", Dim{-1}}, {"sorted", Dim{0}}}, rows, 2),
          of({}, Tensor({3}, {std::int64_t{1} << 60, (std::int64_t{1} << 60) + 1, std::int64_t{1} << 60})),
          of({}, Tensor(TensorType{DType::u8, {2, 0}})),
          of({}, Tensor({}, {to_float16(3)})),
          of({{"axis", Dim{1}}}, Tensor(TensorType{DType::boolean, {0, 3}}), 1)};
}

inline constexpr OpDef kUnique[] = {
    {.name = "Unique",
     .infer = unique_type,
     .needed = whole_inputs,
     .reference = unique,
     .cases = unique_cases,
     .of_contents = 0b1,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
