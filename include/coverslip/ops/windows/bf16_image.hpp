// Convolution in bf16 of boxes: what a band of outputs reads is rounded into an image, which tiles of outputs read.
#pragma once
#include "coverslip/ops/windows/bf16_window.hpp"
#include "coverslip/ops/windows/image_layout.hpp"

namespace coverslip::inline v0::ops {

// What is done on the way into an image: max(0, x * scale + shift), of each channel, and more channels after x's own.
struct ImageInput {
  const View *scale = nullptr, *shift = nullptr;  // or null
  std::span<const View> more{};                   // of one group
};

// Channels-last input and output. What is infinite or no number may spread to outputs nearby, of which cuts decide.
class Bf16Conv {
 public:
  // `conv`: in f32, but for panels of as many columns as the kernel's; y: the shape of all outputs. `others` differ
  // from it in weights and in where outputs lie alone, and their weights follow. `abreast`: see two_abreast.
  Bf16Conv(const IndirectConv& conv, const Shape& y, const GemmBf16Kernels& kernels,
           std::span<const IndirectConv> others = {}, bool abreast = false)
      : window_(conv),
        panels_(conv.panels),
        layout_{.channels = conv.channels, .abreast = abreast},
        kernels_(kernels),
        epilogue_(conv.epilogue) {
    panels_.rows = static_cast<Dim>(window_.order.size()) / 2;
    const std::size_t last = conv.axes.size() - 1;
    for (std::size_t i = 0; i <= last; ++i) {
      Dim outputs = conv.axes[i].steps({0, y[i + 2]}).extent();
      for (const IndirectConv& other : others) outputs = std::max(outputs, other.axes[i].steps({0, y[i + 2]}).extent());
      layout_.axes.push_back(i < last ? ImageAxis::in_planes(conv.axes[i], outputs)
                                      : ImageAxis::in_rows(conv.axes[i], outputs));
    }
    if (abreast && y[last + 2] % 2 != 0) layout_.axes.back().alone = conv.axes[last].stride / 2;
    const auto add_part = [&](const IndirectConv& part) {
      Index& firsts = firsts_.emplace_back();
      for (const AxisTaps& axis : part.axes) firsts.push_back(axis.first);
    };
    add_part(conv);
    for (const IndirectConv& other : others) add_part(other);
    one_tap_ = conv.taps() == 1 && conv.panels.groups == 1 && layout_.channels % static_cast<Dim>(kBf16Terms) == 0 &&
               std::ranges::all_of(conv.axes, [](const AxisTaps& axis) { return axis.stride == 1; });
    choose_blocks();
  }

  Dim parts() const { return static_cast<Dim>(firsts_.size()); }
  const Panels& panels() const { return panels_; }
  Dim columns() const {  // that tiles make
    constexpr auto kColumns = static_cast<Dim>(kBf16TileColumns);
    return (layout_.abreast ? 2 : (panels_.columns + kColumns - 1) / kColumns) * kColumns * panels_.groups * parts();
  }
  const Bf16Window& window() const { return window_; }
  std::size_t scratch_bytes() const {
    return aligned(kernels_.tiles_scratch_bytes) + aligned(layout_.image_bytes(block_) + layout_.slack()) +
           window_.pieces.size() * sizeof(std::size_t) + layout_.pointers(block_) * sizeof(void*);
  }
  // Of one sample.
  double numbers_rounded() const {
    double n = static_cast<double>(layout_.channels);
    for (const ImageAxis& axis : layout_.axes)
      n *= static_cast<double>((axis.outputs * axis.stride + axis.span) * static_cast<Dim>(axis.residues.size()));
    return n;
  }
  double tiles() const {
    const ImageAxis& last = layout_.axes.back();
    double n = static_cast<double>(std::max(layout_.pitch(last.outputs), Dim{16}));
    for (std::size_t i = 0; i + 1 < layout_.axes.size(); ++i) n *= static_cast<double>(layout_.axes[i].outputs);
    return std::ceil(n / kRows);
  }

