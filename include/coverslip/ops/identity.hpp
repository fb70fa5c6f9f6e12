// Identity: a copy. Between two layouts it is the reorder, which the plan also adds by itself.
#pragma once
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

// Does nothing where the box already lies at its place.
inline void copy_box(const View& from, View& to, const Box& box) {
  if (box.shape().elements() == 0) return;
  if (from.at(box.origin()) == to.at(box.origin()) && from.strides() == to.strides()) return;
  for_each_run(box, from, to, [&](const Index& at, std::size_t n) {
    std::memcpy(to.at(at), from.at(at), n * size_of(to.dtype()));
  });
}

// Between channels-last and planar: tiles of kBlock channels by kBlock places, so that both sides move whole cache lines.
template <class T>
void reorder_box(const View& from, View& to, const Box& box) {
  constexpr Dim kBlock = 16;
  const std::size_t last = box.rank() - 1;
  const Dim from_c = from.strides()[1], from_w = from.strides()[last];
  const Dim to_c = to.strides()[1], to_w = to.strides()[last];
  Box heads = box;
  heads[1].end = heads[1].begin + 1;
  heads[last].end = heads[last].begin + 1;
  for_each(heads, [&](const Index& at) {
    const T* x = reinterpret_cast<const T*>(from.at(at));
    T* y = reinterpret_cast<T*>(to.at(at));
    const Dim channels = box[1].extent(), places = box[last].extent();
    for (Dim c0 = 0; c0 < channels; c0 += kBlock)
      for (Dim w0 = 0; w0 < places; w0 += kBlock) {
        const Dim c1 = std::min(c0 + kBlock, channels), w1 = std::min(w0 + kBlock, places);
        for (Dim c = c0; c < c1; ++c)
          for (Dim w = w0; w < w1; ++w) y[c * to_c + w * to_w] = x[c * from_c + w * from_w];
      }
  });
}

inline void copy_or_reorder(const View& from, View& to, const Box& box) {
  const std::size_t last = box.rank() - 1;
  if (box.rank() < 3 || (from.strides()[1] == 1) == (to.strides()[1] == 1) || (from.strides()[last] == 1 && to.strides()[last] == 1))
    return copy_box(from, to, box);
  if (box.shape().elements() == 0) return;
  visit(to.dtype(), [&](auto type) { reorder_box<decltype(type)>(from, to, box); });
}

inline void identity(const Node&, Inputs in, Outputs out) { copy_box(in[0], out[0], out[0].held()); }

inline Step copy_step(const TensorType& type, Layout from, Layout to) {
  const bool same = from == to || same_order(type.shape);
  const double pass = pass_nanoseconds(2 * type.bytes());
  return {.kernel = same ? "copy" : "reorder",
          .inputs = {{from}},
          .outputs = {to},
          .cuts = any_axis(type.shape.rank()),
          .nanoseconds = same ? pass : kScatterSlowdown * pass,
          .same_bytes = same,
          .run = [](Inputs x, Outputs y, const Box& box, std::byte*) { copy_or_reorder(x[0], y[0], box); }};
}

inline std::vector<Step> plan_identity(const Node&, const Types& in, Constants, const PlanContext&) {
  std::vector<Step> candidates;
  for (const Layout from : kLayouts)
    for (const Layout to : kLayouts) candidates.push_back(copy_step(in[0], from, to));
  return candidates;
}

inline std::vector<Case> identity_cases() {
  return {{"Identity", {}, {data({2, 3, 4, 5})}},
          {"Identity", {}, {data({1, 33, 5, 19})}},
          {"Identity", {}, {data({3, 7})}},
          {"Identity", {}, {data(TensorType{DType::u8, {2, 5, 3, 4, 2}})}}};
}

inline constexpr OpDef kIdentity[] = {
    {.name = "Identity", .infer = same_type, .needed = same_box, .reference = identity, .plan = plan_identity,
     .tolerance = exact, .cases = identity_cases},
};

}  // namespace coverslip::inline v0::ops
