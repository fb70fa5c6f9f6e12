// Where MaxPool found each maximum: its output Indices. Any numbers, one at a time.
#pragma once
#include "coverslip/ops/windows/pooling.hpp"

namespace coverslip::inline v0::ops {

// The flat place of an input element: row-major, or with storage_order the first spatial axis fastest in each map.
struct PlaceRule {
  Index steps;
  PlaceRule(const Node& node, const Shape& x) : steps(x.rank(), 0) {
    const bool column_major = node.attr<Dim>("storage_order", 0) != 0;
    Dim next = 1;
    for (std::size_t i = 2; i < x.rank(); ++i) {
      const std::size_t axis = column_major ? i : x.rank() + 1 - i;
      steps[axis] = next;
      next *= x[axis];
    }
    steps[1] = next;
    steps[0] = next * x[1];
  }
  Dim place(const Index& x) const {
    Dim sum = 0;
    for (std::size_t axis = 0; axis < x.rank(); ++axis) sum += x[axis] * steps[axis];
    return sum;
  }
};

// The most of the numbers added, NaN if one is, and the place of the first that is it; of none: -1.
template <class T>
struct Peak {
  T most = std::numeric_limits<T>::has_infinity ? static_cast<T>(-std::numeric_limits<T>::infinity())
                                                : std::numeric_limits<T>::lowest();
  Dim place = -1;
  void add(T value, Dim at) {
    if (place >= 0 && !(most < value) && !(value != value && most == most)) return;
    most = value;
    place = at;
  }
};

template <class T>
void run_max_pool_places(const Pooling& pooling, const PlaceRule& places, const View& x, Outputs y, const Box& box) {
  const std::size_t axes = pooling.axes;
  for_each(box, [&](const Index& to) {
    std::array<Dim, 3> counts{1, 1, 1}, steps{}, place_steps{};
    Index from = to;
    bool any = true;
    for (std::size_t i = 0; i < axes; ++i) {
      const Range inside = pooling.inside(i, to[i + 2]);
      const std::size_t loop = i + 3 - axes;
      const Dim dilation = pooling.windows[i].dilation;
      counts[loop] = inside.extent();
      steps[loop] = x.strides()[i + 2] * dilation;
      place_steps[loop] = places.steps[i + 2] * dilation;
      from[i + 2] = pooling.windows[i].place(to[i + 2], inside.begin);
      any = any && inside.extent() > 0;
    }
    Peak<T> peak;
    if (any) {
      const T* first = x.as<T>(from);
      const Dim place = places.place(from);
      for (Dim i = 0; i < counts[0]; ++i)
        for (Dim j = 0; j < counts[1]; ++j)
          for (Dim k = 0; k < counts[2]; ++k)
            peak.add(first[i * steps[0] + j * steps[1] + k * steps[2]],
                     place + i * place_steps[0] + j * place_steps[1] + k * place_steps[2]);
    }
    *y[0].as<T>(to) = peak.most;
    if (y.size() > 1) *y[1].as<std::int64_t>(to) = peak.place;
  });
}

inline void run_max_pool_places(const Pooling& pooling, const PlaceRule& places, const View& x, Outputs y,
                                const Box& box) {
  if (x.dtype() == DType::i8) return run_max_pool_places<std::int8_t>(pooling, places, x, y, box);
  if (x.dtype() == DType::u8) return run_max_pool_places<std::uint8_t>(pooling, places, x, y, box);
  run_max_pool_places<float>(pooling, places, x, y, box);
}

}  // namespace coverslip::inline v0::ops