  // `weights` and `bias` are packed; bias and init may be null.
  void run(const View& x, const float* weights, const float* bias, const View* init, View& y, const Box& box,
           std::byte* scratch, const ImageInput& input = {}) const {
    if (box.shape().elements() == 0) return;
    Job job(*this, x, weights, bias, init, y, box, scratch, input);
    Box all(layout_.axes.size(), Range{}), heads = all;  // in steps; heads: blocks along all axes but the first
    for (std::size_t i = 0; i < layout_.axes.size(); ++i) {
      all[i] = steps(i, 0, box[i + 2]);
      for (std::size_t part = 1; part < firsts_.size(); ++part) {
        const Range more = steps(i, part, box[i + 2]);
        all[i] = {std::min(all[i].begin, more.begin), std::max(all[i].end, more.end)};
      }
      if (all[i].extent() <= 0) return;
      heads[i] = {0, i == 0 ? 1 : (all[i].extent() + block_[i] - 1) / block_[i]};
    }
    for (Dim sample = box[0].begin; sample < box[0].end; ++sample)
      for_each(heads, [&](const Index& head) {
        Box block = all;
        for (std::size_t i = 1; i < layout_.axes.size(); ++i) {
          block[i].begin += head[i] * block_[i];
          block[i].end = std::min(block[i].begin + block_[i], all[i].end);
        }
        for (Dim j = all[0].begin; j < all[0].end; j += block_[0]) {
          block[0] = {j, std::min(j + block_[0], all[0].end)};
          job.add(sample, block, all[0]);
        }
      });
  }

 private:
  static constexpr Dim kRows = ImageLayout::kRows;

  // Of the outputs in a range, those of a part.
  Range steps(std::size_t axis, std::size_t part, const Range& outputs) const {
    AxisTaps taps = layout_.axes[axis].taps;
    taps.first = firsts_[part][axis];
    return taps.steps(outputs);
  }

  // An image lies in the L2 cache beside a panel of weights. Of windows of one tap, which read nothing twice, it is
  // smaller, unless weights come from afar for each; and what all parts make of it lies there too.
  void choose_blocks() {
    constexpr std::size_t kMost = 1 << 20, kSmall = 256 << 10;
    constexpr Dim kLeast = 16, kFewWeights = 128 << 10;
    const bool small =
        window_.order.size() <= static_cast<std::size_t>(layout_.channels + 31) && panels_.floats() <= kFewWeights;
    const std::size_t bytes = small ? kSmall : kMost;
    const auto made = static_cast<std::size_t>(parts() * panels_.groups * panels_.columns) * sizeof(float);
    const auto fits = [&](const ImageBlock& block) {
      return layout_.image_bytes(block) + layout_.pointers(block) * sizeof(void*) / 2 <= bytes &&
             (!small || parts() == 1 ||
              static_cast<std::size_t>(layout_.lines(block) * layout_.pitch(block.back())) * made <= kMost);
    };
    for (const ImageAxis& axis : layout_.axes) block_.push_back(std::max<Dim>(axis.outputs, 1));
    const Dim all = block_[0];
    block_[0] = 1;
    for (std::size_t i = 1; i < layout_.axes.size(); ++i)
      while (!fits(block_) && block_[i] > kLeast) block_[i] = (block_[i] + 1) / 2;
    ImageBlock next = block_;
    for (; block_[0] < all; block_ = next) {
      next[0] = std::min(2 * block_[0], all);
      if (!fits(next)) break;
    }
    for (Dim step = block_[0] / 2; step > 0; step /= 2) {
      next[0] = std::min(block_[0] + step, all);
      if (fits(next)) block_ = next;
    }
    const Dim count = (all + block_[0] - 1) / block_[0];
    block_[0] = (all + count - 1) / count;
  }

