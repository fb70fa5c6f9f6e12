// Convolution with few channels, planar: rows of the input are copied once, padding included, into a slab that stays in
// the cache, and vectors run along the last axis.
#pragma once
#include <array>
#include <numeric>

#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/windows/computed_weights.hpp"
#include "coverslip/ops/windows/window.hpp"

namespace coverslip::inline v0::ops {

// One group, up to three spatial axes: slices, rows, and along them. Slices of the output that are `classes` apart
// share slices of the input, and their windows are `step` taps apart: a class is a convolution without dilation along
// them. So the slab has no more slices than a window has taps.
class PlanarConv {
 public:
  PlanarConv(const Shape& x, const Shape& w, std::span<const Window> windows, const KernelTable& kernels,
             const Epilogue& epilogue, Layout layout = Layout::Planar)
      : layout_(layout),
        channels_(x[1]),
        outputs_(w[0]),
        kernel_(kernels.planar_conv_f32),
        last_kernel_(kernels.from_planar_f32),
        half_(kernels.half),
        epilogue_(epilogue) {
    for (std::size_t i = 0; i < windows.size(); ++i) axes_[i + kAxes - windows.size()] = {windows[i], x[i + 2], i + 2};
    const Axis& along = axes_[kAlong];
    const Dim lanes = static_cast<Dim>(kernels.f32_lanes), width = along.outputs();
    const Dim halo = (along.reach() - 1) / along.stride + 1;  // of one phase
    const Dim window_rows = axes_[kSlices].taps * axes_[kRows].taps * channels_;
    const Dim most = std::max(kWindowFloats / window_rows - halo, kLeastVectors * lanes);
    block_ = up(blocks_of(width, most), lanes);
    phase_ = up(block_ + halo, lanes);
    row_floats_ = up(phase_ * along.stride, kLine) | kLine;  // rows lie in different sets of the cache
    for (Dim tap = 0; tap < along.taps; ++tap) {
      const Dim at = tap * along.dilation;
      at_.push_back(static_cast<std::size_t>(at % along.stride * phase_ + at / along.stride));
    }
    const Axis& rows = axes_[kRows];
    const Dim fits = kSlabFloats / (axes_[kSlices].taps * channels_ * row_floats_) - rows.reach();
    block_rows_ = blocks_of(rows.outputs(), std::max(fits / rows.stride + 1, kLeastRows));
    slab_rows_ = (block_rows_ - 1) * rows.stride + rows.reach();
  }

  std::size_t scratch_bytes() const {
    return aligned(static_cast<std::size_t>(axes_[kSlices].taps * slab_rows_ * channels_ * row_floats_) *
                   sizeof(float)) +
           static_cast<std::size_t>(window_rows()) * sizeof(PlanarRow) + kMostAhead * sizeof(void*);
  }
  // Output channels are computed in tiles of nearly the same size, or in panels.
  Dim most() const { return static_cast<Dim>(planar() ? kernel_.channels : last_kernel_.columns); }
  Dim columns() const { return planar() ? outputs_ : tiles() * most(); }
  Dim floats() const { return columns() * window_rows() * axes_[kAlong].taps; }  // of the packed weights

  // Over the time that the multiply-adds alone would take: vectors that are not full, and loads.
  double slowdown(const KernelTable& kernels) const {
    const double channels = static_cast<double>(outputs_) / static_cast<double>(tiles());  // of a tile
    const double width = static_cast<double>(axes_[kAlong].outputs()), lanes = static_cast<double>(kernels.f32_lanes);
    if (!planar())
      return 1.1 * static_cast<double>(up(outputs_, static_cast<Dim>(lanes))) / static_cast<double>(outputs_);
    return std::ceil(width / lanes) * lanes / width * std::max(1.2, 1.7 / channels + 0.2);
  }

  // Tiles of output channels, each [taps][channels]; of the taps the last axis' are fastest, then input channels.
  void pack(const float* weights, float* packed) const {
    const Dim slices = axes_[kSlices].taps, rows = axes_[kRows].taps, taps = axes_[kAlong].taps;
    for (Dim tile = 0; tile < tiles(); ++tile)
      for (Dim i = 0; i < slices * rows; ++i)
        for (Dim c = 0; c < channels_; ++c)
          for (Dim tap = 0; tap < taps; ++tap)
            for (Dim j = 0; j < tile_width(tile); ++j) {
              const Dim k = tile_begin(tile) + j;
              *packed++ = k < outputs_ ? weights[((k * channels_ + c) * slices * rows + i) * taps + tap] : 0.0f;
            }
  }

