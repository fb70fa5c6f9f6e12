// LRN: each number divided by a power of the squares around it, across channels.
#pragma once
#include <cmath>

#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/nest.hpp"
#include "coverslip/ops/norms/numbers.hpp"

namespace coverslip::inline v0::ops {

// Channel c sees c - before to c + after.
struct Lrn {
  Dim size = 1, before = 0, after = 0;
  double alpha = 0, bias = 1;
  float beta = 0;

  Range window(const Range& channels, Dim end) const {
    if (channels.extent() == 0) return channels;
    return {std::max<Dim>(channels.begin - before, 0), std::min(channels.end + after, end)};
  }
};

inline Lrn lrn_of(const Node& node) {
  const Dim size = node.attr<Dim>("size", 0);
  if (size < 1) throw Error(Errc::BadModel, node.label(), "size is ", size, ", at least 1 channel wanted");
  return {.size = size,
          .before = (size - 1) / 2,
          .after = size / 2,
          .alpha = double{node.attr("alpha", 0.0001f)},
          .bias = double{node.attr("bias", 1.0f)},
          .beta = node.attr("beta", 0.75f)};
}

inline Types lrn_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  want_all_float(node, in);
  if (in[0].shape.rank() < 2)
    throw Error(Errc::BadShape, node.label(), "input is ", in[0].shape, ", N x C x ... wanted");
  lrn_of(node);
  return {in[0]};
}

inline std::vector<Box> lrn_needed(const Node& node, const Types& in, const Box& output) {
  Box box = output;
  box[1] = lrn_of(node).window(output[1], in[0].shape[1]);
  return {box};
}

// Calls f(at, x, base): x divided by base to the power of beta is the result.
template <class F>
void for_each_lrn(const Lrn& lrn, const View& x, const F& f) {
  for_each(x.held(), [&](const Index& at) {
    const Range window = lrn.window({at[1], at[1] + 1}, x.shape()[1]);
    double squares = 0;
    Index near = at;
    for (near[1] = window.begin; near[1] < window.end; ++near[1]) squares += std::pow(get_number(x, near), 2);
    f(at, get_number(x, at), lrn.bias + lrn.alpha / static_cast<double>(lrn.size) * squares);
  });
}

inline void lrn(const Node& node, Inputs in, Outputs out) {
  const Lrn lrn = lrn_of(node);
  for_each_lrn(lrn, in[0], [&](const Index& at, double x, double base) {
    put_number(out[0], at, x / std::pow(base, double{lrn.beta}));
  });
}

// An error of the logarithm grows with it.
inline void lrn_magnitudes(const Node& node, Inputs in, Outputs out) {
  const Lrn lrn = lrn_of(node);
  for_each_lrn(lrn, in[0], [&](const Index& at, double x, double base) {
    const double exponent = double{lrn.beta} * std::log(base);
    put_number(out[0], at, std::abs(x) / std::exp(exponent) * (1 + std::abs(exponent)));
  });
}

// Planar: windows are rows a channel apart. Channels last: rows one apart, which overlap.
class LrnRun {
 public:
  LrnRun(const Lrn& lrn, const KernelTable& kernels, Dim channels, bool planar)
      : lrn_(lrn),
        squares_(kernels.reduce.across[static_cast<std::size_t>(Term::Square)]),
        damp_(kernels.moments.damp),
        channels_(channels),
        planar_(planar) {}

  static constexpr Dim kTile = 256;
  static constexpr std::size_t kScratch = static_cast<std::size_t>(kTile) * (sizeof(double) + sizeof(float));

  void operator()(Inputs in, Outputs out, const Box& box, std::byte* scratch) const {
    const View& x = in[0];
    View& y = out[0];
    if (box.shape().elements() == 0) return;
    Shape heads = box.shape();
    heads[1] = 1;
    Nest<2> nest(heads, {x.strides(), y.strides()});
    if (planar_) nest.want_unit_strides();
    const float* from = x.as<float>(box.origin());
    float* to = y.as<float>(box.origin());
    const auto &inner = nest.inner(), &outer = nest.outer();
    const Dim x_step = x.strides()[1], y_step = y.strides()[1];
    nest.for_each_plane([&](const auto& at) {
      for (Dim row = 0; row < outer.extent; ++row) {
        const float* first = from + at[0] + row * outer.strides[0];
        float* result = to + at[1] + row * outer.strides[1];
        if (planar_) {
          for (Dim c = box[1].begin; c < box[1].end; ++c) {
            const Dim i = c - box[1].begin;
            columns(first + i * x_step, x_step, result + i * y_step, inner.extent, c, scratch);
          }
        } else {
          for (Dim i = 0; i < inner.extent; ++i)
            pixel(first + i * inner.strides[0], result + i * inner.strides[1], box[1], scratch);
        }
      }
    });
  }

