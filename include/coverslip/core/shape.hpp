// Logical geometry: shapes, indices and boxes of at most eight axes, none of them on the heap.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <utility>

#include "coverslip/core/error.hpp"

namespace coverslip {
inline namespace v0 {

using Dim = std::int64_t;
inline constexpr std::size_t kMaxRank = 8;
inline constexpr Dim kFree = -1;  // a dimension of a graph input that the caller chooses

// One T for each axis of a value.
template <class T>
class PerAxis {
 public:
  PerAxis() = default;
  PerAxis(std::initializer_list<T> values) : rank_(checked(values.size())) { fill(values.begin()); }
  explicit PerAxis(std::span<const T> values) : rank_(checked(values.size())) { fill(values.begin()); }
  PerAxis(std::size_t rank, const T& value) : rank_(checked(rank)) {
    for (T& v : *this) v = value;
  }

  std::size_t rank() const { return rank_; }
  T& operator[](std::size_t axis) { return values_[axis]; }
  const T& operator[](std::size_t axis) const { return values_[axis]; }
  T* begin() { return values_.data(); }
  T* end() { return begin() + rank_; }
  const T* begin() const { return values_.data(); }
  const T* end() const { return begin() + rank_; }
  void push_back(const T& value) {
    checked(rank_ + 1);
    values_[rank_++] = value;
  }
  bool operator==(const PerAxis& other) const {
    for (std::size_t axis = 0; axis < rank_; ++axis)
      if (!(values_[axis] == other.values_[axis])) return false;
    return rank_ == other.rank_;
  }

 private:
  template <class Iterator>
  void fill(Iterator from) {
    for (T& v : *this) v = *from++;
  }
  static std::size_t checked(std::size_t rank) {
    if (rank > kMaxRank) throw Error(Errc::BadShape, "rank", "at most ", kMaxRank, " axes are supported, got ", rank);
    return rank;
  }
  std::size_t rank_ = 0;
  std::array<T, kMaxRank> values_{};
};

using Index = PerAxis<Dim>;

struct Shape : PerAxis<Dim> {
  using PerAxis::PerAxis;
  // Throws where a dimension is negative, or the bytes of such a value could not be counted.
  Dim elements() const {
    constexpr Dim kMost = std::numeric_limits<Dim>::max() / 64;
    Dim n = 1;
    for (const Dim d : *this) {
      if (d < 0 || (d > 0 && n > kMost / d))
        throw Error(Errc::BadShape, "shape", "a dimension is negative, or the value is too large to count");
      n *= d;
    }
    return n;
  }
};

// "1x3x224x224"; a free dimension is "?".
inline std::string to_string(const Shape& shape) {
  std::string s;
  for (const Dim d : shape) s += (s.empty() ? "" : "x") + (d == kFree ? "?" : std::to_string(d));
  return s.empty() ? "scalar" : s;
}

struct Range {  // half-open
  Dim begin = 0, end = 0;
  Dim extent() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

// Part of a value, in the value's own logical coordinates.
struct Box : PerAxis<Range> {
  using PerAxis::PerAxis;
  explicit Box(const Shape& whole) : PerAxis(whole.rank(), Range{}) {
    for (std::size_t axis = 0; axis < rank(); ++axis) (*this)[axis].end = whole[axis];
  }
  Index origin() const {
    Index first(rank(), 0);
    for (std::size_t axis = 0; axis < rank(); ++axis) first[axis] = (*this)[axis].begin;
    return first;
  }
  Shape shape() const {
    Shape extents(rank(), 0);
    for (std::size_t axis = 0; axis < rank(); ++axis) extents[axis] = (*this)[axis].extent();
    return extents;
  }
  bool contains(const Index& at) const {
    for (std::size_t axis = 0; axis < rank(); ++axis)
      if (at[axis] < (*this)[axis].begin || at[axis] >= (*this)[axis].end) return false;
    return at.rank() == rank();
  }
};

// Calls f(index) for each index of the box, last axis fastest.
template <class F>
void for_each(const Box& box, const F& f) {
  if (box.shape().elements() == 0) return;
  for (Index at = box.origin();;) {
    f(std::as_const(at));
    std::size_t axis = box.rank();
    for (; axis > 0 && ++at[axis - 1] == box[axis - 1].end; --axis) at[axis - 1] = box[axis - 1].begin;
    if (axis == 0) return;
  }
}

}  // namespace v0
}  // namespace coverslip
