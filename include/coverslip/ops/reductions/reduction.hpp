// Which axes of a value are reduced, and which part of the value makes which element of the result.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/cost.hpp"

namespace coverslip::inline v0::ops {

// Along a reduced axis every `block` elements become one: all of them, in ONNX's operators.
struct Reduction {
  Shape x;
  PerAxis<bool> reduced;
  Shape block;  // of reduced axes
  bool keepdims = true;
  std::optional<double> divisor{};                          // of a mean, if it is not the number of elements
  double least = -std::numeric_limits<double>::infinity();  // results that are floats are no less

  bool kept(std::size_t axis) const { return !reduced[axis]; }
  // Of the result with all axes of x.
  Shape full() const {
    Shape y = x;
    for (std::size_t axis = 0; axis < y.rank(); ++axis)
      if (reduced[axis]) y[axis] = block[axis] >= x[axis] ? 1 : (x[axis] + block[axis] - 1) / block[axis];
    return y;
  }
  Shape shape() const { return keepdims ? full() : without_reduced(full()); }
  // A box, or strides, of the result as seen with all axes of x.
  Box full(const Box& y) const {
    Box all(Shape(x.rank(), 1));
    for (std::size_t axis = 0, from = 0; axis < x.rank(); ++axis)
      if (keepdims || kept(axis)) all[axis] = y[from++];
    return all;
  }
  Index full(const Index& strides) const {
    Index all(x.rank(), 0);
    for (std::size_t axis = 0, from = 0; axis < x.rank(); ++axis)
      if (keepdims || kept(axis)) all[axis] = strides[from++];
    return all;
  }
  // The part of x behind a box of the result, given with all axes.
  Box source(const Box& full_box) const {
    Box box = full_box;
    for (std::size_t axis = 0; axis < x.rank(); ++axis)
      if (reduced[axis])
        box[axis] = {std::min(full_box[axis].begin * block[axis], x[axis]),
                     std::min(full_box[axis].end * block[axis], x[axis])};
    return box;
  }
  Index index(const Index& full_index) const {
    Index at;
    for (std::size_t axis = 0; axis < x.rank(); ++axis)
      if (keepdims || kept(axis)) at.push_back(full_index[axis]);
    return at;
  }
  // Numbers that make one element.
  double terms() const {
    double n = 1;
    for (std::size_t axis = 0; axis < x.rank(); ++axis)
      if (reduced[axis]) n *= static_cast<double>(std::min(block[axis], x[axis]));
    return n;
  }

 private:
  Shape without_reduced(const Shape& all) const {
    Shape y;
    for (std::size_t axis = 0; axis < all.rank(); ++axis)
      if (kept(axis)) y.push_back(all[axis]);
    return y;
  }
};

// The axes are an attribute (before opset 18) or input 1; where there are none, all are meant, or none.
inline Reduction reduction_of(const Node& node, const Shape& x, std::vector<Dim> axes) {
  if (axes.empty() && node.attr<Dim>("noop_with_empty_axes", 0) == 0)
    for (std::size_t axis = 0; axis < x.rank(); ++axis) axes.push_back(static_cast<Dim>(axis));
  Reduction r{
      .x = x, .reduced = PerAxis<bool>(x.rank(), false), .block = x, .keepdims = node.attr<Dim>("keepdims", 1) != 0};
  for (const std::size_t axis : axes_in(node, axes, x.rank())) r.reduced[axis] = true;
  const auto blocks = node.attr("coverslip.blocks", std::vector<Dim>());
  for (std::size_t axis = 0; axis < blocks.size(); ++axis) r.block[axis] = blocks[axis];
  if (node.attributes.contains("coverslip.divisor"))
    r.divisor = static_cast<double>(node.attr<Dim>("coverslip.divisor", 1));
  if (node.attributes.contains("coverslip.least")) r.least = node.attr("coverslip.least", 0.0f);
  return r;
}

inline Reduction reduction_of(const Node& node, const Types& in, Constants constants) {
  return reduction_of(
      node, in[0].shape,
      node.has(1) ? known_integers(node, in, constants, 1, "axes") : node.attr("axes", std::vector<Dim>()));
}

inline Reduction reduction_of(const Node& node, Inputs in) {
  return reduction_of(node, in[0].shape(), node.has(1) ? integers_of(in[1]) : node.attr("axes", std::vector<Dim>()));
}

// Where channels lie last in x they do so in y, unless an axis before them is gone.
inline Layout reduced_layout(const Reduction& r, Layout layout) {
  const bool same = r.keepdims || (r.x.rank() > 2 && r.kept(0) && r.kept(1));
  return same ? layout : Layout::Planar;
}

// Calls f(part) for parts of a box of the result, seen with all axes, that have one place along each reduced axis.
template <class F>
void for_each_block(const Reduction& r, const Box& box, const F& f) {
  const Box full = r.full(box);
  Box blocks = full;
  for (std::size_t axis = 0; axis < full.rank(); ++axis)
    if (r.kept(axis)) blocks[axis].end = blocks[axis].begin + 1;
  for_each(blocks, [&](const Index& block) {
    Box part = full;
    for (std::size_t axis = 0; axis < full.rank(); ++axis)
      if (!r.kept(axis)) part[axis] = {block[axis], block[axis] + 1};
    f(part);
  });
}

// Extents of blocks of at most `room` elements along reduced axes, and of one along others.
inline std::vector<Dim> blocks_of(const Shape& x, const PerAxis<bool>& reduced, Dim room) {
  std::vector<Dim> blocks(x.rank(), 1);
  for (std::size_t axis = x.rank(); axis-- > 0;)
    if (reduced[axis]) {
      blocks[axis] = std::clamp<Dim>(x[axis], 1, room);
      room /= blocks[axis];
    }
  return blocks;
}

// Calls f(at, part) for each element of the result, with the part of x that makes it.
template <class F>
void for_each_reduced(const Reduction& r, const F& f) {
  for_each(Box(r.full()), [&](const Index& full) {
    Box one(r.full());
    for (std::size_t axis = 0; axis < full.rank(); ++axis) one[axis] = {full[axis], full[axis] + 1};
    f(r.index(full), r.source(one));
  });
}

}  // namespace coverslip::inline v0::ops