 private:
  // n numbers side by side which have the window of channel c, a step between channels.
  void columns(const float* x, Dim step, float* y, Dim n, Dim c, std::byte* scratch) const {
    auto* sums = reinterpret_cast<double*>(scratch);
    auto* bases = reinterpret_cast<float*>(sums + kTile);
    const Range window = lrn_.window({c, c + 1}, channels_);
    for (Dim i = 0; i < n; i += kTile) {
      const Dim tile = std::min(kTile, n - i);
      std::fill_n(sums, tile, 0.0);
      squares_(
          x + i + (window.begin - c) * step,
          {.count = static_cast<std::size_t>(window.extent()), .n = static_cast<std::size_t>(tile), .x_step = step},
          sums, nullptr);
      const double weight = lrn_.alpha / static_cast<double>(lrn_.size);
      for (Dim j = 0; j < tile; ++j) bases[j] = static_cast<float>(lrn_.bias + weight * sums[j]);
      damp_(x + i, bases, y + i, static_cast<std::size_t>(tile), lrn_.beta);
    }
  }

  // Some channels of a pixel, which lie side by side: those whose windows are whole go together.
  void pixel(const float* x, float* y, const Range& channels, std::byte* scratch) const {
    const Dim whole = std::max(lrn_.before, channels.begin), end = std::min(channels_ - lrn_.after, channels.end);
    for (Dim c = channels.begin; c < channels.end;) {
      const Dim n = c == whole && end > whole ? end - whole : 1;
      columns(x + (c - channels.begin), 1, y + (c - channels.begin), n, c, scratch);
      c += n;
    }
  }

  Lrn lrn_;
  void (*squares_)(const float*, const Rows&, double*, const float*);
  void (*damp_)(const float*, const float*, float*, std::size_t, float);
  Dim channels_;
  bool planar_;
};

inline std::vector<Step> plan_lrn(const Node& node, const Types& in, Constants, const PlanContext& context) {
  const Lrn lrn = lrn_of(node);
  // Powers by way of the logarithm: of numbers above 0 only.
  if (in[0].dtype != DType::f32 || !(lrn.alpha >= 0 && lrn.bias > 0 && lrn.beta > 0)) return {};
  const Shape& x = in[0].shape;
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts) {
    const bool planar = layout == Layout::Planar && x.rank() > 2;
    constexpr double kRow = 40;  // nanoseconds that each row costs, however short it is
    const double rows = static_cast<double>(x.elements() / std::max<Dim>(planar ? x[x.rank() - 1] : x[1], 1));
    const auto taps = static_cast<double>(lrn.size);
    candidates.push_back({.kernel = "lrn",
                          .inputs = {{layout}},
                          .outputs = {layout},
                          .cuts = any_axis(x.rank()),
                          .scratch_bytes = LrnRun::kScratch,
                          .nanoseconds = (4 + taps) * pass_nanoseconds(in[0].bytes()) + kRow * rows,
                          .run = LrnRun(lrn, context.kernels, x[1], planar)});
  }
  return candidates;
}

// The logarithm is good to four units, its product and the base to one rounding each, times the exponent; then the
// exponential, to two units, and the last product.
inline double lrn_tolerance(const Node& node, const Types&) {
  return (12 + 2 * std::abs(double{lrn_of(node).beta})) * 0x1p-24;
}

inline std::vector<Case> lrn_cases() {
  const auto with = [](TensorType x, Dim size, float alpha = 0.5f, bool bench = false) {
    return Case{"LRN", {{"size", size}, {"alpha", alpha}}, {data(std::move(x))}, bench};
  };
  const auto floats = [](const Shape& shape) { return TensorType{DType::f32, shape}; };
  return {with(floats({2, 7, 5, 7}), 3),
          with(floats({1, 35, 3, 3}), 5),
          with(floats({1, 3, 2, 19}), 4),
          with(floats({2, 3, 5}), 9),
          with(floats({2, 19}), 2),
          with(floats({1, 5, 2, 3, 4}), 1),
          with(floats({1, 300, 2, 2}), 5),
          with(floats({1, 2, 20, 20}), 5),
          with({DType::f16, {1, 5, 3, 2}}, 3),
          with({DType::bf16, {1, 5, 7}}, 3),
          {"LRN", {{"size", Dim{3}}, {"beta", 2.5f}, {"bias", 0.25f}}, {data({1, 6, 4, 4})}},
          with(floats({2, 0, 3}), 3),
          with(floats({0, 4, 3}), 3),
          with(floats({1, 96, 55, 55}), 5, 0.0001f, true)};
}

inline constexpr OpDef kLrn[] = {
    {.name = "LRN",
     .infer = lrn_type,
     .needed = lrn_needed,
     .reference = lrn,
     .plan = plan_lrn,
     .tolerance = lrn_tolerance,
     .magnitudes = lrn_magnitudes,
     .cases = lrn_cases,
     .expand = planned_in_f32<lrn_type>},
};

}  // namespace coverslip::inline v0::ops
