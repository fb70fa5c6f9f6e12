// BatchNormalization with known statistics: scale, B, mean and var are [C]; X is [N,C,...], or [N] of one channel.
// It may carry an activation.
#pragma once
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/nest.hpp"
#include "coverslip/ops/norms/numbers.hpp"

namespace coverslip::inline v0::ops {

inline Range normed_channels(const Box& x) { return x.rank() < 2 ? Range{0, 1} : x[1]; }
inline Dim normed_channel(const Index& at) { return at.rank() < 2 ? 0 : at[1]; }

inline Types batch_norm_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 5, 5);
  want_all_float(node, in);
  if (node.attr<Dim>("training_mode", 0) != 0)
    throw Error(Errc::Unsupported, node.label(), "training_mode is set; export the model for inference");
  if (in[0].shape.rank() < 1)
    throw Error(Errc::BadShape, node.label(), "input is ", in[0].shape, ", N x C x ... wanted");
  const Dim channels = normed_channels(Box(in[0].shape)).extent();
  for (std::size_t i = 1; i < 5; ++i)
    if (in[i].shape != Shape{channels})
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", in[i].shape, ", ", channels, " channels wanted");
  epilogue_of(node);
  return {in[0]};
}

inline std::vector<Box> batch_norm_needed(const Node&, const Types&, const Box& output) {
  const Box channels{normed_channels(output)};
  return {output, channels, channels, channels, channels};
}

inline float epsilon_of(const Node& node) { return node.attr("epsilon", 1e-5f); }

inline void batch_norm(const Node& node, Inputs in, Outputs out) {
  const Epilogue epilogue = epilogue_of(node);
  const double epsilon = epsilon_of(node);
  for_each(out[0].held(), [&](const Index& at) {
    const auto parameter = [&](std::size_t i) { return get_number(in[i], {normed_channel(at)}); };
    const double y =
        (get_number(in[0], at) - parameter(3)) / std::sqrt(parameter(4) + epsilon) * parameter(1) + parameter(2);
    put_number(out[0], at, activate(epilogue, y));
  });
}

// The mean is subtracted, so magnitudes must not cancel there.
inline void batch_norm_magnitudes(const Node& node, Inputs in, Outputs out) {
  const double epsilon = epsilon_of(node);
  for_each(out[0].held(), [&](const Index& at) {
    const auto size = [&](std::size_t i) { return std::abs(get_number(in[i], {normed_channel(at)})); };
    const double x = std::abs(get_number(in[0], at));
    put_number(out[0], at, (x + size(3)) / std::sqrt(size(4) + epsilon) * size(1) + size(2));
  });
}

inline float inverse_deviation(float variance, float epsilon) {
  return static_cast<float>(1 / std::sqrt(double{variance} + double{epsilon}));
}

inline void inverse_deviations(const Tensor& variance, float epsilon, Tensor& inverse) {
  const auto from = variance.values<float>();
  const auto to = inverse.values<float>();
  for (std::size_t c = 0; c < to.size(); ++c) to[c] = inverse_deviation(from[c], epsilon);
}

// Without `epsilon` the variance has been packed as inverse deviations.
inline void run_batch_norm(const AffineKernels& kernels, const Epilogue& epilogue, std::optional<float> epsilon,
                           Inputs in, View& y, const Box& box, std::byte* scratch) {
  if (box.shape().elements() == 0) return;
  const Range channels = normed_channels(box);
  const Index first{channels.begin};
  auto* scale = reinterpret_cast<float*>(scratch);
  const float *given = in[1].as<float>(first), *last = in[4].as<float>(first);
  for (Dim c = 0; c < channels.extent(); ++c)
    scale[c] = given[c] * (epsilon ? inverse_deviation(last[c], *epsilon) : last[c]);

  Index channel(box.rank(), 0);
  if (box.rank() > 1) channel[1] = 1;
  Nest<3> nest(box.shape(), {in[0].strides(), channel, y.strides()});
  nest.want_unit_strides();
  const bool single = nest.inner().strides[1] == 0 || nest.inner().extent == 1;
  const bool narrow = y.dtype() == DType::bf16;
  const Dim size = narrow ? sizeof(BFloat16) : sizeof(float);
  const float *mean = in[3].as<float>(first), *bias = in[2].as<float>(first);
  const std::byte* from = in[0].at(box.origin());
  std::byte* to = y.at(box.origin());
  nest.for_each_plane([&](const auto& at) {
    const AffineParameters parameters{mean + at[1], scale + at[1], bias + at[1], single, nest.outer().strides[1]};
    const std::byte* x = from + size * at[0];
    std::byte* made = to + size * at[2];
    if (narrow)
      kernels.narrow(x, made, nest.plane(), parameters, epilogue);
    else
      kernels.run(reinterpret_cast<const float*>(x), reinterpret_cast<float*>(made), nest.plane(), parameters,
                  epilogue);
  });
}

