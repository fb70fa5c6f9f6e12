// The loops over a box for several views at once, neighbouring axes merged where memory allows it.
#pragma once
#include <algorithm>

#include "coverslip/core/tensor.hpp"
#include "coverslip/kernels/rows.hpp"

namespace coverslip::inline v0::ops {

// Loops are ordered by the strides of the last view, innermost first. There are always two, which make a plane.
template <std::size_t kViews>
class Nest {
 public:
  using Offsets = std::array<Dim, kViews>;
  struct Loop {
    Dim extent = 1;
    Offsets strides{};  // in elements
  };

  // strides[view][axis], parallel to the extents; 0 where the view is broadcast along the axis.
  Nest(const Shape& extents, const std::array<Index, kViews>& strides) {
    for (std::size_t axis = 0; axis < extents.rank(); ++axis) {
      if (extents[axis] == 1) continue;
      empty_ = empty_ || extents[axis] == 0;
      Loop loop{.extent = extents[axis]};
      for (std::size_t view = 0; view < kViews; ++view) loop.strides[view] = strides[view][axis];
      std::size_t place = count_++;
      for (; place > 0 && loops_[place - 1].strides.back() > loop.strides.back(); --place)
        loops_[place] = loops_[place - 1];
      loops_[place] = loop;
    }
    merge();
    count_ = std::max<std::size_t>(count_, 2);
  }

  const Loop& inner() const { return loops_[0]; }
  const Loop& outer() const { return loops_[1]; }  // of the plane
  bool is_row() const { return count_ == 2 && outer().extent == 1 && !empty_; }
  // The plane as kernels take it: x is the first view, y the last.
  Rows plane() const {
    return {.count = static_cast<std::size_t>(outer().extent),
            .n = static_cast<std::size_t>(inner().extent),
            .x_step = outer().strides.front(),
            .y_step = outer().strides.back()};
  }

  template <class F>
  bool all_of(const F& f) const {
    return std::all_of(loops_.begin(), loops_.begin() + static_cast<std::ptrdiff_t>(count_), f);
  }

  // Makes the outer loop of the plane the one along which elements of `view` lie side by side, if there is one.
  void put_outside(std::size_t view) {
    for (std::size_t i = 2; i < count_; ++i)
      if (loops_[i].strides[view] == 1) return std::swap(loops_[1], loops_[i]);
  }

  // Afterwards inner strides are 0 or 1: kernels want elements side by side, or one for all. Costs speed elsewhere.
  void want_unit_strides() {
    const auto& strides = inner().strides;
    const bool unit = std::all_of(strides.begin(), strides.end(), [](Dim s) { return s == 0 || s == 1; });
    if (inner().extent > 1 && unit) return;
    if (inner().extent > 1) {
      std::move_backward(loops_.begin(), loops_.begin() + static_cast<std::ptrdiff_t>(count_),
                         loops_.begin() + static_cast<std::ptrdiff_t>(count_ + 1));
      ++count_;
    }
    loops_[0] = {};
    loops_[0].strides.fill(1);
  }

  // Calls f(offsets) once for each plane, with the place of its first element in each view.
  template <class F>
  void for_each_plane(const F& f) const {
    if (empty_) return;
    std::array<Dim, kMost> at{};
    for (Offsets offsets{};;) {
      f(std::as_const(offsets));
      std::size_t i = 2;
      for (; i < count_; ++i) {
        const Loop& loop = loops_[i];
        const bool wraps = ++at[i] == loop.extent;
        const Dim steps = wraps ? 1 - loop.extent : 1;
        for (std::size_t view = 0; view < kViews; ++view) offsets[view] += steps * loop.strides[view];
        if (!wraps) break;
        at[i] = 0;
      }
      if (i == count_) return;
    }
  }

 private:
  static constexpr std::size_t kMost = kMaxRank + 2;

  void merge() {
    std::size_t last = 0;
    for (std::size_t i = 1; i < count_; ++i) {
      Loop& inner = loops_[last];
      bool follows = true;
      for (std::size_t view = 0; view < kViews; ++view)
        follows = follows && loops_[i].strides[view] == inner.strides[view] * inner.extent;
      if (follows)
        inner.extent *= loops_[i].extent;
      else
        loops_[++last] = loops_[i];
    }
    for (std::size_t i = last + 1; i < count_; ++i) loops_[i] = {};
    count_ = count_ == 0 ? 0 : last + 1;
  }

  std::array<Loop, kMost> loops_{};
  std::size_t count_ = 0;
  bool empty_ = false;
};

// The strides of a view as loops over `rank` axes see it: aligned to the last axis, 0 where it is broadcast. `shape` is
// that of the whole value: a slab of extent 1 is not broadcast.
inline Index broadcast_strides(const View& view, const Shape& shape, std::size_t rank) {
  Index strides(rank, 0);
  const std::size_t skipped = rank - shape.rank();
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) strides[skipped + axis] = view.strides()[axis];
  return strides;
}

}  // namespace coverslip::inline v0::ops
