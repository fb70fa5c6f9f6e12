// How a value's logical axes lie in memory.
#pragma once
#include <string_view>

#include "coverslip/core/shape.hpp"

namespace coverslip {
inline namespace v0 {

enum class Layout : std::uint8_t { Planar, ChannelsLast };  // N,C,[D,]H,W and N,[D,]H,W,C
inline constexpr Layout kLayouts[] = {Layout::Planar, Layout::ChannelsLast};

constexpr std::string_view to_string(Layout layout) { return layout == Layout::Planar ? "planar" : "channels-last"; }

// Dense strides in elements. Below rank 3 both layouts are the same.
inline Index strides_of(Layout layout, const Shape& shape) {
  const bool channels_last = layout == Layout::ChannelsLast && shape.rank() > 2;
  Index strides(shape.rank(), 0);
  Dim next = 1;
  const auto place = [&](std::size_t axis) {
    strides[axis] = next;
    next *= shape[axis];
  };
  if (channels_last) place(1);
  for (std::size_t axis = shape.rank(); axis-- > 0;)
    if (!channels_last || axis != 1) place(axis);
  return strides;
}

// True if both layouts put the elements of such a value into the same order.
inline bool same_order(const Shape& shape) {
  if (shape.rank() < 3 || shape[1] == 1) return true;
  for (std::size_t axis = 2; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) return false;
  return true;
}

}  // namespace v0
}  // namespace coverslip
