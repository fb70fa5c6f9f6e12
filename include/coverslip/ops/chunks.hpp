// The elements of a box of a value in a fixed order, a stretch at a time, side by side.
#pragma once
#include <algorithm>
#include <array>
#include <cstring>

#include "coverslip/core/tensor.hpp"
#include "coverslip/kernels/rows.hpp"

namespace coverslip::inline v0::ops {

// The axes of a value, outermost first, as a layout orders them in memory.
inline PerAxis<std::size_t> memory_order(Layout layout, std::size_t rank) {
  const bool last = layout == Layout::ChannelsLast && rank > 2;
  PerAxis<std::size_t> order;
  for (std::size_t axis = 0; axis < rank; ++axis)
    if (!last || axis != 1) order.push_back(axis);
  if (last) order.push_back(1);
  return order;
}

// Loops over some axes of a box, innermost first; the first has step 1. Neighbours are one where memory allows it.
class Chunks {
 public:
  static constexpr Dim kMost = 4096;  // elements at a time: sums are taken of so many, wherever they lie

  Chunks(const Index& strides, const Shape& extents, const PerAxis<std::size_t>& order) {
    loops_[0] = {};
    for (std::size_t i = order.rank(); i-- > 0;) {
      const Dim extent = extents[order[i]], stride = strides[order[i]];
      elements_ *= extent;
      if (extent == 1) continue;
      if (stride == loops_[last_].stride * loops_[last_].extent)
        loops_[last_].extent *= extent;
      else
        loops_[++last_] = {extent, stride};
    }
  }

  Dim elements() const { return elements_; }

  // Calls f(x, n), n == kMost but for the last; copies to `room`, for kMost elements, what does not lie side by side.
  template <class T, class F>
  void for_each(const T* x, T* room, const F& f) const {
    if (elements_ == 0) return;
    Dim filled = 0;
    std::array<Dim, kMaxRank + 1> at{};
    for (;;) {
      for (Dim i = 0; i < loops_[0].extent;) {
        const Dim n = std::min(kMost - filled, loops_[0].extent - i);
        const bool lies = filled == 0 && (n == kMost || last_ == 0);
        if (!lies) std::memcpy(room + filled, x + i, static_cast<std::size_t>(n) * sizeof(T));
        i += n;
        filled += n;
        if (!lies && filled < kMost) continue;
        f(lies ? x + i - n : room, static_cast<std::size_t>(filled));
        filled = 0;
      }
      std::size_t loop = 1;
      for (; loop <= last_; ++loop) {
        x += loops_[loop].stride;
        if (++at[loop] < loops_[loop].extent) break;
        x -= loops_[loop].extent * loops_[loop].stride;
        at[loop] = 0;
      }
      if (loop > last_) break;
    }
    if (filled > 0) f(static_cast<const T*>(room), static_cast<std::size_t>(filled));
  }

 private:
  struct Loop {
    Dim extent = 1, stride = 1;
  };
  std::array<Loop, kMaxRank + 1> loops_{};
  std::size_t last_ = 0;
  Dim elements_ = 1;
};

// Calls f(offset, rows) for rows of `columns` elements, so that each column meets the axes of `order`, outermost first,
// in their order, however the box lies.
template <class F>
void for_each_rows(const Index& strides, const Shape& extents, const PerAxis<std::size_t>& order, Dim columns,
                   const F& f) {
  Rows rows{.n = static_cast<std::size_t>(columns)};
  Box outer;
  for (std::size_t i = 0; i + 1 < order.rank(); ++i) outer.push_back({0, extents[order[i]]});
  if (order.rank() > 0) {
    const std::size_t innermost = order[order.rank() - 1];
    rows.count = static_cast<std::size_t>(extents[innermost]);
    rows.x_step = strides[innermost];
  }
  for_each(outer, [&](const Index& at) {
    Dim offset = 0;
    for (std::size_t i = 0; i < at.rank(); ++i) offset += at[i] * strides[order[i]];
    if (rows.count > 0) f(offset, rows);
  });
}

}  // namespace coverslip::inline v0::ops
