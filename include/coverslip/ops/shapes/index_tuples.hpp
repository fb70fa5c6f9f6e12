// Lists of places in several axes at once, as GatherND reads them and ScatterND writes to them.
#pragma once
#include "coverslip/ops/shapes/extents.hpp"
#include "coverslip/ops/shapes/indices.hpp"

namespace coverslip::inline v0::ops {

// The last axis of `indices` holds a place for each of `count` axes of a value, from axis `first` on.
struct Tuples {
  std::size_t rank = 0;   // axes of the list
  std::size_t first = 0;  // batch axes stand before it, in the list as in the value
  std::size_t count = 0;
  Shape whole{};  // of the value: places are counted in it

  std::size_t end() const { return first + count; }
};

inline Tuples tuples_of(const Node& node, const Types& in, Dim batch) {
  want_indices(node, in, 1);
  const Shape &x = in[0].shape, &indices = in[1].shape;
  const Dim least = static_cast<Dim>(std::min(x.rank(), indices.rank()));
  if (batch < 0 || batch >= least)
    throw Error(Errc::BadShape, node.label(), "batch_dims is ", batch, " of an input ", x, " and indices ", indices,
                "; 0 to ", least - 1, " wanted");
  const auto first = static_cast<std::size_t>(batch);
  for (std::size_t axis = 0; axis < first; ++axis)
    if (x[axis] != indices[axis])
      throw Error(Errc::BadShape, node.label(), "the input is ", x, ", indices are ", indices,
                  "; the same batch axes wanted");
  const Dim count = indices[indices.rank() - 1], most = static_cast<Dim>(x.rank()) - batch;
  if (count < 1 || count > most)
    throw Error(Errc::BadShape, node.label(), "the last axis of indices ", indices, " has ", count, " places, 1 to ",
                most, " wanted");
  Tuples tuples{indices.rank() - 1, first, static_cast<std::size_t>(count), x};
  for (std::size_t axis = first; axis < tuples.end(); ++axis) want_elements(node, indices, axis, x[axis]);
  return tuples;
}

inline void check_tuples(const Node& node, const Tuples& tuples, const Tensor* indices) {
  if (indices == nullptr) return;
  const View view = std::as_const(*indices).view();
  for_each(view.held(), [&](const Index& at) {
    const std::size_t axis = tuples.first + static_cast<std::size_t>(at[tuples.rank]);
    check_index(node, index_at(view.at(at), view.dtype()), axis, tuples.whole[axis]);
  });
}

// The value's element 0 behind the axes that tuple `at` names; `at` counts in all axes of the list but the last.
inline Index tuple_place(const Tuples& tuples, const View& indices, const Index& at) {
  Index to(tuples.whole.rank(), 0), index(tuples.rank + 1, 0);
  for (std::size_t axis = 0; axis < tuples.rank; ++axis) index[axis] = at[axis];
  for (std::size_t axis = 0; axis < tuples.first; ++axis) to[axis] = at[axis];
  const std::byte* places = indices.at(index);
  const Dim step = indices.strides()[tuples.rank] * static_cast<Dim>(size_of(indices.dtype()));
  for (std::size_t i = 0; i < tuples.count; ++i) {
    const std::size_t axis = tuples.first + i;
    to[axis] = place_of(index_at(places + static_cast<Dim>(i) * step, indices.dtype()), tuples.whole[axis]);
  }
  return to;
}

// GatherND's output and ScatterND's updates: an axis for each of the list but the last, then those of a slice.
inline Shape tuple_slices(const Tuples& tuples, const Shape& indices) {
  Shape shape;
  for (std::size_t axis = 0; axis < tuples.rank; ++axis) shape.push_back(indices[axis]);
  for (std::size_t axis = tuples.end(); axis < tuples.whole.rank(); ++axis) shape.push_back(tuples.whole[axis]);
  return shape;
}

// The last axes of anything with one entry for each axis.
template <class P>
P last_axes(const P& all, std::size_t count) {
  P last;
  for (std::size_t axis = all.rank() - count; axis < all.rank(); ++axis) last.push_back(all[axis]);
  return last;
}

}  // namespace coverslip::inline v0::ops
