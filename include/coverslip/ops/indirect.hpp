// Convolution as a matrix product whose rows are found by pointers: which input elements the outputs of a box read.
#pragma once
#include "coverslip/ops/panels.hpp"

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

// Channels-last input and output; weights in panels [groups][taps][channels], the last axis' taps fastest.
class IndirectConv {
 public:
  std::vector<AxisTaps> axes{};  // the spatial ones
  Panels panels{};               // of the weights
  Dim channels = 0;              // of the whole input
  bool depthwise = false;        // output channel k reads input channel k alone
  void (*kernel)(const IndirectF32&) = nullptr;
  std::size_t tile_rows = 1;
  Epilogue epilogue{};

  Dim taps() const {
    Dim n = 1;
    for (const AxisTaps& axis : axes) n *= static_cast<Dim>(axis.at.size());
    return n;
  }
  std::size_t scratch_bytes() const {
    const auto rows = static_cast<std::size_t>(block_rows());
    return aligned(static_cast<std::size_t>(channels) * sizeof(float)) +
           (static_cast<std::size_t>(taps()) + 2) * rows * sizeof(void*);
  }

  // `weights` and `bias` are packed; bias and init may be null.
  void run(const View& x, const float* weights, const float* bias, const View* init, View& y, const Box& box,
           std::byte* scratch) const {
    Job job(*this, x, weights, bias, init, y, box, scratch);
    const std::size_t last = axes.size() - 1;
    Box lines(axes.size(), Range{});  // sample, then the spatial axes but the last
    lines[0] = box[0];
    for (std::size_t axis = 0; axis < last; ++axis) lines[axis + 1] = axes[axis].steps(box[axis + 2]);
    const Range along = axes[last].steps(box[last + 2]);
    for_each(lines, [&](const Index& line) {
      for (Dim j = along.begin; j < along.end;) j += job.add(line, {j, along.end});
    });
    job.flush();
  }

 private:
  // Rows of A that are computed at once: they stay in the L2 cache while all panels of B pass.
  Dim block_rows() const {
    constexpr Dim kBytes = 768 << 10, kPointers = 8 << 10;
    const auto tile = static_cast<Dim>(tile_rows);
    const Dim rows = std::min(kBytes / std::max<Dim>(channels * 4, 1), kPointers / std::max<Dim>(taps(), 1));
    return std::max(rows / tile, Dim{1}) * tile;
  }

  class Job {
   public:
    Job(const IndirectConv& conv, const View& x, const float* weights, const float* bias, const View* init, View& y,
        const Box& box, std::byte* scratch)
        : conv_(conv), x_(x), y_(y), init_(init), weights_(weights), bias_(bias), outputs_(box[1]) {
      most_ = conv.block_rows();
      taps_ = conv.taps();
      zeros_ = reinterpret_cast<float*>(scratch);
      std::fill_n(zeros_, conv.channels, 0.0f);
      scratch += aligned(static_cast<std::size_t>(conv.channels) * sizeof(float));
      a_ = reinterpret_cast<const float**>(scratch);
      inits_ = a_ + taps_ * most_;
      c_ = const_cast<float**>(inits_ + most_);
      if (x.shape().elements() > 0) first_x_ = x.as<float>(x.origin());
      if (y.shape().elements() > 0) first_y_ = y.as<float>(y.origin());
      if (init != nullptr && y.shape().elements() > 0) first_init_ = init->as<float>(init->origin());
    }

    // Adds the pixels j of a line, as many as there is room for, and says how many.
    Dim add(const Index& line, Range j) {
      j.end = std::min(j.end, j.begin + most_ - rows_);
      add_outputs(line, j);
      const std::size_t last = conv_.axes.size() - 1;
      const auto inner = static_cast<Dim>(conv_.axes[last].at.size());
      for (Dim outer = 0; outer < taps_; outer += inner) {
        Dim offset = (line[0] - x_.origin()[0]) * x_.strides()[0];
        bool inside = true;
        Dim rest = outer / inner;
        for (std::size_t axis = last; axis-- > 0;) {
          const AxisTaps& taps = conv_.axes[axis];
          const auto count = static_cast<Dim>(taps.at.size());
          const Dim at = taps.at[static_cast<std::size_t>(rest % count)] + line[axis + 1] * taps.stride;
          rest /= count;
          inside = inside && at >= 0 && at < taps.inputs;
          offset += (at - x_.origin()[axis + 2]) * x_.strides()[axis + 2];
        }
        for (Dim tap = 0; tap < inner; ++tap)
          add_tap(a_ + (outer + tap) * most_ + rows_, static_cast<std::size_t>(tap), offset, inside, j);
      }
      rows_ += j.extent();
      if (rows_ == most_) flush();
      return j.extent();
    }

