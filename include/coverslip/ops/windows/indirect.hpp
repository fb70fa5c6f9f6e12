// Convolution as a matrix product whose rows are found by pointers: which input elements the outputs of a box read.
#pragma once
#include "coverslip/ops/matrices/panels.hpp"
#include "coverslip/ops/windows/depthwise.hpp"

namespace coverslip::inline v0::ops {

inline constexpr double kNanosecondsPerPointer = 0.7;  // of a row of A
inline constexpr double kPassShare = 0.75;             // of a pass over all values: the rest hides behind arithmetic

// Channels-last input and output; weights in panels [groups][taps][channels], the last axis' taps fastest.
class IndirectConv {
 public:
  std::vector<AxisTaps> axes{};  // the spatial ones
  Panels panels{};               // of the weights
  Dim channels = 0;              // of the whole input
  bool depthwise = false;        // output channel k reads input channel k alone
  void (*kernel)(const IndirectF32&) = nullptr;
  std::size_t tile_rows = 1;
  std::size_t kernel_scratch_bytes = 0;
  DepthwiseF32Kernels depthwise_kernel{};
  Epilogue epilogue{};

  Dim taps() const {
    Dim n = 1;
    for (const AxisTaps& axis : axes) n *= static_cast<Dim>(axis.at.size());
    return n;
  }
  Dim terms() const { return taps() * (channels / panels.groups); }  // of an output
  Dim pieces() const { return taps() / merged(); }                   // of a row of A
  std::size_t scratch_bytes() const {
    if (depthwise) return by_channel().scratch_bytes();
    const auto rows = static_cast<std::size_t>(block_rows());
    return aligned(kernel_scratch_bytes) + zeros_bytes() + patch_bytes() * rows +
           (static_cast<std::size_t>(pieces()) + 2) * rows * sizeof(void*);
  }