  class Job {
   public:
    Job(const Bf16Conv& conv, const View& x, const float* weights, const float* bias, const View* init, View& y,
        const Box& box, std::byte* scratch, const ImageInput& input)
        : conv_(conv),
          layout_(conv.layout_),
          x_(x),
          more_(input.more),
          init_(init),
          y_(y),
          weights_(weights),
          bias_(bias),
          box_(box),
          outputs_(box[1]) {
      const Dim inputs = layout_.channels / conv.panels_.groups, columns = conv.panels_.columns;
      channels_ = {box[1].begin / columns * inputs, ((box[1].end - 1) / columns + 1) * inputs};
      if (input.scale != nullptr) {
        scale_ = input.scale->as<float>({channels_.begin});
        shift_ = input.shift->as<float>({channels_.begin});
      }
      kernel_scratch_ = scratch;
      image_ = scratch + aligned(conv.kernels_.tiles_scratch_bytes);
      pieces_ = reinterpret_cast<std::size_t*>(image_ + aligned(layout_.image_bytes(conv.block_) + layout_.slack()));
      const Dim rows = layout_.most_tiles(conv.block_) * layout_.rows_of_c();
      c_ = reinterpret_cast<std::byte**>(pieces_ + conv.window_.pieces.size());
      inits_ = const_cast<const std::byte**>(c_) + rows;
      a_ = inits_ + rows;
      place_bytes_ = channels_.extent() * 2;
      line_places_ = layout_.line_places(conv.block_);
      slot_bytes_ = line_places_ * place_bytes_;
      for (std::size_t i = 1; i < last(); ++i) slot_bytes_ *= extent(i);
      plane_bytes_ = last() > 0 ? slot_bytes_ * extent(0) : slot_bytes_;
      ring_ = last() > 0 && conv.block_[0] == 1;
      std::memset(image_ + layout_.planes() * plane_bytes_, 0, layout_.slack());
    }

    // The outputs of a block, after those of the one before it along the first axis; `all`: of that axis.
    void add(Dim sample, const Box& block, const Range& all) {
      const ImageAxis& first = layout_.axes[0];
      begin_ = block[0].begin * first.stride + first.low;
      Range missing{begin_, begin_ + (last() > 0 ? first.extent(block[0].extent()) : 1)};
      if (last() > 0 && block[0].begin > all.begin) {
        if (!ring_) keep();
        missing.begin += first.span;
      }
      direct_ = reads_directly(sample, block);
      if (!direct_) fill(sample, block, all, missing);
      find_pieces();
      for (std::size_t part = 0; part < conv_.firsts_.size(); ++part) {
        Box mine = block;
        for (std::size_t i = 0; i <= last(); ++i) {
          const Range steps = conv_.steps(i, part, box_[i + 2]);
          mine[i] = {std::max(block[i].begin, steps.begin), std::min(block[i].end, steps.end)};
          if (mine[i].extent() <= 0) mine[0].end = mine[0].begin;
        }
        if (mine[0].extent() > 0) multiply(part, static_cast<std::size_t>(find_tiles(sample, block, mine, part)));
      }
    }

   private:
    std::size_t last() const { return layout_.axes.size() - 1; }
    Dim extent(std::size_t axis) const { return layout_.axes[axis].extent(conv_.block_[axis]); }
    // Where places along the first axis lie in a plane: blocks of one output share a ring.
    Dim slot(Dim place) const {
      if (!ring_) return place - begin_;
      const Dim n = extent(0);
      return (place % n + n) % n;
    }

    // Whether tiles read the input itself: in bf16, as it is, of one tap and stride 1, where positions follow each
    // other evenly and fill a tile. The last tile begins early, not to read over the end.
    bool reads_directly(Dim sample, const Box& block) {
      if (!conv_.one_tap_ || x_.dtype() != DType::bf16 || scale_ != nullptr || !more_.empty()) return false;
      Index first{sample, channels_.begin}, end = first;  // end: the last one
      Dim rows = 1;
      for (std::size_t i = 0; i <= last(); ++i) {
        const AxisTaps& taps = layout_.axes[i].taps;
        const Range inputs{block[i].begin + taps.at[0], block[i].end + taps.at[0]};
        if (inputs.begin < 0 || inputs.end > taps.inputs) return false;
        first.push_back(inputs.begin);
        end.push_back(inputs.end - 1);
        rows *= inputs.extent();
      }
      x_step_ = x_.strides()[last() + 2] * 2;
      x_end_ = x_.at(end) + x_step_;
      return rows >= kRows && x_end_ - x_.at(first) == rows * x_step_;
    }

