// LayerNormalization that reads or makes narrow values, as candidates beside the one of wide values.
#pragma once
#include "coverslip/ops/cost.hpp"

namespace coverslip::inline v0::ops {

// Rows lie along the last axis; `wide` is the step in f32. Errors are measured by the deviation beside each distance
// from the mean, as sums of f32 lose a part of that.
inline std::vector<Step> narrow_norms(const Step& wide, const Shape& x, float epsilon, const MomentKernels& kernels) {
  constexpr double kRow = 16, kNumber = 0.1, kWidened = 0.03;
  const std::size_t last = x.rank() - 1;
  const auto n = static_cast<double>(x[last]), numbers = static_cast<double>(x.elements());
  Step step = wide;
  step.scratch_bytes = 0;
  step.tolerance = (n / 16 + 16) * 0x1p-24;  // there are as many sums as four vectors have, 16 at least
  step.run = [last, epsilon, norm = kernels.norm_narrow](Inputs in, Outputs out, const Box& box, std::byte*) {
    if (box.shape().elements() == 0) return;
    const std::size_t along = last - 1;
    const auto row_of = [&](std::size_t i) { return reinterpret_cast<const float*>(in[i].at(in[i].origin())); };
    NormRows work{.x = nullptr,
                  .y = nullptr,
                  .rows = {.count = static_cast<std::size_t>(box[along].extent()),
                           .n = static_cast<std::size_t>(box[last].extent()),
                           .x_step = in[0].strides()[along],
                           .y_step = out[0].strides()[along]},
                  .x_bf16 = in[0].dtype() == DType::bf16,
                  .y_bf16 = out[0].dtype() == DType::bf16,
                  .scale = row_of(1),
                  .bias = row_of(2),
                  .epsilon = epsilon};
    Box heads = box;
    heads[along].end = heads[along].begin + 1;
    heads[last] = {0, 1};
    for_each(heads, [&](const Index& head) {
      work.x = in[0].at(head);
      work.y = out[0].at(head);
      norm(work);
    });
  };
  std::vector<Step> steps;
  for (const auto& [from, to] : kNarrowWays) {
    step.nanoseconds = 50 + numbers * (kNumber + kRow / n) + (from ? kWidened * numbers : narrow_saves(numbers)) +
                       (to ? 0 : narrow_saves(numbers));
    step.in_place = from == to ? wide.in_place : std::nullopt;
    steps.push_back(with_narrow(step, from, to));
  }
  return steps;
}

}  // namespace coverslip::inline v0::ops
