// The other steps of norms over big axes: blocks combined to parameters of each channel, and their application.
#pragma once
#include "coverslip/kernels/affine.hpp"
#include "coverslip/ops/norms/block_moments.hpp"

namespace coverslip::inline v0::ops {

// As the node's attributes say: the shape of the value and of its blocks, the number of groups of channels, whether
// all of a batch share their statistics.
struct NormGroups {
  Shape x, blocks;
  Dim groups = 1, channels = 1;  // channels: of a group
  bool batch = false;
  double epsilon = 0, deviation_epsilon = 0;  // added to the variance, to the deviation

  explicit NormGroups(const Node& node)
      : x(std::span<const Dim>(node.attr("shape", std::vector<Dim>()))),
        blocks(std::span<const Dim>(node.attr("blocks", std::vector<Dim>()))),
        groups(node.attr<Dim>("groups", 1)),
        batch(node.attr<Dim>("batch", 0) != 0),
        epsilon(node.attr("epsilon", 0.0f)),
        deviation_epsilon(node.attr("deviation_epsilon", 0.0f)) {
    channels = x[1] / groups;
  }
  // Elements of a channel in the block at a place.
  double elements(const Index& at) const {
    double n = 1;
    for (std::size_t axis = 0; axis < x.rank(); ++axis)
      if (axis != 1)
        n *= static_cast<double>(std::min((at[axis] + 1) * blocks[axis], x[axis]) - at[axis] * blocks[axis]);
    return n;
  }
};

// From the three outputs of BlockMoments, then scale and bias (of each channel, or each group; may be absent): a mean,
// a factor and a summand for each channel, [N, 3, C], or [1, 3, C] where a batch shares its statistics.
inline Types norm_parameters_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 3, 5);
  want_dtype(node, in, DType::f32);
  const NormGroups g(node);
  return {{DType::f32, {g.batch ? 1 : g.x[0], 3, g.x[1]}}};
}

inline std::vector<Box> norm_parameters_needed(const Node& node, const Types& in, const Box& output) {
  const NormGroups g(node);
  Box blocks(in[0].shape);
  if (!g.batch) blocks[0] = output[0];
  blocks[1] = output[2];
  std::vector<Box> boxes{blocks, blocks, blocks};
  for (std::size_t i = 3; i < in.size(); ++i) boxes.emplace_back(in[i].shape);
  return boxes;
}

// The statistics of a group: `blocks` holds its channels, in all their blocks. First the mean, then all distances from
// it: nothing cancels.
inline Spread combined(const NormGroups& g, Inputs in, const Box& blocks) {
  Box heads = blocks;
  heads[1].end = heads[1].begin + 1;
  const auto each = [&](const auto& f) {
    for_each(heads, [&](const Index& at) {
      const double n = g.elements(at);
      const float *high = in[0].as<float>(at), *low = in[1].as<float>(at), *deviation = in[2].as<float>(at);
      for (Dim c = 0; c < blocks[1].extent(); ++c)
        f(n, double{high[c * in[0].strides()[1]]} + double{low[c * in[1].strides()[1]]},
          double{deviation[c * in[2].strides()[1]]});
    });
  };
  Spread all;
  each([&](double n, double mean, double) {
    all.n += n;
    all.mean += n * mean;
  });
  all.mean /= all.n;
  each([&](double n, double mean, double deviation) {
    const double apart = mean - all.mean;
    all.squares += n * (deviation * deviation + apart * apart);
  });
  return all;
}

inline void run_norm_parameters(const NormGroups& g, bool scaled, bool biased, Inputs in, View& y, const Box& box) {
  const auto of_channel = [&](bool given, std::size_t i, Dim c, float absent) {
    if (!given) return absent;
    return *in[i].as<float>({in[i].shape()[0] == g.x[1] ? c : c / g.channels});
  };
  for (Dim n = box[0].begin; n < box[0].end; ++n)
    for (Dim c = box[2].begin; c < box[2].end; c += g.channels) {
      Box blocks = in[0].held();
      if (!g.batch) blocks[0] = {n, n + 1};
      blocks[1] = {c, c + g.channels};
      const Spread all = combined(g, in, blocks);
      const double inverse = 1 / (std::sqrt(all.variance() + g.epsilon) + g.deviation_epsilon);
      for (Dim i = c; i < c + g.channels; ++i) {
        const auto factor = static_cast<float>(inverse * double{of_channel(scaled, 3, i, 1)});
        const double rest = double{rest_of(all.mean)} * double{factor};
        *y.as<float>({n, 0, i}) = static_cast<float>(all.mean);
        *y.as<float>({n, 1, i}) = factor;
        *y.as<float>({n, 2, i}) = static_cast<float>(double{of_channel(biased, 4, i, 0)} - rest);
      }
    }
}

inline void norm_parameters(const Node& node, Inputs in, Outputs out) {
  run_norm_parameters(NormGroups(node), node.has(3), node.has(4), in, out[0], out[0].held());
}

inline std::vector<Step> plan_norm_parameters(const Node& node, const Types& in, Constants, const PlanContext&) {
  const NormGroups g(node);
  const auto numbers = static_cast<double>(in[0].shape.elements());
  Step step{.kernel = "norm_parameters",
            .cuts = {{0}, {2, g.channels}},
            .nanoseconds = 50 + 10 * numbers,
            .run = [g, scaled = node.has(3), biased = node.has(4)](Inputs x, Outputs y, const Box& box, std::byte*) {
              run_norm_parameters(g, scaled, biased, x, y[0], box);
            }};
  auto candidates = in_each_layout(in.size(), 1, std::move(step));
  for (Step& each : candidates) each.outputs = {Layout::Planar};
  return candidates;
}