    // What the block before has read too: it had the outputs before these, as many as a block has.
    void keep() {
      const Dim span = layout_.axes[0].span;
      for (Dim plane = 0; span > 0 && plane < layout_.planes(); ++plane) {
        std::byte* to = image_ + plane * plane_bytes_;
        std::memmove(to, to + conv_.block_[0] * slot_bytes_, static_cast<std::size_t>(span * slot_bytes_));
      }
    }

    void fill(Dim sample, const Box& block, const Range& all, const Range& missing) {
      Box planes(last(), Range{}), places = planes;
      for (std::size_t i = 0; i < last(); ++i) {
        planes[i].end = static_cast<Dim>(layout_.axes[i].residues.size());
        places[i] = i == 0 ? missing : Range{0, extent(i)};
      }
      Dim number = 0;
      for_each(planes, [&](const Index& plane) {
        std::byte* const at = image_ + number++ * plane_bytes_;
        for_each(places, [&](const Index& place) {
          Index from{sample, channels_.begin};
          bool inside = true;
          Dim line = 0;
          for (std::size_t i = 0; i < last(); ++i) {
            const ImageAxis& axis = layout_.axes[i];
            const Dim q = i == 0 ? place[0] : block[i].begin * axis.stride + axis.low + place[i];
            const Range needed = axis.needed(i == 0 ? all : block[i]);
            const Dim input = q * axis.every + axis.residues[static_cast<std::size_t>(plane[i])];
            inside = inside && input >= needed.begin && input < needed.end;
            from.push_back(input);
            line = line * extent(i) + (i == 0 ? slot(q) : place[i]);
          }
          fill_line(from, inside, block[last()], at + line * line_places_ * place_bytes_);
        });
        // The last piece of a short run may read on.
        if (last() == 0 || ring_) return;
        const Dim end = slot(missing.end) * slot_bytes_;
        std::memset(at + end, 0, static_cast<std::size_t>(std::min<Dim>(plane_bytes_ - end, 2 * kBf16Terms)));
      });
    }

    void fill_line(Index& from, bool inside, const Range& j, std::byte* to) const {
      const ImageAxis& axis = layout_.axes[last()];
      const Range needed = axis.needed(j);
      const Dim residue = axis.residues[0], begin = j.begin * axis.stride + axis.low;
      const auto places_before = [&](Dim input) {  // places of inputs before this one
        return std::clamp<Dim>((input - residue + axis.every - 1) / axis.every - begin, 0, line_places_);
      };
      Range held{0, 0};
      if (inside && needed.begin < needed.end) held = {places_before(needed.begin), places_before(needed.end)};
      std::memset(to, 0, static_cast<std::size_t>(held.begin * place_bytes_));
      std::memset(to + held.end * place_bytes_, 0, static_cast<std::size_t>((line_places_ - held.end) * place_bytes_));
      if (held.extent() <= 0) return;
      from.push_back((begin + held.begin) * axis.every + residue);
      to += held.begin * place_bytes_;
      const auto add = [&](const View& x, Dim channels) {
        const bool narrow = x.dtype() == DType::bf16;
        conv_.kernels_.round({.x = x.at(from),
                              .x_bf16 = narrow,
                              .to = to,
                              .rows = static_cast<std::size_t>(held.extent()),
                              .n = static_cast<std::size_t>(channels),
                              .x_step = x.strides()[last() + 2] * axis.every * (narrow ? 2 : 4),
                              .to_step = place_bytes_,
                              .scale = scale_,
                              .shift = shift_});
        to += 2 * channels;
      };
      if (more_.empty()) return add(x_, channels_.extent());
      add(x_, x_.shape()[1]);
      for (const View& x : more_) add(x, x.shape()[1]);
    }

