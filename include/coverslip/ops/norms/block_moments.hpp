// The first step of norms over big axes: mean and deviation of each block of a value.
#pragma once
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/nest.hpp"
#include "coverslip/ops/norms/numbers.hpp"
#include "coverslip/ops/norms/statistics.hpp"
#include "coverslip/ops/reductions/reduction.hpp"

namespace coverslip::inline v0::ops {

// Three numbers for each block: its mean in two floats, the second what the first lost, and its standard deviation.
inline Types block_moments_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 1, 1);
  want_dtype(node, in, DType::f32);
  return Types(3, {DType::f32, reduction_of(node, in, constants).full()});
}

inline std::vector<Box> block_moments_needed(const Node& node, const Types& in, const Box& output) {
  return {reduction_of(node, in, {}).source(output)};
}

inline void put_spread(double mean, double deviation, float* high, float* low, float* deviations) {
  *high = static_cast<float>(mean);
  *low = rest_of(mean);
  *deviations = static_cast<float>(deviation);
}

inline void block_moments(const Node& node, Inputs in, Outputs out) {
  for_each_reduced(reduction_of(node, in), [&](const Index& at, const Box& part) {
    const double n = static_cast<double>(part.shape().elements());
    double mean = 0, squares = 0;
    for_each(part, [&](const Index& i) { mean += double{*in[0].as<float>(i)} / n; });
    for_each(part, [&](const Index& i) { squares += std::pow(double{*in[0].as<float>(i)} - mean, 2); });
    put_spread(mean, std::sqrt(squares / n), out[0].as<float>(at), out[1].as<float>(at), out[2].as<float>(at));
  });
}

inline void block_moments_magnitudes(const Node& node, Inputs in, Outputs out) {
  block_moments(node, in, out);
  for_each_reduced(reduction_of(node, in), [&](const Index& at, const Box& part) {
    double size = 0;
    for_each(part, [&](const Index& i) { size += std::abs(double{*in[0].as<float>(i)}); });
    const auto mean = static_cast<float>(size / static_cast<double>(part.shape().elements()));
    *out[0].as<float>(at) = *out[1].as<float>(at) = mean;
  });
}

class BlockMomentsRun {
 public:
  BlockMomentsRun(const MomentKernels& kernels, Reduction r, Layout layout) : kernels_(kernels), r_(std::move(r)) {
    const auto order = memory_order(layout, r_.x.rank());
    for (const std::size_t axis : order)
      if (r_.reduced[axis]) order_.push_back(axis);
    along_ = order.rank() > 0 && r_.reduced[order[order.rank() - 1]];
  }

  static constexpr Dim kTile = 256;  // columns whose sums stay in the first cache
  static constexpr std::size_t kScratch = sizeof(float) * static_cast<std::size_t>(Chunks::kMost);

  bool along() const { return along_; }

  void operator()(Inputs in, Outputs out, const Box& box, std::byte* scratch) const {
    if (box.shape().elements() == 0) return;
    for_each_block(r_, box, [&](const Box& block) { run(in[0], out, block, scratch); });
  }

 private:
  struct Results {
    float *high, *low, *deviation;
  };

  void run(const View& x, Outputs out, const Box& block, std::byte* scratch) const {
    const Box source = r_.source(block);
    const float* from = x.as<float>(source.origin());
    const Index first = block.origin();
    const Results to{out[0].as<float>(first), out[1].as<float>(first), out[2].as<float>(first)};
    const Chunks chunks(x.strides(), source.shape(), order_);
    Nest<4> nest(block.shape(), {x.strides(), out[0].strides(), out[1].strides(), out[2].strides()});
    if (!along_) nest.want_unit_strides();
    const auto &inner = nest.inner(), &outer = nest.outer();
    nest.for_each_plane([&](const auto& at) {
      for (Dim row = 0; row < outer.extent; ++row)
        for (Dim i = 0; i < inner.extent; i += along_ ? 1 : kTile) {
          const auto place = [&](std::size_t view) {
            return at[view] + row * outer.strides[view] + i * inner.strides[view];
          };
          const Results results{to.high + place(1), to.low + place(2), to.deviation + place(3)};
          if (along_)
            along(chunks, from + place(0), results, scratch);
          else
            across(x, source, from + place(0), results, std::min(kTile, inner.extent - i), scratch);
        }
    });
  }

