// Moves elements from one strided place to another: all that Concat, Slice, Pad, Transpose and the reorders do.
#pragma once
#include "coverslip/ops/nest.hpp"

namespace coverslip::inline v0::ops {

// kBytes a constant: a single load and store.
template <std::size_t kBytes>
void move_plane(const std::byte* from, std::byte* to, const Nest<2>& nest) {
  constexpr Dim kBlock = 16, kSize = kBytes;  // blocks: both sides move whole cache lines
  const auto& [n, along] = nest.inner();
  const auto& [rows, across] = nest.outer();
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

// Both are the places of the first element; strides in elements of `dtype`, those of `from` may be 0 or negative. Does
// nothing where everything already lies at its place.
inline void move_elements(DType dtype, const std::byte* from, const Index& from_strides, std::byte* to,
                          const Index& to_strides, const Shape& extents) {
  Nest<2> nest(extents, {from_strides, to_strides});
  if (from == to &&
      nest.all_of([](const auto& loop) { return loop.extent == 1 || loop.strides[0] == loop.strides[1]; }))
    return;
  const auto size = static_cast<Dim>(size_of(dtype));
  const bool rows = nest.inner().extent == 1 || (nest.inner().strides[0] == 1 && nest.inner().strides[1] == 1);
  if (!rows) nest.put_outside(0);
  nest.for_each_plane([&](const auto& at) {
    const std::byte* x = from + size * at[0];
    std::byte* y = to + size * at[1];
    if (rows) return move_rows(x, y, nest, size);
    switch (size) {
      case 1: return move_plane<1>(x, y, nest);
      case 2: return move_plane<2>(x, y, nest);
      case 4: return move_plane<4>(x, y, nest);
      default: return move_plane<8>(x, y, nest);
    }
  });
}

// to[at] = from[at + offset] for all of the box.
inline void move_box(const View& from, View& to, const Box& box, const Index& offset) {
  if (box.shape().elements() == 0) return;
  Index source = box.origin();
  for (std::size_t axis = 0; axis < box.rank(); ++axis) source[axis] += offset[axis];
  move_elements(to.dtype(), from.at(source), from.strides(), to.at(box.origin()), to.strides(), box.shape());
}

inline void copy_box(const View& from, View& to, const Box& box) { move_box(from, to, box, Index(box.rank(), 0)); }

// The part that two ranges share; empty, and inside `b`, where they share nothing.
inline Range intersection(const Range& a, const Range& b) {
  const Dim begin = std::clamp(a.begin, b.begin, b.end);
  return {begin, std::clamp(a.end, begin, b.end)};
}

}  // namespace coverslip::inline v0::ops