// Channels-last alone: there the parameters lie along a row.
inline void add_narrow_affine(std::vector<Step>& candidates, const Node& node, const PlanContext& context) {
  constexpr double kShare = 0.55;  // of the time on f32
  if (!context.bf16 || !context.kernels.affine.narrow(nullptr, nullptr, {}, {}, epilogue_of(node))) return;
  const auto wide = std::ranges::find(candidates, Layout::ChannelsLast, [](const Step& s) { return s.outputs[0]; });
  candidates.push_back(with_narrow(*wide, true, true));
  candidates.back().nanoseconds *= kShare;
}

inline std::vector<Step> plan_batch_norm(const Node& node, const Types& in, Constants constants,
                                         const PlanContext& context) {
  for (const TensorType& type : in)
    if (type.dtype != DType::f32) return {};
  const float epsilon = epsilon_of(node);
  const bool packed = constants[4] != nullptr;
  Step step{.kernel = "affine",
            .cuts = any_axis(in[0].shape.rank()),
            .scratch_bytes = in[1].bytes(),
            .nanoseconds = pass_nanoseconds(2 * in[0].bytes()),
            .in_place = 0,
            .run = [kernels = context.kernels.affine, epilogue = epilogue_of(node),
                    added = packed ? std::nullopt : std::optional(epsilon)](Inputs x, Outputs y, const Box& box,
                                                                            std::byte* scratch) {
              run_batch_norm(kernels, epilogue, added, x, y[0], box, scratch);
            }};
  auto candidates = in_each_layout(5, 1, std::move(step));
  add_narrow_affine(candidates, node, context);
  if (!packed) return candidates;
  const std::string packing = "inverse_deviation_" + std::to_string(std::bit_cast<std::uint32_t>(epsilon));
  for (Step& candidate : candidates)
    candidate.inputs[4] = {.packing = packing,
                           .pack = [epsilon](const Tensor& var, Tensor& to) { inverse_deviations(var, epsilon, to); },
                           .packed = in[4]};
  return candidates;
}

// Roundings: of the deviation, of scale over it, of the difference, the product, the sum, and of the reference; the
// activation may add those of its own.
inline double batch_norm_tolerance(const Node& node, const Types&) {
  const Epilogue epilogue = epilogue_of(node);
  const double steepness = 1 + std::abs(double{epilogue.alpha});
  return 8 * steepness * 0x1p-24 + activation_tolerance(epilogue);
}

inline std::vector<Case> batch_norm_cases() {
  const auto with = [](const Shape& x, Attributes attributes, bool bench = false) {
    const Shape c{normed_channels(Box(x)).extent()};
    Tensor variance({DType::f32, c});
    float v = 0.04f;
    for (float& each : variance.values<float>()) each = v = v > 3 ? v - 2.9f : v + 0.31f;
    return Case{"BatchNormalization",
                std::move(attributes),
                {data(x), weights(c), weights(c), weights(c), given(std::move(variance))},
                bench};
  };
  std::vector<Case> cases{with({2, 3, 5, 7}, {}),
                          with({1, 33, 3, 3}, {{"epsilon", 0.01f}}),
                          with({3, 17}, {}),
                          with({19}, {}),
                          with({0, 3, 4}, {}),
                          with({2, 3, 0}, {}),
                          with({2, 5, 9}, {{"activation", "Relu"}}),
                          with({1, 6, 3, 2, 5}, {{"activation", "Relu"}}),
                          with({1, 64, 56, 56}, {{"activation", "Relu"}}, true)};
  for (const char* activation : kCarried) cases.push_back(with({1, 18, 3, 5}, {{"activation", activation}}));
  cases.push_back(with({2, 19, 3, 4}, {}));
  cases.back().operands[4].kind = Operand::Kind::Data;
  for (const DType dtype : {DType::f16, DType::bf16}) {
    cases.push_back(with({2, 3, 5, 2}, {}));
    cases.back().operands[0] = data(TensorType{dtype, {2, 3, 5, 2}});
    cases.back().operands[1] = data(TensorType{dtype, {3}});
    cases.back().operands[2] = data(TensorType{dtype, {3}});
  }
  return cases;
}

inline constexpr OpDef kBatchNorm[] = {
    {.name = "BatchNormalization",
     .infer = batch_norm_type,
     .needed = batch_norm_needed,
     .reference = batch_norm,
     .plan = plan_batch_norm,
     .tolerance = batch_norm_tolerance,
     .magnitudes = batch_norm_magnitudes,
     .cases = batch_norm_cases,
     .expand = planned_in_f32<batch_norm_type>},
};

}  // namespace coverslip::inline v0::ops
