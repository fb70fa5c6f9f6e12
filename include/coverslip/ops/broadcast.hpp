// Rules of NumPy's broadcasting, and the loop over two inputs that are broadcast to each other.
#pragma once
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/nest.hpp"

namespace coverslip::inline v0::ops {

inline Shape broadcast_shape(const Node& node, const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.rank(), b.rank());
  Shape y(rank, 1);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const Dim da = axis + a.rank() < rank ? 1 : a[axis + a.rank() - rank];
    const Dim db = axis + b.rank() < rank ? 1 : b[axis + b.rank() - rank];
    if (da != db && da != 1 && db != 1)
      throw Error(Errc::BadShape, node.label(), "inputs ", a, " and ", b, " cannot be broadcast to each other: axis ",
                  axis, " is ", da, " and ", db);
    y[axis] = da == 1 ? db : da;
  }
  y.elements();  // throws where they are too many to count
  return y;
}

// The part of an input of that shape that belongs to a box of what it is broadcast to.
inline Box broadcast_box(const Shape& shape, const Box& output) {
  Box box(shape);
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) box[axis] = output[output.rank() - shape.rank() + axis];
  return box;
}

inline Index broadcast_index(const Shape& shape, const Index& output) {
  Index at(shape.rank(), 0);
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) at[axis] = output[output.rank() - shape.rank() + axis];
  return at;
}

// Of operators all of whose inputs are broadcast.
inline std::vector<Box> broadcast_needed(const Node& node, const Types& in, const Box& output) {
  std::vector<Box> boxes;
  for (std::size_t i = 0; i < in.size(); ++i) boxes.push_back(node.has(i) ? broadcast_box(in[i].shape, output) : Box());
  return boxes;
}

// True if channels-last does not tear the operand's elements apart: it has all axes, or varies along channels alone.
inline bool fits_channels_last(const Shape& shape, std::size_t rank) {
  if (shape.rank() == rank) return true;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1 && axis + rank - shape.rank() != 1) return false;
  return true;
}

// The candidates of such an operator, whose output may lie in the memory of any input from `first_in_place` on.
inline std::vector<Step> broadcast_steps(const Types& in, const TensorType& y, Step step,
                                         std::size_t first_in_place = 0) {
  std::size_t bytes = y.bytes();
  bool channels_last = true;
  for (std::size_t i = in.size(); i-- > 0;) {
    bytes += in[i].bytes();
    channels_last = channels_last && fits_channels_last(in[i].shape, y.shape.rank());
    if (i >= first_in_place && in[i].shape == y.shape && size_of(in[i].dtype) == size_of(y.dtype)) step.in_place = i;
  }
  step.cuts = any_axis(y.shape.rank());
  step.nanoseconds = std::max(1.0, step.nanoseconds) * pass_nanoseconds(bytes);
  auto candidates = in_each_layout(in.size(), 1, std::move(step));
  if (!channels_last) candidates.erase(candidates.begin() + 1);
  return candidates;
}

// A value, of which a view may hold but a part, or one number for all (`shape` is that of a scalar).
struct BroadcastOperand {
  const View& view;
  const Shape& shape;  // of the whole value
};

// Calls f(a, b, y, rows) for planes of the box, with the places of their first elements.
template <class F>
void for_each_pair(const BroadcastOperand& a, const BroadcastOperand& b, View& y, const Box& box, const F& f) {
  if (box.shape().elements() == 0) return;
  const std::size_t rank = box.rank();
  Nest<3> nest(box.shape(),
               {broadcast_strides(a.view, a.shape, rank), broadcast_strides(b.view, b.shape, rank), y.strides()});
  nest.want_unit_strides();
  const BinaryRows rows{nest.plane(), nest.outer().strides[1], nest.inner().strides[0] == 0,
                        nest.inner().strides[1] == 0};
  const auto size = [](const View& view) { return static_cast<Dim>(size_of(view.dtype())); };
  const Dim a_size = size(a.view), b_size = size(b.view), y_size = size(y);
  const std::byte* from_a = a.view.at(broadcast_index(a.shape, box.origin()));
  const std::byte* from_b = b.view.at(broadcast_index(b.shape, box.origin()));
  std::byte* to = y.at(box.origin());
  nest.for_each_plane(
      [&](const auto& at) { f(from_a + a_size * at[0], from_b + b_size * at[1], to + y_size * at[2], rows); });
}

}  // namespace coverslip::inline v0::ops
