// Places along an axis that come from data. Steps cannot fail, so one that lies outside means the nearest inside.
// Indices that are known when planning are checked then, and refused.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

// Negative places count from the end. The axis has an element at least.
inline Dim place_of(Dim index, Dim extent) {
  return std::clamp<Dim>(index < 0 ? index + extent : index, 0, extent - 1);
}

inline Dim index_at(const std::byte* place, DType dtype) {
  if (dtype == DType::i32) {
    std::int32_t narrow;
    std::memcpy(&narrow, place, sizeof(narrow));
    return narrow;
  }
  std::int64_t wide;
  std::memcpy(&wide, place, sizeof(wide));
  return wide;
}

inline void want_indices(const Node& node, const Types& in, std::size_t i) {
  if (in[i].dtype != DType::i64 && in[i].dtype != DType::i32)
    throw Error(Errc::BadShape, node.label(), "indices (input ", i, ") are ", in[i].dtype, ", i64 or i32 wanted");
}

// Throws where index `index` does not lie in [-extent, extent).
inline void check_index(const Node& node, Dim index, std::size_t axis, Dim extent) {
  if (index < -extent || index >= extent)
    throw Error(Errc::BadShape, node.label(), "index ", index, " along axis ", axis, ", which has ", extent,
                " elements");
}

// Of indices along one axis; null: they are not known.
inline void check_indices(const Node& node, const Tensor* indices, std::size_t axis, Dim extent) {
  if (indices == nullptr) return;
  const Dim size = static_cast<Dim>(size_of(indices->dtype()));
  for (Dim i = 0; i < indices->shape().elements(); ++i)
    check_index(node, index_at(indices->data() + i * size, indices->dtype()), axis, extent);
}

// Throws where there is something to find along an axis that has no elements.
inline void want_elements(const Node& node, const Shape& indices, std::size_t axis, Dim extent) {
  if (extent == 0 && indices.elements() > 0)
    throw Error(Errc::BadShape, node.label(), "indices are ", indices, ", but axis ", axis, " has no elements");
}

// A step that moves single elements is slower than one that moves rows of them.
inline double moving_nanoseconds(std::size_t bytes, bool rows) {
  return pass_nanoseconds(bytes) * (rows ? 1 : kScatterSlowdown);
}

}  // namespace coverslip::inline v0::ops
