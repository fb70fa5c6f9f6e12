// TopK: the k most or least along an axis, best first, and where they stood.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/elementwise/cast.hpp"
#include "coverslip/ops/widened.hpp"

namespace coverslip::inline v0::ops {

struct TopK {
  std::size_t axis = 0;
  Dim k = 0;
  bool largest = true;
};

inline TopK top_k_of(const Node& node, const Shape& x, const std::vector<Dim>& k) {
  const TopK top{axis_in(node, node.attr<Dim>("axis", -1), x.rank()), k.size() == 1 ? k[0] : -1,
                 node.attr<Dim>("largest", 1) != 0};
  if (top.k < 0 || top.k > x[top.axis])
    throw Error(Errc::BadShape, node.label(), "K is ", top.k, " of ", k.size(), " numbers; one between 0 and ",
                x[top.axis], " wanted, as many as the axis has");
  return top;
}

inline TopK top_k_of(const Node& node, const Types& in, Constants constants) {
  return top_k_of(node, in[0].shape, known_integers(node, in, constants, 1, "K"));
}

inline Types top_k_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 2);
  if (in[0].dtype == DType::boolean) throw Error(Errc::Unsupported, node.label(), "input is bool, numbers wanted");
  const TopK top = top_k_of(node, in, constants);
  Shape y = in[0].shape;
  y[top.axis] = top.k;
  return {{in[0].dtype, y}, {DType::i64, y}};
}

template <class T>
struct Ranked {
  T value;
  std::int64_t place;
};

// True if `a` comes before `b`: it is more (or less, as wanted), or as much and stands before it. NaN is more than all.
template <class T>
bool ranks_before(const Ranked<T>& a, const Ranked<T>& b, bool largest) {
  if constexpr (!std::is_integral_v<T>) {
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    if (a_nan != b_nan) return a_nan == largest;
    if (a_nan) return a.place < b.place;
  }
  return a.value == b.value ? a.place < b.place : (a.value > b.value) == largest;
}

// The first place from i on of what comes before the worst; n: there is none.
template <class T>
Dim next_better(const ExtremeKernels& kernels, const TopK& top, const T* x, Dim i, Dim n, const Ranked<T>& worst) {
  if constexpr (std::is_same_v<T, float>) {
    return i + static_cast<Dim>(kernels.beyond(x + i, static_cast<std::size_t>(n - i), worst.value, !top.largest));
  } else {
    while (i < n && !ranks_before({x[i], i}, worst, top.largest)) ++i;
    return i;
  }
}

// A heap of the best so far, the worst of them on top; most numbers are only compared with that.
template <class T>
void rank(const ExtremeKernels& kernels, const TopK& top, const T* x, Dim n, Ranked<T>* best) {
  if (top.k == 0) return;
  const auto before = [&](const Ranked<T>& a, const Ranked<T>& b) { return ranks_before(a, b, top.largest); };
  Ranked<T>* end = best + top.k;
  for (Dim i = 0; i < top.k; ++i) best[i] = {x[i], i};
  std::make_heap(best, end, before);
  for (Dim i = top.k; (i = next_better(kernels, top, x, i, n, *best)) < n; ++i) {
    std::pop_heap(best, end, before);
    *(end - 1) = {x[i], i};
    std::push_heap(best, end, before);
  }
  std::sort_heap(best, end, before);
}

// Scratch: the best, then a line whose numbers do not lie side by side.
template <class T>
std::size_t top_k_scratch(const TopK& top, const Shape& x) {
  return sizeof(Ranked<T>) * static_cast<std::size_t>(top.k) + sizeof(T) * static_cast<std::size_t>(x[top.axis]);
}

template <class T>
void run_top_k(const ExtremeKernels& kernels, const TopK& top, const View& x, Outputs y, const Box& box,
               std::byte* scratch) {
  if (box.shape().elements() == 0) return;
  auto* best = reinterpret_cast<Ranked<T>*>(scratch);
  T* copy = reinterpret_cast<T*>(best + top.k);
  Box heads = box;
  heads[top.axis] = {0, 1};
  const Dim step = x.strides()[top.axis], n = x.shape()[top.axis];
  const Dim value_step = y[0].strides()[top.axis], place_step = y[1].strides()[top.axis];
  for_each(heads, [&](const Index& at) {
    const T* from = x.as<T>(at);
    for (Dim i = 0; step != 1 && i < n; ++i) copy[i] = from[i * step];
    rank(kernels, top, step == 1 ? from : copy, n, best);
    T* values = y[0].as<T>(at);
    auto* places = y[1].as<std::int64_t>(at);
    for (Dim i = 0; i < top.k; ++i) {
      values[i * value_step] = best[i].value;
      places[i * place_step] = best[i].place;
    }
  });
}

