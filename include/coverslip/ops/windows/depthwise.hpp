// Convolution in which every channel has a filter of its own: which rows of the input the lines of a box read.
#pragma once
#include "coverslip/ops/windows/axis_taps.hpp"

namespace coverslip::inline v0::ops {

// Channels-last input and output; weights in panels of one vector of channels, the last axis' taps fastest. The places
// of an axis' taps lie evenly.
struct DepthwiseConv {
  const std::vector<AxisTaps>& axes;  // the spatial ones
  Dim channels;
  DepthwiseF32Kernels kernel;
  Epilogue epilogue;

  std::size_t scratch_bytes() const {
    return static_cast<std::size_t>(most_lines()) *
           (sizeof(DepthwiseLine) + static_cast<std::size_t>(window_rows()) * sizeof(DepthwiseRow));
  }

  // `weights` and `bias` are packed; bias and init may be null.
  void run(const View& x, const float* weights, const float* bias, const View* init, View& y, const Box& box,
           std::byte* scratch) const {
    if (box.shape().elements() == 0) return;
    auto* lines = reinterpret_cast<DepthwiseLine*>(scratch);
    auto* rows = reinterpret_cast<DepthwiseRow*>(lines + most_lines());
    DepthwiseF32 work = of_line(x, init, y, box[axes.size() + 1]);
    work.rows = rows;
    work.lines = lines;
    const auto flush = [&] {
      const Dim each = block_channels(x), lanes = static_cast<Dim>(kernel.lanes);
      for (Dim c = box[1].begin; c < box[1].end; c += each) {
        work.channels = static_cast<std::size_t>(std::min(each, box[1].end - c));
        const auto from_channel = [c](const View& view) {
          return view.at(view.origin()) + (c - view.origin()[1]) * static_cast<Dim>(size_of(view.dtype()));
        };
        if (x.shape().elements() > 0) work.x = from_channel(x);  // else all is padding
        work.y = const_cast<std::byte*>(from_channel(y));
        if (init != nullptr) work.init = from_channel(*init);
        work.weights = weights + c / lanes * lanes * static_cast<Dim>(work.taps);
        if (bias != nullptr) work.bias = bias + c;
        kernel.run(work);
      }
      work.line_count = 0;
    };
    Box all(axes.size(), Range{});  // sample, then the spatial axes but the last
    all[0] = box[0];
    for (std::size_t axis = 0; axis + 1 < axes.size(); ++axis) all[axis + 1] = axes[axis].steps(box[axis + 2]);
    for_each(all, [&](const Index& at) {
      DepthwiseLine& line = lines[work.line_count];
      line.begin = work.line_count == 0 ? 0 : lines[work.line_count - 1].end;
      line.end = add_rows(x, at, rows, line.begin);
      line.y = place(y, at);
      line.init = init != nullptr ? place(*init, at) : 0;
      if (++work.line_count == static_cast<std::size_t>(most_lines())) flush();
    });
    if (work.line_count > 0) flush();
  }

 private:
  const AxisTaps& along() const { return axes.back(); }
  Dim row_taps() const { return static_cast<Dim>(along().at.size()); }
  Dim window_rows() const {
    Dim n = 1;
    for (std::size_t axis = 0; axis + 1 < axes.size(); ++axis) n *= static_cast<Dim>(axes[axis].at.size());
    return n;
  }

  // What all lines have in common.
  DepthwiseF32 of_line(const View& x, const View* init, const View& y, const Range& outputs) const {
    const AxisTaps& axis = along();
    const Range j = axis.steps(outputs);
    const auto step = [](const View& view) { return view.strides()[view.strides().rank() - 1]; };
    return {.x = nullptr,
            .init = nullptr,
            .y = nullptr,
            .x_bf16 = x.dtype() == DType::bf16,
            .y_bf16 = y.dtype() == DType::bf16,
            .rows = nullptr,
            .lines = nullptr,
            .line_count = 0,
            .begin = j.begin,
            .end = j.end,
            .columns = axis.inputs,
            .stride = axis.stride,
            .dilation = row_taps() > 1 ? axis.at[1] - axis.at[0] : 1,
            .before = row_taps() > 0 ? -axis.at[0] : 0,
            .x_step = step(x),
            .y_step = axis.step * step(y),
            .init_step = init != nullptr ? axis.step * step(*init) : 0,
            .channels = 0,
            .row_taps = static_cast<std::size_t>(row_taps()),
            .taps = static_cast<std::size_t>(row_taps() * window_rows()),
            .weights = nullptr,
            .bias = nullptr,
            .epilogue = epilogue};
  }

  // Of output 0 of a line.
  Dim place(const View& view, const Index& line) const {
    const std::size_t w = axes.size() + 1;
    return line_offset(view, line, axes) + (along().first - view.origin()[w]) * view.strides()[w];
  }

  // The rows of the input under the window of a line, without those that are padding; returns where they end.
  std::size_t add_rows(const View& x, const Index& line, DepthwiseRow* rows, std::size_t end) const {
    const std::size_t last = axes.size() - 1;
    for (Dim row = 0; row < window_rows(); ++row) {
      Dim rest = row,
          offset = (line[0] - x.origin()[0]) * x.strides()[0] - x.origin()[last + 2] * x.strides()[last + 2];
      bool inside = true;
      for (std::size_t axis = last; axis-- > 0;) {
        const AxisTaps& taps = axes[axis];
        const auto count = static_cast<Dim>(taps.at.size());
        const Dim at = taps.at[static_cast<std::size_t>(rest % count)] + line[axis + 1] * taps.stride;
        rest /= count;
        inside = inside && at >= 0 && at < taps.inputs;
        offset += (at - x.origin()[axis + 2]) * x.strides()[axis + 2];
      }
      if (inside) rows[end++] = {offset, static_cast<std::size_t>(row * row_taps())};
    }
    return end;
  }

  // All channels of so many lines are computed one block after the other: the second cache holds what they read.
  Dim most_lines() const {
    constexpr Dim kSecond = (384 << 10) / 4, kRows = 1024;
    return std::clamp<Dim>(kSecond / std::max<Dim>(along().inputs * channels, 1), 4,
                           std::max<Dim>(kRows / std::max<Dim>(window_rows(), 1), 4));
  }

  // Of a block the first cache holds the rows under a window. What comes from beyond the second cache comes faster in
  // the order in which it lies.
  Dim block_channels(const View& x) const {
    constexpr Dim kFirst = (24 << 10) / 4, kLarge = (1 << 20) / 4;
    if (x.held().shape().elements() > kLarge) return channels;
    const Dim least = 2 * static_cast<Dim>(kernel.lanes);
    return std::max<Dim>(kFirst / std::max<Dim>(along().inputs * window_rows(), 1) / least, 1) * least;
  }
};

}  // namespace coverslip::inline v0::ops