  // `weights` and `bias` are packed; bias and init may be null.
  void run(const View& x, const float* weights, const float* bias, const View* init, View& y, const Box& box,
           std::byte* scratch) const {
    if (depthwise) return by_channel().run(x, weights, bias, init, y, box, scratch);
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
  DepthwiseConv by_channel() const { return {axes, channels, depthwise_kernel, epilogue}; }

  // The taps of the last axis that are one piece of a row of A. All of them where there are few channels: then they lie
  // side by side, or are copied. Otherwise 1.
  Dim merged() const {
    constexpr std::size_t kMostChannels = 96;
    const std::vector<Dim>& at = axes.back().at;
    if (panels.groups > 1 || at.size() * static_cast<std::size_t>(channels) > kMostChannels) return 1;
    for (std::size_t tap = 1; tap < at.size(); ++tap)
      if (at[tap] != at[0] + static_cast<Dim>(tap)) return 1;
    return std::max<Dim>(static_cast<Dim>(at.size()), 1);
  }
  std::size_t zeros_bytes() const { return aligned(static_cast<std::size_t>(channels * merged()) * sizeof(float)); }
  std::size_t patch_bytes() const {  // for one row of A
    return merged() > 1 ? static_cast<std::size_t>(taps() * channels) * sizeof(float) : 0;
  }

  // Rows of A that are computed at once. A small B stays in the L2 cache, with A and C in L1; otherwise A stays in L2
  // while all of B passes. A kernel with scratch has blocks of its own.
  Dim block_rows() const {
    constexpr Dim kInner = 32 << 10, kOuter = 768 << 10, kSmall = 256 << 10, kPointers = 8 << 10;
    const auto tile = static_cast<Dim>(tile_rows);
    const bool small = panels.floats() * 4 <= kSmall && kernel_scratch_bytes == 0;
    const Dim bytes = 4 * std::max<Dim>(small ? channels + panels.groups * panels.padded() : channels, 1);
    const Dim rows = std::min((small ? kInner : kOuter) / bytes, kPointers / std::max<Dim>(taps(), 1));
    return std::max(rows / tile, Dim{1}) * tile;
  }

  class Job {
   public:
    Job(const IndirectConv& conv, const View& x, const float* weights, const float* bias, const View* init, View& y,
        const Box& box, std::byte* scratch)
        : conv_(conv), x_(x), y_(y), init_(init), weights_(weights), bias_(bias), outputs_(box[1]) {
      most_ = conv.block_rows();
      merged_ = conv.merged();
      pieces_ = conv.pieces();
      kernel_scratch_ = scratch;
      scratch += aligned(conv.kernel_scratch_bytes);
      zeros_ = reinterpret_cast<float*>(scratch);
      std::memset(scratch, 0, conv.zeros_bytes());
      scratch += conv.zeros_bytes();
      patches_ = reinterpret_cast<float*>(scratch);
      scratch += conv.patch_bytes() * static_cast<std::size_t>(most_);
      a_ = reinterpret_cast<const float**>(scratch);
      inits_ = a_ + pieces_ * most_;
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
      const Dim inner = static_cast<Dim>(conv_.axes[last].at.size()) / merged_;
      for (Dim outer = 0; outer < pieces_; outer += inner) {
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
        if (merged_ > 1) {
          add_merged(outer, offset, inside, j);
          continue;
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
                       .taps = static_cast<std::size_t>(pieces_),
                       .channels = static_cast<std::size_t>(conv_.terms() / std::max<Dim>(pieces_, 1)),
                       .b = nullptr,
                       .bias = nullptr,
                       .init = init_ != nullptr ? inits_ : nullptr,
                       .c = c_,
                       .c_offset = 0,
                       .epilogue = conv_.epilogue,
                       .scratch = kernel_scratch_};
      for (Dim k = outputs_.begin; k < outputs_.end;) {
        const Dim group = k / panels.columns, first = group * panels.columns;
        const Dim end = std::min(outputs_.end, first + panels.columns);
        const Dim channel = group * (conv_.channels / panels.groups);
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
    void add_outputs(const Index& line, const Range& j) {
      const std::size_t last = conv_.axes.size() - 1;
      const AxisTaps& taps = conv_.axes[last];
      const auto fill = [&](auto** to, auto* first, const View& view) {
        const Dim stride = view.strides()[last + 2];
        first +=
            line_offset(view, line, conv_.axes) + (taps.first + j.begin * taps.step - view.origin()[last + 2]) * stride;
        series(to + rows_, first, taps.step * stride, j.extent());
      };
      fill(c_, first_y_, y_);
      if (init_ == nullptr) return;
      // The kernel adds c_offset, which counts channels from the output's origin.
      const Dim channel = y_.origin()[1] - init_->origin()[1];
      fill(inits_, first_init_ + channel, *init_);
    }

    // n pointers, `step` floats apart.
    template <class T>
    static T** series(T** to, T* first, Dim step, Dim n) {
      for (; n > 0; --n, first += step) *to++ = first;
      return to;
    }

    void add_tap(const float** to, std::size_t tap, Dim offset, bool inside, const Range& j) const {
      const std::size_t last = conv_.axes.size() - 1;
      const AxisTaps& taps = conv_.axes[last];
      const Dim stride = x_.strides()[last + 2];
      const Range held = inside ? taps.inside(tap, j) : Range{j.end, j.end};
      to = series<const float>(to, zeros_, 0, held.begin - j.begin);
      if (held.extent() > 0) {
        offset += (taps.at[tap] + held.begin * taps.stride - x_.origin()[last + 2]) * stride;
        to = series(to, first_x_ + offset, taps.stride * stride, held.extent());
      }
      series<const float>(to, zeros_, 0, j.end - held.end);
    }

    // All taps of the last axis as one piece: where it lies if nothing of it is padding, else in a copy.
    void add_merged(Dim piece, Dim offset, bool inside, const Range& j) {
      const float** to = a_ + piece * most_ + rows_;
      if (!inside) {
        series<const float>(to, zeros_, 0, j.extent());
        return;
      }
      const std::size_t last = conv_.axes.size() - 1;
      const AxisTaps& taps = conv_.axes[last];
      const Dim stride = x_.strides()[last + 2];
      Range whole{j.end, j.end};
      if (stride == conv_.channels) {
        whole = taps.inside(0, j);
        whole.end = std::max(whole.begin, taps.inside(taps.at.size() - 1, j).end);
      }
      offset += (taps.at[0] - x_.origin()[last + 2]) * stride;
      const Dim floats = merged_ * conv_.channels, step = taps.stride * stride;
      float* patch = patches_ + (rows_ * pieces_ + piece) * floats;
      for (Dim i = j.begin; i < j.end; ++i) {
        if (i == whole.begin && whole.extent() > 0) {
          to = series(to, first_x_ + (offset + i * step), step, whole.extent());
          patch += whole.extent() * pieces_ * floats;
          i = whole.end;
          if (i == j.end) break;
        }
        *to++ = patch;
        copy_taps(taps.at[0] + i * taps.stride, offset + i * step, patch);
        patch += pieces_ * floats;
      }
    }

    void copy_taps(Dim at, Dim offset, float* patch) const {
      const std::size_t last = conv_.axes.size() - 1;
      const Dim inputs = conv_.axes[last].inputs, stride = x_.strides()[last + 2], channels = conv_.channels;
      for (Dim tap = 0; tap < merged_; ++tap, patch += channels) {
        const bool held = at + tap >= 0 && at + tap < inputs;
        const float* x = held ? first_x_ + (offset + tap * stride) : zeros_;
        for (Dim c = 0; c < channels; ++c) patch[c] = x[c];
      }
    }

    const IndirectConv& conv_;
    const View& x_;
    const View& y_;
    const View* init_;
    const float *weights_, *bias_;
    Range outputs_;
    Dim most_ = 0, merged_ = 1, pieces_ = 0, rows_ = 0;  // rows_: of A that are ready
    std::byte* kernel_scratch_ = nullptr;
    float *zeros_ = nullptr, *patches_ = nullptr;
    const float** a_ = nullptr;
    const float** inits_ = nullptr;
    float** c_ = nullptr;
    const float* first_x_ = nullptr;
    const float* first_init_ = nullptr;
    float* first_y_ = nullptr;
  };
};

}  // namespace coverslip::inline v0::ops