  // `bias` and `init` may be null. `x` may be narrow, and `y` with `init`, which is then as `y` is.
  void run(const View& x, const float* weights, const float* bias, const View* init, View& y, const Box& box,
           std::byte* scratch) const {
    Job job(*this, x, weights, bias, init, y, scratch);
    const Range slices = axes_[kSlices].of(box), rows = axes_[kRows].of(box), along = axes_[kAlong].of(box);
    for (job.sample = box[0].begin; job.sample < box[0].end; ++job.sample)
      for (Dim i = along.begin / block_; i * block_ < along.end; ++i) {
        job.along = {std::max(along.begin, i * block_), std::min(along.end, (i + 1) * block_)};
        for (Dim row = rows.begin; row < rows.end; row += block_rows_)
          for (Dim b = slices.begin; b < std::min(slices.begin + axes_[kSlices].classes(), slices.end); ++b)
            job.slab({b, slices.end}, {row, std::min(rows.end, row + block_rows_)});
      }
  }

 private:
  static constexpr std::size_t kSlices = 0, kRows = 1, kAlong = 2, kAxes = 3;
  static constexpr Dim kWindowFloats = 8 << 10, kSlabFloats = 256 << 10, kLeastVectors = 5, kLeastRows = 8, kLine = 16,
                       kLineBytes = kLine * sizeof(float);
  static constexpr std::size_t kMostAhead = 512;

  struct Axis : Window {
    Dim inputs = 1;
    std::size_t axis = 0;  // of the shape; 0: there is none

    Dim outputs() const { return Window::outputs(inputs); }
    Dim classes() const { return dilation / std::gcd(stride, dilation); }
    Dim step() const { return stride / std::gcd(stride, dilation); }
    Range of(const Box& box) const { return axis > 0 ? box[axis] : Range{0, 1}; }
    bool holds(Dim at) const { return at >= 0 && at < inputs; }
    Dim offset(const View& x, Dim at) const { return axis > 0 ? (at - x.origin()[axis]) * x.strides()[axis] : 0; }
  };

  static Dim up(Dim n, Dim multiple) { return (n + multiple - 1) / multiple * multiple; }
  // The size of blocks of nearly the same size.
  static Dim blocks_of(Dim n, Dim most) {
    const Dim blocks = (n + std::max<Dim>(most, 1) - 1) / std::max<Dim>(most, 1);
    return (n + std::max<Dim>(blocks, 1) - 1) / std::max<Dim>(blocks, 1);
  }
  Dim window_rows() const { return axes_[kSlices].taps * axes_[kRows].taps * channels_; }
  bool planar() const { return layout_ == Layout::Planar; }
  Dim tiles() const { return (outputs_ + most() - 1) / most(); }
  Dim tile_begin(Dim tile) const { return planar() ? tile * outputs_ / tiles() : std::min(tile * most(), outputs_); }
  Dim tile_width(Dim tile) const { return planar() ? tile_begin(tile + 1) - tile_begin(tile) : most(); }

  class Job {
   public:
    Dim sample = 0;
    Range along{};

    Job(const PlanarConv& conv, const View& x, const float* weights, const float* bias, const View* init, View& y,
        std::byte* scratch)
        : conv_(conv),
          slices_(conv.axes_[kSlices]),
          rows_(conv.axes_[kRows]),
          x_(x),
          y_(y),
          init_(init),
          weights_(weights),
          bias_(bias),
          slab_(reinterpret_cast<float*>(scratch)) {
      ahead_ = reinterpret_cast<const void**>(scratch + conv.scratch_bytes()) - kMostAhead;
      list_ = reinterpret_cast<PlanarRow*>(ahead_) - conv.window_rows();
      if (x.shape().elements() > 0) first_x_ = x.at(x.origin());
    }

