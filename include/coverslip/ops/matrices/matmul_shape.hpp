// The shapes of MatMul, and where its operands lie for a place of the output.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

struct MatMul {
  Shape a, b;  // whole
  Dim m, n, k;
  Shape output;
  std::size_t batch;  // leading axes of the output

  MatMul(const Node& node, const Shape& left, const Shape& right) : a(left), b(right) {
    const auto fail = [&] {
      throw Error(Errc::BadShape, node.label(), "inputs ", a, " and ", b, " do not fit each other");
    };
    if (a.rank() == 0 || b.rank() == 0) fail();
    m = a.rank() > 1 ? a[a.rank() - 2] : 1;
    k = a[a.rank() - 1];
    n = b.rank() > 1 ? b[b.rank() - 1] : 1;
    if (b[b.rank() > 1 ? b.rank() - 2 : 0] != k) fail();
    batch = std::max(batch_of(a), batch_of(b));
    for (std::size_t axis = 0; axis < batch; ++axis) {
      const Dim x = extent(a, axis), y = extent(b, axis);
      if (x != y && x != 1 && y != 1) fail();
      output.push_back(x == 1 ? y : x);
    }
    if (a.rank() > 1) output.push_back(m);
    if (b.rank() > 1) output.push_back(n);
  }

  static std::size_t batch_of(const Shape& shape) { return shape.rank() > 2 ? shape.rank() - 2 : 0; }
  // Of an operand along a leading axis of the output.
  Dim extent(const Shape& shape, std::size_t axis) const {
    const std::size_t own = batch_of(shape);
    return axis + own < batch ? 1 : shape[axis + own - batch];
  }
  // The leading coordinates of an operand at those of the output, room for the matrix left at the end.
  Index place(const Shape& shape, const Index& y) const {
    Index at(shape.rank(), 0);
    const std::size_t own = batch_of(shape);
    for (std::size_t axis = 0; axis < own; ++axis) at[axis] = shape[axis] == 1 ? 0 : y[axis + batch - own];
    return at;
  }
  Index a_place(const Index& y, Dim row, Dim term) const {
    Index at = place(a, y);
    if (a.rank() > 1) at[a.rank() - 2] = row;
    at[a.rank() - 1] = term;
    return at;
  }
  Index b_place(const Index& y, Dim term, Dim column) const {
    Index at = place(b, y);
    if (b.rank() == 1) {
      at[0] = term;
    } else {
      at[b.rank() - 2] = term;
      at[b.rank() - 1] = column;
    }
    return at;
  }
  Range rows(const Box& y) const { return a.rank() > 1 ? y[batch] : Range{0, 1}; }
  Range columns(const Box& y) const { return b.rank() > 1 ? y[y.rank() - 1] : Range{0, 1}; }
  Index y_place(Index y, Dim row, Dim column) const {
    if (a.rank() > 1) y[batch] = row;
    if (b.rank() > 1) y[y.rank() - 1] = column;
    return y;
  }
  // Elements from a row to the next: of A, and of what looks like the output.
  Dim a_step(const View& view) const { return a.rank() > 1 ? view.strides()[a.rank() - 2] : 0; }
  Dim y_step(const View& view) const { return a.rank() > 1 ? view.strides()[batch] : 0; }
  Dim b_count() const {
    Dim count = 1;
    for (std::size_t axis = 0; axis < batch_of(b); ++axis) count *= b[axis];
    return count;
  }
  // Which matrix of B the output at y reads.
  Dim b_index(const Index& y) const {
    const Index at = place(b, y);
    Dim index = 0;
    for (std::size_t axis = 0; axis < batch_of(b); ++axis) index = index * b[axis] + at[axis];
    return index;
  }
};

}  // namespace coverslip::inline v0::ops