    void find_pieces() {
      const ImageAxis& along = layout_.axes[last()];
      std::size_t* to = pieces_;
      for (const Bf16Window::Piece& piece : conv_.window_.pieces) {
        const auto run_tap = static_cast<std::size_t>(conv_.window_.runs[static_cast<std::size_t>(piece.run)][0]);
        Dim line = 0, lines = 1, plane = 0, planes = 1, rest = piece.outer;
        for (std::size_t i = last(); i-- > 0;) {
          const ImageAxis& axis = layout_.axes[i];
          const auto count = static_cast<Dim>(axis.taps.at.size());
          const auto tap = static_cast<std::size_t>(rest % count);
          rest /= count;
          const Dim place = axis.places[tap] - axis.low;
          line += lines * (i == 0 ? slot(begin_ + place) : place);
          lines *= extent(i);
          plane += planes * axis.planes[tap];
          planes *= static_cast<Dim>(axis.residues.size());
        }
        *to++ = static_cast<std::size_t>(2 * piece.first);
        if (!direct_)
          to[-1] += static_cast<std::size_t>(plane * plane_bytes_ +
                                             (line * line_places_ + along.places[run_tap] - along.low) * place_bytes_);
      }
    }

    // Tiles begin at an output, and may reach over the end of a line into the next. `mine`: of a block, the steps of
    // the part.
    Dim find_tiles(Dim sample, const Box& block, const Box& mine, std::size_t part) {
      const ImageAxis& along = layout_.axes[last()];
      const Dim pitch = line_places_ / along.stride, n = mine[last()].extent();
      const Dim whole = box_[last() + 2].end / 2 - mine[last()].begin;  // that have another abreast of them
      const Dim tile_step = direct_ ? x_step_ : along.stride * place_bytes_, rows_of_c = layout_.rows_of_c();
      Box lines = mine;
      lines[last()].end = lines[last()].begin + 1;
      Dim tiles = 0;
      const std::byte* covered = nullptr;  // what lies before it lies in a tile
      for_each(lines, [&](const Index& j) {
        Dim line = 0;
        Index at{sample, y_.origin()[1]};
        for (std::size_t i = 0; i <= last(); ++i) {
          const AxisTaps& taps = layout_.axes[i].taps;
          if (i < last() && !(i == 0 && ring_)) line = line * extent(i) + j[i] - block[i].begin;
          at.push_back(conv_.firsts_[part][i] + j[i] * taps.step);
        }
        const Dim step = along.taps.step * y_.strides()[last() + 2] * static_cast<Dim>(size_of(y_.dtype()));
        std::byte* c = y_.at(at);
        const std::byte* init = nullptr;
        Dim init_step = 0;
        if (init_ != nullptr) {
          const auto size = static_cast<Dim>(size_of(init_->dtype()));
          at[1] = outputs_.begin;
          // The kernel adds what c_offset says, which counts from the output's origin.
          init = init_->at(at) - (outputs_.begin - y_.origin()[1]) * size;
          init_step = along.taps.step * init_->strides()[last() + 2] * size;
        }
        const std::byte* a = nullptr;
        if (direct_) {
          Index from{sample, channels_.begin};
          for (std::size_t i = 0; i <= last(); ++i) from.push_back(j[i] + layout_.axes[i].taps.at[0]);
          a = x_.at(from);
        } else {
          a = image_ + (line * pitch + mine[last()].begin - block[last()].begin) * tile_step;
        }
        for (Dim i = 0; i < n;) {
          if (const std::byte* next = a + i * tile_step; covered == nullptr || next >= covered) {
            if (direct_ && x_end_ - next < kRows * tile_step) {
              next = x_end_ - kRows * tile_step;
              std::fill_n(c_ + tiles * rows_of_c, rows_of_c, nullptr);
            }
            a_[tiles++] = next;
            covered = next + kRows * tile_step;
          }
          const Dim left = (covered - a) / tile_step;
          const Dim tile = (tiles - 1) * rows_of_c;
          Dim row = tile + kRows - (left - i);
          for (const Dim end = std::min(n, left); i < end; ++i, ++row, c += step) {
            c_[row] = c;
            if (layout_.abreast) c_[row + kRows] = i < whole ? c + step / 2 : nullptr;
            if (init == nullptr) continue;
            inits_[row] = init;
            if (layout_.abreast) inits_[row + kRows] = init + init_step / 2;
            init += init_step;
          }
          for (Dim half = 0; half < rows_of_c; half += kRows)  // but for those of the next line
            std::fill(c_ + row + half, c_ + tile + kRows + half, nullptr);
        }
      });
      return tiles;
    }

