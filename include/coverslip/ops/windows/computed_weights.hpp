// Weights of convolutions: packed once where they are constant, else by each box for itself, in scratch.
#pragma once
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/matrices/panels.hpp"

namespace coverslip::inline v0::ops {

// Fills packed floats from the weights in row-major order.
using FillWeights = std::function<void(const float* weights, float* packed)>;
// The run of a step, apart from its packed operands; the bias may be null.
using RunPacked =
    std::function<void(Inputs, Outputs, const float* weights, const float* bias, const Box&, std::byte* scratch)>;

// `floats`: of the packed weights.
inline Form weights_form(std::string packing, Dim floats, FillWeights fill) {
  return {.packing = std::move(packing),
          .pack = [fill = std::move(fill)](
                      const Tensor& weights,
                      Tensor& packed) { fill(weights.values<float>().data(), packed.values<float>().data()); },
          .packed = {DType::f32, {floats}}};
}

// Input 3, if the node has it.
inline const View* residual_of(Inputs from) {
  return from.size() > 3 && from[3].shape().rank() > 0 ? &from[3] : nullptr;
}

// Inputs 1 and 2 are packed constants.
inline auto run_with_packed(RunPacked run) {
  return [run = std::move(run)](Inputs from, Outputs to, const Box& box, std::byte* scratch) {
    run(from, to, packed_floats(from[1]), from.size() > 2 ? packed_floats(from[2]) : nullptr, box, scratch);
  };
}

// The same step for inputs 1 and 2 as the network makes them. `floats`: of the packed weights.
inline Step with_computed_weights(Step step, const Node& node, const Types& in, Panels bias, Dim floats,
                                  FillWeights fill, RunPacked run, decltype(OpDef::needed) needed) {
  const TensorType packed{DType::f32, {floats}};
  bias.rows = 1;
  const std::size_t dense_bytes = aligned(in[1].bytes()), packed_bytes = aligned(packed.bytes()),
                    bias_bytes = node.has(2) ? aligned(static_cast<std::size_t>(bias.floats()) * sizeof(float)) : 0;
  step.kernel += "_packing";
  step.inputs[1] = {};
  if (in.size() > 2) step.inputs[2] = {};
  step.scratch_bytes += dense_bytes + packed_bytes + bias_bytes;
  step.nanoseconds += kScatterSlowdown * pass_nanoseconds(2 * in[1].bytes() + packed.bytes());
  step.needed = [node, in, needed](const Box& box) {
    auto boxes = needed(node, in, box);
    boxes[1] = Box(in[1].shape);
    if (node.has(2)) boxes[2] = Box(in[2].shape);
    return boxes;
  };
  step.run = [=, fill = std::move(fill), run = std::move(run)](Inputs from, Outputs to, const Box& box,
                                                               std::byte* scratch) {
    auto* const dense = reinterpret_cast<float*>(scratch);
    auto* const weights = reinterpret_cast<float*>(scratch + dense_bytes);
    auto* const biases = reinterpret_cast<float*>(scratch + dense_bytes + packed_bytes);
    const View& w = from[1];
    move_elements(DType::f32, w.at(w.origin()), w.strides(), scratch, strides_of(Layout::Planar, w.shape()), w.shape());
    fill(dense, weights);
    if (bias_bytes > 0)
      bias.fill(from[2].as<float>({0}), biases,
                {.group = bias.columns * from[2].strides()[0], .column = from[2].strides()[0]});
    run(from, to, weights, bias_bytes > 0 ? biases : nullptr, box, scratch + dense_bytes + packed_bytes + bias_bytes);
  };
  return step;
}

}  // namespace coverslip::inline v0::ops
