// Memory that notices what should not have touched it.
#pragma once
#include <vector>

#include "coverslip/core/tensor.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr std::byte kPoison{0xFF};  // as a float: not a number

// Where a box lies in its buffer.
enum class Room : std::uint8_t {
  Exact,   // it fills the buffer, so that the address sanitizer sees what touches anything beside it
  Padded,  // inside a bigger value, at an odd place: strides are not dense, and untouched() sees writes beside it
};

class Buffer {
 public:
  Buffer(DType dtype, Layout layout, const Box& box, Room room) : room_(room) {
    Shape outer = box.shape();
    if (room == Room::Padded)
      for (Dim& d : outer) d += kBefore + kAfter;
    size_ = TensorType{dtype, outer}.bytes();
    bytes_ = allocate(size_);
    std::memset(bytes_.get(), static_cast<int>(kPoison), size_);
    const Index strides = strides_of(layout, outer);
    std::byte* first = bytes_.get();
    if (room == Room::Padded)
      for (const Dim stride : strides) first += static_cast<Dim>(size_of(dtype)) * kBefore * stride;
    view = View(first, dtype, strides, box);
  }

  // True if all bytes beside the box are as they were at first.
  bool untouched() const {
    if (room_ == Room::Exact) return true;
    std::vector<bool> ours(size_, false);
    for_each(view.held(), [&](const Index& at) {
      const auto offset = static_cast<std::size_t>(view.at(at) - bytes_.get());
      std::fill_n(ours.begin() + static_cast<std::ptrdiff_t>(offset), size_of(view.dtype()), true);
    });
    for (std::size_t i = 0; i < size_; ++i)
      if (!ours[i] && bytes_.get()[i] != kPoison) return false;
    return true;
  }

  View view;

 private:
  static constexpr Dim kBefore = 1, kAfter = 2;
  Room room_;
  std::size_t size_ = 0;
  Bytes bytes_;
};

// Element by element, whatever the strides.
inline void copy_elements(const View& from, View& to, const Box& box) {
  for_each(box, [&](const Index& at) { std::memcpy(to.at(at), from.at(at), size_of(to.dtype())); });
}

// The same, where f32 numbers may be held as bf16.
inline void copy_numbers(const View& from, View& to, const Box& box) {
  if (from.dtype() == to.dtype()) return copy_elements(from, to, box);
  for_each(box, [&](const Index& at) { *to.as<BFloat16>(at) = to_bfloat16(*from.as<float>(at)); });
}

inline bool same_elements(const View& a, const View& b, const Box& box) {
  bool same = true;
  for_each(box, [&](const Index& at) { same = same && std::memcmp(a.at(at), b.at(at), size_of(a.dtype())) == 0; });
  return same;
}

}  // namespace v0
}  // namespace coverslip
