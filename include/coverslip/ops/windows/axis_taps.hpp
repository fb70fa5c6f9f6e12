// Which inputs the outputs of a convolution read along one axis, and where a line of outputs lies.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

// Along one spatial axis: output first + j * step reads, in tap t, the input at[t] + j * stride, for j = 0, 1, ...
struct AxisTaps {
  Dim first = 0, step = 1, stride = 1, inputs = 0;
  std::vector<Dim> at{};

  Range steps(const Range& outputs) const { return {steps_before(outputs.begin), steps_before(outputs.end)}; }
  // Those j of the range for which the tap does not lie in the padding.
  Range inside(std::size_t tap, const Range& j) const {
    const Dim begin = at[tap] < 0 ? (-at[tap] + stride - 1) / stride : 0;
    const Dim end = at[tap] < inputs ? (inputs - 1 - at[tap]) / stride + 1 : 0;
    const Dim from = std::clamp(begin, j.begin, j.end);
    return {from, std::clamp(end, from, j.end)};
  }

 private:
  Dim steps_before(Dim output) const { return output <= first ? 0 : (output - first + step - 1) / step; }
};

// Where output 0 of a line lies in a view, without its place along the last axis: a line is a sample, and a step along
// each spatial axis but the last.
inline Dim line_offset(const View& view, const Index& line, const std::vector<AxisTaps>& axes) {
  Dim offset = (line[0] - view.origin()[0]) * view.strides()[0];
  for (std::size_t axis = 0; axis + 1 < axes.size(); ++axis)
    offset +=
        (axes[axis].first + line[axis + 1] * axes[axis].step - view.origin()[axis + 2]) * view.strides()[axis + 2];
  return offset;
}

}  // namespace coverslip::inline v0::ops