    // Outputs of one class of slices. The window moves from slice to slice, and in each from row to row; what it reads
    // for the first time is copied then. What comes next is asked for while one row is computed.
    void slab(const Range& slices, const Range& rows) {
      listed_ = {};
      first_slice_ = slices_.place(slices.begin, 0);
      first_row_ = rows_.place(rows.begin, 0);
      Range fresh{0, slices_.taps};
      for (Dim slice = slices.begin, i = 0; slice < slices.end; slice += slices_.classes(), i += slices_.step()) {
        const Dim next = slice + slices_.classes(), next_i = i + slices_.step();
        const Range later{std::max(fresh.end, next_i), next_i + slices_.taps};
        Range fresh_rows{0, rows_.reach()};
        for (Dim row = rows.begin, j = 0; row < rows.end; ++row, j += rows_.stride) {
          for_each_row(fresh, fresh_rows,
                       [&](Dim offset, Dim slot, Dim to, Dim c) { copy_row(offset, copy(slot, to, c)); });
          const Dim next_row = row + 1, next_j = j + rows_.stride;
          fresh_rows = {std::max(fresh_rows.end, next_j), next_j + rows_.reach()};
          lines_ = 0;
          if (!conv_.planar()) {  // its memory is written in order
          } else if (next_row < rows.end)
            ask(fresh, fresh_rows, slice, next_row);
          else if (next < slices.end)
            ask(later, {0, rows_.reach()}, next, rows.begin);
          compute(slice, row, i, j);
        }
        fresh = later;
      }
    }

   private:
    static Dim size_of(const View& view) { return static_cast<Dim>(v0::size_of(view.dtype())); }

    float* copy(Dim slot, Dim row, Dim channel) const {
      return slab_ + ((slot * conv_.slab_rows_ + row) * conv_.channels_ + channel) * conv_.row_floats_;
    }

    Index place(Dim slice, Dim row) const {
      Index at{sample, 0};
      if (slices_.axis > 0) at.push_back(slice);
      if (rows_.axis > 0) at.push_back(row);
      at.push_back(along.begin);
      return at;
    }

    // Calls f(offset in x, slot of the slice, row of the slab, channel) for those rows that are not padding.
    template <class F>
    void for_each_row(const Range& slices, const Range& rows, const F& f) const {
      for (Dim i = slices.begin; i < slices.end; ++i)
        for (Dim j = rows.begin; j < rows.end; ++j) {
          const Dim slice = first_slice_ + i * slices_.dilation, row = first_row_ + j;
          if (!slices_.holds(slice) || !rows_.holds(row)) continue;
          const Dim offset =
              (sample - x_.origin()[0]) * x_.strides()[0] + slices_.offset(x_, slice) + rows_.offset(x_, row);
          for (Dim c = 0; c < conv_.channels_; ++c)
            f(offset + (c - x_.origin()[1]) * x_.strides()[1], i % slices_.taps, j, c);
        }
    }

    // The lines of these rows, and of an output.
    void ask(const Range& slices, const Range& rows, Dim slice, Dim row) {
      const Axis& window = conv_.axes_[kAlong];
      const Dim from = std::clamp(window.place(along.begin, 0), Dim{0}, window.inputs);
      const Dim end = std::clamp(window.place(along.end - 1, window.taps - 1) + 1, from, window.inputs);
      const Dim x_size = size_of(x_), y_size = size_of(y_);
      const auto add = [&](const std::byte* at, Dim bytes) {
        const auto lines = static_cast<std::size_t>((bytes + kLineBytes - 1) / kLineBytes);
        const std::size_t last = std::min(lines_ + lines, kMostAhead);
        for (std::size_t i = lines_; i < last; ++i, at += kLineBytes) ahead_[i] = at;
        lines_ = last;
      };
      for_each_row(slices, rows, [&](Dim offset, Dim, Dim, Dim) {
        add(first_x_ + (offset + window.offset(x_, from)) * x_size, (end - from) * x_size);
      });
      const std::byte* y = y_.at(place(slice, row));
      for (Dim k = 0; k < conv_.outputs_; ++k) add(y + k * y_.strides()[1] * y_size, along.extent() * y_size);
    }