    void flush() {
      if (rows_ == 0) return;
      const Panels& panels = conv_.panels;
      IndirectF32 work{.a = a_,
                       .a_rows = static_cast<std::size_t>(most_),
                       .a_offset = 0,
                       .rows = static_cast<std::size_t>(rows_),
                       .columns = 0,
                       .taps = static_cast<std::size_t>(taps_),
                       .channels = static_cast<std::size_t>(panels.rows / std::max<Dim>(taps_, 1)),
                       .b = nullptr,
                       .bias = nullptr,
                       .init = init_ != nullptr ? inits_ : nullptr,
                       .c = c_,
                       .c_offset = 0,
                       .epilogue = conv_.epilogue};
      for (Dim k = outputs_.begin; k < outputs_.end;) {
        const Dim group = k / panels.columns, first = group * panels.columns;
        const Dim end = std::min(outputs_.end, first + panels.columns);
        const Dim channel = conv_.depthwise ? k : group * (conv_.channels / panels.groups);
        work.a_offset = static_cast<std::size_t>(channel - x_.origin()[1]);
        work.c_offset = static_cast<std::size_t>(k - y_.origin()[1]);
        work.columns = static_cast<std::size_t>(end - k);
        work.b = weights_ + group * panels.group_floats() + (k - first) * panels.rows;
        if (bias_ != nullptr) work.bias = bias_ + group * panels.padded() + (k - first);
        conv_.kernel(work);
        k = end;
      }
      rows_ = 0;
    }

   private:
    static Dim place(const View& view, const Index& line, const std::vector<AxisTaps>& axes) {
      Dim offset = (line[0] - view.origin()[0]) * view.strides()[0];
      for (std::size_t axis = 0; axis + 1 < axes.size(); ++axis)
        offset +=
            (axes[axis].first + line[axis + 1] * axes[axis].step - view.origin()[axis + 2]) * view.strides()[axis + 2];
      return offset;
    }

    void add_outputs(const Index& line, const Range& j) {
      const std::size_t last = conv_.axes.size() - 1;
      const AxisTaps& taps = conv_.axes[last];
      const auto fill = [&](auto** to, auto* first, const View& view) {
        const Dim stride = view.strides()[last + 2];
        first += place(view, line, conv_.axes) + (taps.first + j.begin * taps.step - view.origin()[last + 2]) * stride;
        for (Dim i = 0; i < j.extent(); ++i) to[rows_ + i] = first + i * taps.step * stride;
      };
      fill(c_, first_y_, y_);
      if (init_ == nullptr) return;
      // The kernel adds c_offset, which counts channels from the output's origin.
      const Dim channel = y_.origin()[1] - init_->origin()[1];
      fill(inits_, first_init_ + channel, *init_);
    }

    void add_tap(const float** to, std::size_t tap, Dim offset, bool inside, const Range& j) const {
      const std::size_t last = conv_.axes.size() - 1;
      const AxisTaps& taps = conv_.axes[last];
      const Dim stride = x_.strides()[last + 2];
      const Range held = inside ? taps.inside(tap, j) : Range{j.end, j.end};
      for (Dim i = j.begin; i < held.begin; ++i) *to++ = zeros_;
      if (held.extent() > 0) {
        offset += (taps.at[tap] + held.begin * taps.stride - x_.origin()[last + 2]) * stride;
        const float* x = first_x_ + offset;
        const Dim step = taps.stride * stride;
        for (Dim i = 0; i < held.extent(); ++i) *to++ = x + i * step;
      }
      for (Dim i = held.end; i < j.end; ++i) *to++ = zeros_;
    }

    const IndirectConv& conv_;
    const View& x_;
    const View& y_;
    const View* init_;
    const float *weights_, *bias_;
    Range outputs_;
    Dim most_ = 0, taps_ = 0, rows_ = 0;  // rows_: of A that are ready
    float* zeros_ = nullptr;
    const float** a_ = nullptr;
    const float** inits_ = nullptr;
    float** c_ = nullptr;
    const float* first_x_ = nullptr;
    const float* first_init_ = nullptr;
    float* first_y_ = nullptr;
  };
};

}  // namespace coverslip::inline v0::ops
