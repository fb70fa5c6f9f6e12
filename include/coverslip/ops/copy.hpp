// Moves elements from one strided place to another: all that Concat, Slice, Pad, Transpose and the reorders do.
#pragma once
#include "coverslip/kernels/transpose.hpp"
#include "coverslip/ops/nest.hpp"

namespace coverslip::inline v0::ops {

// kBytes a constant: a single load and store.
template <std::size_t kBytes>
void move_plane(const std::byte* from, std::byte* to, const Nest<2>& nest) {
  constexpr Dim kBlock = 16, kSize = kBytes;  // blocks: both sides move whole cache lines
  const Dim n = nest.inner().extent, rows = nest.outer().extent;
  const auto &along = nest.inner().strides, &across = nest.outer().strides;
  const auto move = [&](Dim i, Dim row) {
    std::memcpy(to + kSize * (i * along[1] + row * across[1]), from + kSize * (i * along[0] + row * across[0]), kBytes);
  };
  if (n < kBlock / 2 && rows > n) {
    for (Dim i = 0; i < n; ++i)
      for (Dim row = 0; row < rows; ++row) move(i, row);
    return;
  }
  for (Dim row0 = 0; row0 < rows; row0 += kBlock)
    for (Dim i0 = 0; i0 < n; i0 += kBlock)
      for (Dim row = row0; row < std::min(row0 + kBlock, rows); ++row)
        for (Dim i = i0; i < std::min(i0 + kBlock, n); ++i) move(i, row);
}

inline void move_rows(const std::byte* from, std::byte* to, const Nest<2>& nest, Dim size) {
  const auto& [rows, across] = nest.outer();
  const auto bytes = static_cast<std::size_t>(nest.inner().extent * size);
  for (Dim row = 0; row < rows; ++row) std::memcpy(to + size * row * across[1], from + size * row * across[0], bytes);
}

// Each row is one element again and again.
template <std::size_t kBytes>
void fill_rows(const std::byte* from, std::byte* to, const Nest<2>& nest) {
  constexpr Dim kSize = kBytes;
  const auto& [rows, across] = nest.outer();
  const Dim n = nest.inner().extent;
  for (Dim row = 0; row < rows; ++row) {
    std::array<std::byte, kBytes> element;
    std::memcpy(element.data(), from + kSize * row * across[0], kBytes);
    std::byte* y = to + kSize * row * across[1];
    for (Dim i = 0; i < n; ++i) std::memcpy(y + kSize * i, element.data(), kBytes);
  }
}

// Moves boxes of the same extents and strides from place to place: what it takes is worked out once.
class Mover {
 public:
  // Strides in elements of `size` bytes; those of `from` may be 0 or negative. Without kernels it is slower.
  Mover(std::size_t size, const Index& from_strides, const Index& to_strides, const Shape& extents,
        const TransposeKernels& kernels = {})
      : nest_(extents, {from_strides, to_strides}), size_(static_cast<Dim>(size)) {
    const auto& [n, along] = nest_.inner();
    const auto alike = [](const auto& loop) { return loop.extent == 1 || loop.strides[0] == loop.strides[1]; };
    same_ = nest_.all_of(alike);
    if (n == 1 || (along[0] == 1 && along[1] == 1))
      way_ = nest_.is_row() ? Way::Row : Way::Rows;
    else if (along[0] == 0 && along[1] == 1)
      way_ = Way::Fill;
    else
      nest_.put_outside(0);
    bytes_ = static_cast<std::size_t>(n * size_);
    if (way_ != Way::Planes || along[1] != 1 || nest_.outer().strides[0] != 1) return;
    if (size_ == 4) words_ = kernels.words;
    if (size_ == 2) halves_ = kernels.halves;
  }

  // Whether elements are moved one by one.
  bool scatters() const { return way_ == Way::Planes && words_ == nullptr && halves_ == nullptr; }

  // Both are the places of the first element. Does nothing where everything already lies at its place.
  void operator()(const std::byte* from, std::byte* to) const {
    if (same_ && from == to) return;
    if (way_ != Way::Row) return move_planes(from, to);
    if (bytes_ == 4) return static_cast<void>(std::memcpy(to, from, 4));  // the compiler makes it one move
    std::memcpy(to, from, bytes_);
  }

 private:
  enum class Way : std::uint8_t { Row, Rows, Fill, Planes };

  void move_planes(const std::byte* from, std::byte* to) const {
    nest_.for_each_plane([&](const auto& at) {
      const std::byte* x = from + size_ * at[0];
      std::byte* y = to + size_ * at[1];
      if (way_ != Way::Fill && way_ != Way::Planes) return move_rows(x, y, nest_, size_);
      if (words_ != nullptr) return words_(transposition<std::uint32_t>(x, y));
      if (halves_ != nullptr) return halves_(transposition<std::uint16_t>(x, y));
      const bool fills = way_ == Way::Fill;
      switch (size_) {
        case 1: return fills ? fill_rows<1>(x, y, nest_) : move_plane<1>(x, y, nest_);
        case 2: return fills ? fill_rows<2>(x, y, nest_) : move_plane<2>(x, y, nest_);
        case 4: return fills ? fill_rows<4>(x, y, nest_) : move_plane<4>(x, y, nest_);
        default: return fills ? fill_rows<8>(x, y, nest_) : move_plane<8>(x, y, nest_);
      }
    });
  }

  template <class T>
  Transposition<T> transposition(const std::byte* from, std::byte* to) const {
    return {.x = reinterpret_cast<const T*>(from),
            .x_step = nest_.inner().strides[0],
            .y = reinterpret_cast<T*>(to),
            .y_step = nest_.outer().strides[1],
            .rows = static_cast<std::size_t>(nest_.outer().extent),
            .n = static_cast<std::size_t>(nest_.inner().extent)};
  }

  Nest<2> nest_;
  Dim size_;
  std::size_t bytes_ = 0;  // of a row
  Way way_ = Way::Planes;
  bool same_ = false;
  void (*words_)(const Transposition<std::uint32_t>&) = nullptr;
  void (*halves_)(const Transposition<std::uint16_t>&) = nullptr;
};

inline void move_elements(DType dtype, const std::byte* from, const Index& from_strides, std::byte* to,
                          const Index& to_strides, const Shape& extents, const TransposeKernels& kernels = {}) {
  Mover(size_of(dtype), from_strides, to_strides, extents, kernels)(from, to);
}

// to[at] = from[at + offset] for all of the box.
inline void move_box(const View& from, View& to, const Box& box, const Index& offset,
                     const TransposeKernels& kernels = {}) {
  if (box.shape().elements() == 0) return;
  Index source = box.origin();
  for (std::size_t axis = 0; axis < box.rank(); ++axis) source[axis] += offset[axis];
  move_elements(to.dtype(), from.at(source), from.strides(), to.at(box.origin()), to.strides(), box.shape(), kernels);
}

inline void copy_box(const View& from, View& to, const Box& box, const TransposeKernels& kernels = {}) {
  move_box(from, to, box, Index(box.rank(), 0), kernels);
}

// The part that two ranges share; empty, and inside `b`, where they share nothing.
inline Range intersection(const Range& a, const Range& b) {
  const Dim begin = std::clamp(a.begin, b.begin, b.end);
  return {begin, std::clamp(a.end, begin, b.end)};
}

}  // namespace coverslip::inline v0::ops