    void multiply(std::size_t part, std::size_t tiles) const {
      const Panels& panels = conv_.panels_;
      TilesBf16 work{.a = a_,
                     .a_offset = 0,
                     .a_step = static_cast<std::size_t>(direct_ ? x_step_ : layout_.axes[last()].stride * place_bytes_),
                     .pieces = pieces_,
                     .steps = conv_.window_.pieces.size(),
                     .tiles = tiles,
                     .columns = 0,
                     .b = nullptr,
                     .bias = nullptr,
                     .init = init_ != nullptr ? inits_ : nullptr,
                     .c = c_,
                     .c_offset = 0,
                     .init_bf16 = init_ != nullptr && init_->dtype() == DType::bf16,
                     .c_bf16 = y_.dtype() == DType::bf16,
                     .abreast = layout_.abreast,
                     .epilogue = conv_.epilogue_,
                     .scratch = kernel_scratch_};
      for (Dim k = outputs_.begin; k < outputs_.end;) {
        const Dim group = k / panels.columns, first = group * panels.columns;
        const Dim end = std::min(outputs_.end, first + panels.columns);
        const Dim channel = group * (layout_.channels / panels.groups);
        work.a_offset = static_cast<std::size_t>(2 * (channel - channels_.begin));
        work.c_offset = static_cast<std::size_t>(k - y_.origin()[1]);
        work.columns = static_cast<std::size_t>(end - k);
        work.b = weights_ + static_cast<Dim>(part) * panels.floats() + group * panels.group_floats() +
                 (k - first) * panels.rows;
        if (bias_ != nullptr) work.bias = bias_ + group * panels.padded() + (k - first);
        conv_.kernels_.tiles(work);
        k = end;
      }
    }

    const Bf16Conv& conv_;
    const ImageLayout& layout_;
    const View& x_;
    std::span<const View> more_;
    const View* init_;
    View& y_;
    const float *weights_, *bias_, *scale_ = nullptr, *shift_ = nullptr;
    const Box& box_;
    Range outputs_, channels_;
    std::byte *kernel_scratch_ = nullptr, *image_ = nullptr;
    std::size_t* pieces_ = nullptr;
    std::byte** c_ = nullptr;
    const std::byte **inits_ = nullptr, **a_ = nullptr;
    // An image: planes of slots, one for each place along the first axis, of lines of places.
    Dim place_bytes_ = 0, line_places_ = 0, slot_bytes_ = 0, plane_bytes_ = 0;
    bool ring_ = false, direct_ = false;
    Dim x_step_ = 0;                    // where tiles read the input: bytes from a position to the next, and
    const std::byte* x_end_ = nullptr;  // behind the last of the block
    Dim begin_ = 0;                     // the first place of the block along the first axis
  };

  Bf16Window window_;
  Panels panels_;
  ImageLayout layout_;
  bool one_tap_ = false;  // of all channels, which are whole pieces, next to the one of the output beside
  GemmBf16Kernels kernels_;
  Epilogue epilogue_;
  std::vector<Index> firsts_{};  // of each part, the first output along each axis
  ImageBlock block_{};
};

}  // namespace coverslip::inline v0::ops