inline void top_k(const Node& node, Inputs in, Outputs out) {
  const TopK top = top_k_of(node, in[0].shape(), integers_of(in[1]));
  visit(in[0].dtype(), [&]<class T>(T) {
    using Number = std::conditional_t<std::is_integral_v<T>, T, float>;
    Box heads = out[0].held();
    heads[top.axis].end = std::min<Dim>(top.k, 1);
    for_each(heads, [&](const Index& head) {
      Index at = head;
      std::vector<Ranked<Number>> all;
      for (at[top.axis] = 0; at[top.axis] < in[0].shape()[top.axis]; ++at[top.axis])
        all.push_back({convert<Number>(*in[0].as<T>(at)), at[top.axis]});
      std::sort(all.begin(), all.end(), [&](const auto& a, const auto& b) { return ranks_before(a, b, top.largest); });
      for (at[top.axis] = 0; at[top.axis] < top.k; ++at[top.axis]) {
        const Ranked<Number>& ranked = all[static_cast<std::size_t>(at[top.axis])];
        *out[0].as<T>(at) = convert<T>(ranked.value);
        *out[1].as<std::int64_t>(at) = ranked.place;
      }
    });
  });
}

inline std::vector<Step> plan_top_k(const Node& node, const Types& in, Constants constants,
                                    const PlanContext& context) {
  const TopK top = top_k_of(node, in, constants);
  std::vector<Step> candidates;
  if (is_half(in[0].dtype)) return candidates;
  auto cuts = any_axis(in[0].shape.rank());
  std::erase_if(cuts, [&](const Cut& cut) { return cut.axis == top.axis; });
  visit(in[0].dtype, [&]<class T>(T) {
    if constexpr (std::is_integral_v<T> || std::is_same_v<T, float>)
      candidates =
          in_each_layout(2, 2,
                         {.kernel = "top_k",
                          .cuts = cuts,
                          .scratch_bytes = top_k_scratch<T>(top, in[0].shape),
                          .nanoseconds = kScatterSlowdown * pass_nanoseconds(2 * in[0].bytes()),
                          .needed =
                              [in, axis = top.axis](const Box& output) {
                                Box box = output;
                                box[axis] = {0, in[0].shape[axis]};
                                return std::vector<Box>{box, Box(in[1].shape)};
                              },
                          .run = [top, kernels = context.kernels.extreme](
                                     Inputs x, Outputs y, const Box& box,
                                     std::byte* scratch) { run_top_k<T>(kernels, top, x[0], y, box, scratch); }});
  });
  return candidates;
}

inline std::vector<Case> top_k_cases() {
  const auto with = [](TensorType x, std::int64_t k, Attributes attributes = {}, bool bench = false) {
    return Case{"TopK", std::move(attributes), {data(std::move(x)), given(Tensor({1}, {k}))}, bench, 2};
  };
  const auto floats = [](const Shape& shape) { return TensorType{DType::f32, shape}; };
  return {with(floats({3, 4}), 3),
          with(floats({2, 19, 3, 5}), 5, {{"axis", Dim{1}}}),
          with(floats({2, 3, 37}), 7, {{"largest", Dim{0}}}),
          with(floats({100}), 100, {{"sorted", Dim{0}}}),
          with(floats({5, 3}), 0, {{"axis", Dim{0}}}),
          with(floats({0, 4}), 2),
          with(floats({3, 0}), 0),
          with(floats({1}), 1),
          with(floats({2, 3, 4}), 1, {{"axis", Dim{-2}}, {"largest", Dim{0}}}),
          with({DType::f16, {2, 9}}, 4),
          with({DType::bf16, {2, 9}}, 4),
          with({DType::i8, {3, 90}}, 6),
          with({DType::u8, {3, 90}}, 6, {{"largest", Dim{0}}}),
          with({DType::i32, {90}}, 3),
          with({DType::i64, {2, 9, 2}}, 3, {{"axis", Dim{1}}}),
          with(floats({1, 8400, 80}), 300, {{"axis", Dim{1}}}, true)};
}

inline constexpr OpDef kTopK[] = {
    {.name = "TopK",
     .infer = top_k_type,
     .needed = whole_inputs,
     .reference = top_k,
     .plan = plan_top_k,
     .tolerance = exact,
     .cases = top_k_cases,
     .of_contents = 2,
     .expand = planned_in_f32<top_k_type>},
};

}  // namespace coverslip::inline v0::ops