  void along(const Chunks& chunks, const float* x, const Results& y, std::byte* scratch) const {
    const Spread all = spread_of(kernels_, chunks, x, reinterpret_cast<float*>(scratch));
    put_spread(all.mean, std::sqrt(all.variance()), y.high, y.low, y.deviation);
  }

  // The first number of each column is its shift.
  void across(const View& x, const Box& source, const float* first, const Results& y, Dim columns,
              std::byte* scratch) const {
    auto* sums = reinterpret_cast<double*>(scratch);
    double* squares = sums + kTile;
    auto* shifts = reinterpret_cast<float*>(squares + kTile);
    for (Dim c = 0; c < columns; ++c) shifts[c] = shift_by(first[c]);
    std::fill_n(sums, 2 * kTile, 0.0);
    for_each_rows(x.strides(), source.shape(), order_, columns,
                  [&](Dim offset, const Rows& rows) { kernels_.across(first + offset, rows, shifts, sums, squares); });
    double n = 1;
    for (const std::size_t axis : order_) n *= static_cast<double>(source[axis].extent());
    for (Dim c = 0; c < columns; ++c) {
      const Spread spread = spread_of(n, shifts[c], {sums[c], squares[c]});
      put_spread(spread.mean, std::sqrt(spread.variance()), y.high + c, y.low + c, y.deviation + c);
    }
  }

  MomentKernels kernels_;
  Reduction r_;
  PerAxis<std::size_t> order_;  // of the reduced axes
  bool along_ = false;
};

inline std::vector<Step> plan_block_moments(const Node& node, const Types& in, Constants constants,
                                            const PlanContext& context) {
  const Reduction r = reduction_of(node, in, constants);
  if (r.x.elements() == 0) return {};
  constexpr double kCall = 30;  // nanoseconds for each result, or each row of columns, however little it is of
  std::vector<Step> candidates;
  for (const Layout layout : kLayouts) {
    const BlockMomentsRun run(context.kernels.moments, r, layout);
    const double results = static_cast<double>(r.full().elements());
    const std::size_t side = memory_order(layout, r.x.rank())[r.x.rank() - 1];
    const double calls = run.along() ? results : results * r.terms() / static_cast<double>(r.full()[side]) / 4;
    candidates.push_back({.kernel = run.along() ? "moments_along" : "moments_across",
                          .inputs = {{layout}},
                          .outputs = {layout, layout, layout},
                          .cuts = any_axis(r.x.rank()),
                          .scratch_bytes = BlockMomentsRun::kScratch,
                          .nanoseconds = pass_nanoseconds(in[0].bytes()) + kCall * calls,
                          .run = run});
  }
  return candidates;
}

// Two roundings of each number. What the mean's first float lost may be anything of its last place.
inline double block_moments_tolerance(const Node&, const Types&) { return 4 * 0x1p-24; }

inline std::vector<Case> block_moments_cases() {
  using List = std::vector<Dim>;
  const auto with = [](const List& axes, const List& blocks, Operand x) {
    return Case{"coverslip.BlockMoments",
                {{"axes", axes}, {"blocks", blocks}, {"noop_with_empty_axes", Dim{1}}},
                {std::move(x)},
                false,
                3};
  };
  return {with({2, 3}, {1, 1, 2, 7}, data({2, 3, 5, 7})),
          with({2, 3}, {1, 1, 1, 4}, data({1, 19, 3, 9})),
          with({2, 3, 4}, {1, 1, 2, 3, 5}, data({1, 3, 3, 4, 5})),
          with({0, 2}, {2, 1, 33}, data({3, 5, 33})),
          with({2}, {1, 1, 300}, far_from_zero({2, 3, 700})),
          with({}, {1, 1}, data({3, 17})),
          with({0}, {4, 1}, data({10, 300}))};
}

inline constexpr OpDef kBlockMoments[] = {
    {.name = "coverslip.BlockMoments",
     .infer = block_moments_type,
     .needed = block_moments_needed,
     .reference = block_moments,
     .plan = plan_block_moments,
     .tolerance = block_moments_tolerance,
     .magnitudes = block_moments_magnitudes,
     .cases = block_moments_cases},
};

}  // namespace coverslip::inline v0::ops