    // What the outputs `along` read of a row, with zeros for the padding; one phase of the stride after the other.
    void copy_row(Dim offset, float* to) const {
      const Axis& window = conv_.axes_[kAlong];
      const Dim stride = window.stride, end = window.place(along.end - 1, window.taps - 1) + 1;
      for (Dim phase = 0; phase < stride; ++phase, to += conv_.phase_) {
        const Dim from = window.place(along.begin, 0) + phase;
        const auto before = [&](Dim at) {
          return at <= from ? 0 : stride == 1 ? at - from : (at - from + stride - 1) / stride;
        };
        const Dim begin = std::min(before(0), conv_.phase_);
        const Dim held = std::clamp(before(std::min(window.inputs, end)), begin, conv_.phase_);
        std::fill(to, to + begin, 0.0f);
        if (held > begin) {
          const std::byte* bytes = first_x_ + (offset + window.offset(x_, from + begin * stride)) * size_of(x_);
          const auto* source = reinterpret_cast<const float*>(bytes);
          const auto count = static_cast<std::size_t>(held - begin);
          if (x_.dtype() == DType::bf16)
            conv_.half_.widen_bf16(bytes, to + begin, count);
          else if (stride == 1)
            std::copy_n(source, count, to + begin);
          else
            conv_.last_kernel_.every(source, static_cast<std::size_t>(stride), count, to + begin);
        }
        std::fill(to + held, to + conv_.phase_, 0.0f);
      }
    }

    // The rows under a window, for an output whose window begins at row `top` of the slab. Listed anew only where other
    // rows of the window are padding than before.
    void list_rows(Dim slice, Dim first, const Range& held, Dim top) {
      if (listed_.slice == slice && listed_.held == held) return;
      listed_ = {slice, top, held, 0};
      const Dim channels = conv_.channels_, taps = conv_.axes_[kAlong].taps;
      for (Dim i = 0; i < slices_.taps; ++i)
        for (Dim j = held.begin; j < held.end && slices_.holds(slices_.place(slice, i)); ++j)
          for (Dim c = 0; c < channels; ++c)
            list_[listed_.count++] = {copy((first + i) % slices_.taps, top + j * rows_.dilation, c),
                                      static_cast<std::size_t>(((i * rows_.taps + j) * channels + c) * taps)};
    }

    void compute(Dim slice, Dim row, Dim first, Dim top) {
      const Dim taps = conv_.axes_[kAlong].taps;
      Range held{0, rows_.taps};
      while (held.begin < held.end && !rows_.holds(rows_.place(row, held.begin))) ++held.begin;
      while (held.begin < held.end && !rows_.holds(rows_.place(row, held.end - 1))) --held.end;
      list_rows(slice, first, held, top);
      Index at = place(slice, row);
      PlanarConvF32 work{.rows = list_,
                         .offset = (top - listed_.top) * conv_.channels_ * conv_.row_floats_,
                         .row_count = listed_.count,
                         .at = conv_.at_.data(),
                         .taps = conv_.at_.size(),
                         .weights = nullptr,
                         .bias = nullptr,
                         .init = nullptr,
                         .init_stride = init_ != nullptr ? static_cast<std::size_t>(init_->strides()[1]) : 0,
                         .y = nullptr,
                         .y_bf16 = y_.dtype() == DType::bf16,
                         .y_stride = static_cast<std::size_t>(y_.strides()[conv_.planar() ? 1 : at.rank() - 1]),
                         .channels = 0,
                         .elements = static_cast<std::size_t>(along.extent()),
                         .ahead = nullptr,
                         .ahead_count = 0,
                         .epilogue = conv_.epilogue_};
      const auto tiles = static_cast<std::size_t>(conv_.tiles());
      for (Dim tile = 0; tile < conv_.tiles(); ++tile) {
        const Dim k = at[1] = conv_.tile_begin(tile);
        work.channels = static_cast<std::size_t>(conv_.tile_begin(tile + 1) - k);
        work.weights = weights_ + k * conv_.window_rows() * taps;
        if (bias_ != nullptr) work.bias = bias_ + k;
        if (init_ != nullptr) work.init = init_->at(at);
        work.y = y_.at(at);
        const std::size_t from = lines_ * static_cast<std::size_t>(tile) / tiles,
                          end = lines_ * static_cast<std::size_t>(tile + 1) / tiles;
        work.ahead = ahead_ + from;
        work.ahead_count = end - from;
        (conv_.planar() ? conv_.kernel_.run : conv_.last_kernel_.run)(work);
      }
    }