inline std::vector<Case> norm_parameters_cases() {
  const auto with = [](const Shape& x, const Shape& blocks, Dim groups, Dim batch, std::vector<Operand> scale) {
    using List = std::vector<Dim>;
    Shape counts = x;
    for (std::size_t axis = 0; axis < x.rank(); ++axis) counts[axis] = (x[axis] + blocks[axis] - 1) / blocks[axis];
    Case made{"coverslip.NormParameters",
              {{"shape", List(x.begin(), x.end())},
               {"blocks", List(blocks.begin(), blocks.end())},
               {"groups", groups},
               {"batch", batch},
               {"epsilon", 0.01f}},
              {data(counts), data(counts), data(counts)}};
    for (Operand& each : scale) made.operands.push_back(std::move(each));
    return made;
  };
  return {with({2, 6, 5, 7}, {1, 1, 2, 7}, 6, 0, {weights({6}), weights({6})}),
          with({2, 6, 5}, {1, 1, 5}, 3, 0, {weights({6}), weights({6})}),
          with({2, 6, 5}, {1, 1, 2}, 2, 0, {weights({2}), weights({2})}), with({3, 4, 5}, {2, 1, 5}, 4, 1, {}),
          with({3, 19}, {1, 1}, 19, 0, {weights({19})})};
}

// y = (x - p[0]) * p[1] + p[2], with parameters [N or 1, 3, C] of each channel.
inline Types affine_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 2);
  want_dtype(node, in, DType::f32);
  return {in[0]};
}

inline std::vector<Box> affine_needed(const Node&, const Types& in, const Box& output) {
  return {output, {in[1].shape[0] == 1 ? Range{0, 1} : output[0], {0, 3}, output[1]}};
}

inline void affine_with(const View& x, const View& p, View& y, bool magnitudes) {
  const auto size = [&](double v) { return magnitudes ? std::abs(v) : v; };
  for_each(y.held(), [&](const Index& at) {
    const auto parameter = [&](Dim i) { return double{*p.as<float>({p.shape()[0] == 1 ? 0 : at[0], i, at[1]})}; };
    const double apart = size(double{*x.as<float>(at)} - parameter(0));
    *y.as<float>(at) = static_cast<float>(apart * size(parameter(1)) + size(parameter(2)));
  });
}
inline void affine(const Node&, Inputs in, Outputs out) { affine_with(in[0], in[1], out[0], false); }
inline void affine_magnitudes(const Node&, Inputs in, Outputs out) { affine_with(in[0], in[1], out[0], true); }

inline void run_affine(const AffineKernels& kernels, bool shared, const View& x, const View& p, View& y,
                       const Box& box) {
  if (box.shape().elements() == 0) return;
  Box one = box;
  Index channel(box.rank(), 0);
  channel[1] = p.strides()[2];
  for (Dim n = box[0].begin; n < box[0].end; ++n) {
    one[0] = {n, n + 1};
    Nest<3> nest(one.shape(), {x.strides(), channel, y.strides()});
    nest.want_unit_strides();
    const bool single = nest.inner().strides[1] == 0 || nest.inner().extent == 1;
    const Dim row = shared ? 0 : n, first = box[1].begin;
    const float *mean = p.as<float>({row, 0, first}), *factor = p.as<float>({row, 1, first}),
                *summand = p.as<float>({row, 2, first}), *from = x.as<float>(one.origin());
    float* to = y.as<float>(one.origin());
    nest.for_each_plane([&](const auto& at) {
      const AffineParameters parameters{mean + at[1], factor + at[1], summand + at[1], single, nest.outer().strides[1]};
      kernels.run(from + at[0], to + at[2], nest.plane(), parameters, {});
    });
  }
}

inline std::vector<Step> plan_affine(const Node&, const Types& in, Constants, const PlanContext& context) {
  Step step{.kernel = "affine",
            .cuts = any_axis(in[0].shape.rank()),
            .nanoseconds = pass_nanoseconds(2 * in[0].bytes()),
            .in_place = 0,
            .run = [kernels = context.kernels.affine, shared = in[1].shape[0] == 1](Inputs x, Outputs y, const Box& box,
                                                                                    std::byte*) {
              run_affine(kernels, shared, x[0], x[1], y[0], box);
            }};
  auto candidates = in_each_layout(2, 1, std::move(step));
  for (Step& each : candidates) each.inputs[1].layout = Layout::Planar;
  return candidates;
}

inline double affine_tolerance(const Node&, const Types&) { return 4 * 0x1p-24; }

inline std::vector<Case> affine_cases() {
  const std::string op = "coverslip.Affine";
  return {{op, {}, {data({2, 3, 5, 7}), data({2, 3, 3})}},
          {op, {}, {data({2, 35, 3, 3}), data({1, 3, 35})}},
          {op, {}, {data({3, 19}), data({3, 3, 19})}},
          {op, {}, {data({1, 2, 3, 2, 9}), data({1, 3, 2})}}};
}

inline constexpr OpDef kNormParameters[] = {
    {.name = "coverslip.NormParameters",
     .infer = norm_parameters_type,
     .needed = norm_parameters_needed,
     .reference = norm_parameters,
     .plan = plan_norm_parameters,
     .tolerance = exact,
     .cases = norm_parameters_cases},
    {.name = "coverslip.Affine",
     .infer = affine_type,
     .needed = affine_needed,
     .reference = affine,
     .plan = plan_affine,
     .tolerance = affine_tolerance,
     .magnitudes = affine_magnitudes,
     .cases = affine_cases},
};

}  // namespace coverslip::inline v0::ops