    const PlanarConv& conv_;
    const Axis &slices_, &rows_;
    const View& x_;
    View& y_;
    const View* init_;
    const float *weights_, *bias_;
    const std::byte* first_x_ = nullptr;
    float* slab_;                // [taps of slices][rows][channels] rows
    PlanarRow* list_ = nullptr;  // of one window
    struct Listed {
      Dim slice = -1, top = 0;  // of the window that the list was made for
      Range held{};             // rows of the window that are not padding
      std::size_t count = 0;
    } listed_{};
    const void** ahead_ = nullptr;         // lines of memory that will be used next
    std::size_t lines_ = 0;                // that `ahead_` lists
    Dim first_slice_ = 0, first_row_ = 0;  // of the windows of this class
  };

  Layout layout_;  // of the output
  std::array<Axis, kAxes> axes_{};
  Dim channels_, outputs_;
  PlanarConvF32Kernels kernel_;
  FromPlanarF32Kernels last_kernel_;
  HalfKernels half_;
  Epilogue epilogue_;
  Dim block_ = 1, phase_ = 1, row_floats_ = 1;  // outputs of a row that are computed together; floats of a copied row
  Dim block_rows_ = 1, slab_rows_ = 1;          // rows that are computed together, and that they read
  std::vector<std::size_t> at_{};
};

// Those that pay: planar where there are few channels, channels-last for the few channels of a picture. `steps`: other
// candidates of the node.
inline void add_planar_convs(std::vector<Step>& steps, const Node& node, const Types& in, const Shape& y,
                             std::span<const Window> windows, const PlanContext& context) {
  const KernelTable& kernels = context.kernels;
  constexpr Dim kMostChannels = 32, kMostOfPicture = 4, kMostStride = 4;
  constexpr std::size_t kMostScratch = 4 << 20;
  const Shape &x = in[0].shape, &w = in[1].shape;
  if (windows.size() > 3 || w[1] != x[1]) return;
  for (const Layout layout : kLayouts) {
    const bool planar = layout == Layout::Planar;
    if (planar ? x[1] > kMostChannels || w[0] > kMostChannels : x[1] > kMostOfPicture || node.has(3)) continue;
    if (windows.back().stride > kMostStride) continue;  // single elements would be moved
    const PlanarConv conv(x, w, windows, kernels, epilogue_of(node), layout);
    if (conv.scratch_bytes() > kMostScratch) continue;  // a dilation beyond all maps
    Step step = steps.front();
    step.kernel = planar ? "conv_planar" : "conv_from_planar";
    step.inputs[0] = {};
    const FillWeights fill = [conv](const float* weights, float* packed) { conv.pack(weights, packed); };
    step.inputs[1] =
        weights_form((planar ? "planar conv, tiles of " : "conv from planar, panels of ") + std::to_string(conv.most()),
                     conv.floats(), fill);
    for (std::size_t i = 2; i < in.size(); ++i) step.inputs[i] = {};
    if (!planar && node.has(2)) step.inputs[2] = bias_form({.columns = w[0], .width = conv.most()});
    step.outputs = {layout};
    step.cuts = {{0}};
    for (std::size_t axis = 2; axis + 1 < y.rank(); ++axis) step.cuts.push_back({axis});
    if (y.rank() > 3) std::swap(step.cuts[0], step.cuts[1]);
    step.scratch_bytes = conv.scratch_bytes();
    const auto nanoseconds = [&](std::size_t bytes_in, std::size_t bytes_out) {
      return pass_nanoseconds(bytes_in + in[1].bytes() + bytes_out) * (planar ? 3 : 0.75) +
             step.multiply_adds * conv.slowdown(kernels) / multiply_adds_per_nanosecond(kernels);
    };
    const std::size_t bytes_in = in[0].bytes(), bytes_out = TensorType{DType::f32, y}.bytes();
    step.nanoseconds = nanoseconds(bytes_in, bytes_out);
    step.run = run_with_packed(
        [conv](Inputs from, Outputs to, const float* weights, const float* bias, const Box& box, std::byte* scratch) {
          conv.run(from[0], weights, bias, residual_of(from), to[0], box, scratch);
        });
    steps.push_back(step);
    if (!context.bf16 || !kernels.planar_conv_f32.narrow || !planar || windows.back().stride != 1) continue;
    for (const auto& [from, to] : kNarrowWays) {
      Step& narrow = steps.emplace_back(with_narrow(step, from, to));
      narrow.nanoseconds = nanoseconds(bytes_in / (from ? 2 : 1), bytes_out / (to ? 2 : 1));
    }
  }
}

}  // namespace coverslip::inline v0::ops
