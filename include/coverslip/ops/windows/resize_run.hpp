// Resizing of one box: rows are mixed across all other axes first, and then each row along itself.
#pragma once
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/windows/resize_axis.hpp"

namespace coverslip::inline v0::ops {

struct Resizing {
  ResizeMode mode = ResizeMode::Nearest;
  double extrapolation = 0;
  PerAxis<ResizeAxis> axes;

  std::vector<ResizeTable> tables() const {
    std::vector<ResizeTable> all;
    for (const ResizeAxis& axis : axes) all.emplace_back(axis);
    return all;
  }
};

// A number as an element: of integers the nearest there is, the even one of two.
template <class T>
T nearest_of(double number) {
  if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(number);
  } else if constexpr (std::is_same_v<T, bool>) {
    return number != 0;
  } else {
    using Limits = std::numeric_limits<T>;
    if (!(number > static_cast<double>(Limits::min()))) return std::isnan(number) ? T{} : Limits::min();
    return number < static_cast<double>(Limits::max()) ? static_cast<T>(std::nearbyint(number)) : Limits::max();
  }
}

// A number as the bytes of an element.
inline std::array<std::byte, 8> element_of(double number, DType dtype) {
  std::array<std::byte, 8> bytes{};
  visit(dtype, [&]<class T>(T element) {
    if constexpr (std::is_same_v<T, Float16>)
      element = to_float16(static_cast<float>(number));
    else if constexpr (std::is_same_v<T, BFloat16>)
      element = to_bfloat16(static_cast<float>(number));
    else
      element = nearest_of<T>(number);
    std::memcpy(bytes.data(), &element, sizeof element);
  });
  return bytes;
}

// What is worked out once for a node. Rows run along the last axis.
struct ResizePlan {
  Resizing resizing;
  ResizeRule rule;
  std::vector<ResizeTable> tables{};
  // Of the last axis, tap by tap and output by output: [most taps][outputs].
  std::vector<std::int32_t> places{};
  std::vector<float> weights{};
  std::size_t corners = 1;  // the most rows that a row is mixed of

  ResizePlan(Resizing r, const ResizeRule& how) : resizing(std::move(r)), rule(how), tables(resizing.tables()) {
    if (tables.empty()) return;
    for (std::size_t axis = 0; axis + 1 < tables.size(); ++axis)
      corners *= static_cast<std::size_t>(std::max<Dim>(tables[axis].most, 1));
    const ResizeTable& row = tables.back();
    const auto outputs = static_cast<std::size_t>(resizing.axes[tables.size() - 1].outputs);
    places.assign(static_cast<std::size_t>(row.most) * outputs, 0);
    weights.assign(places.size(), 0);
    for (std::size_t o = 0; o < outputs; ++o) {
      const auto taps = row.of(static_cast<Dim>(o));
      for (std::size_t k = 0; k < taps.size(); ++k) {
        places[k * outputs + o] = static_cast<std::int32_t>(taps[k].place);
        weights[k * outputs + o] = static_cast<float>(taps[k].weight);
      }
      for (std::size_t k = taps.size(); k < static_cast<std::size_t>(row.most) && k > 0; ++k)
        places[k * outputs + o] = places[o];  // something that is there
    }
  }

  Range needed(std::size_t axis, const Range& outputs) const { return tables[axis].needed(outputs); }
  const ResizeAxis& row_axis() const { return resizing.axes[resizing.axes.rank() - 1]; }
  std::size_t row_bytes(bool together) const {
    const Dim channels = together ? resizing.axes[1].inputs : 1;
    return aligned(static_cast<std::size_t>(row_axis().inputs * channels) * sizeof(float));
  }
  std::size_t scratch_bytes(bool together) const {
    return resizing.mode == ResizeMode::Nearest
               ? 0
               : row_bytes(together) + corners * (sizeof(float*) + sizeof(float) + sizeof(double));
  }
};

// Calls f(head) for each row of the box; `together`: all channels of a row at once.
template <class F>
void for_each_row(const Box& box, bool together, const F& f) {
  if (box.shape().elements() == 0) return;
  Box heads = box;
  heads[box.rank() - 1].end = heads[box.rank() - 1].begin + 1;
  if (together) heads[1].end = heads[1].begin + 1;
  for_each(heads, f);
}

template <std::size_t kBytes>
void gather_elements(const std::byte* x, Dim x_step, const std::int32_t* places, std::byte* y, Dim y_step, Dim n) {
  constexpr Dim kSize = kBytes;
  for (Dim i = 0; i < n; ++i) std::memcpy(y + i * y_step * kSize, x + places[i] * x_step * kSize, kBytes);
}

inline void run_resize_nearest(const ResizePlan& plan, bool together, const View& x, View& y, const Box& box) {
  const std::size_t last = box.rank() - 1, size = size_of(y.dtype());
  const std::size_t n = together ? static_cast<std::size_t>(box[1].extent()) * size : size;
  const std::array<std::byte, 8> outside = element_of(plan.resizing.extrapolation, y.dtype());
  const auto bytes = static_cast<Dim>(size);
  for_each_row(box, together, [&](const Index& head) {
    // Places of the row count from the first element that is held.
    const std::byte* from = x.shape().elements() > 0 ? x.at(x.origin()) : nullptr;
    bool inside = true;
    for (std::size_t axis = 0; axis < last; ++axis) {
      const auto taps = plan.tables[axis].of(head[axis]);
      inside = inside && !taps.empty();
      if (!taps.empty()) from += (taps[0].place - x.origin()[axis]) * x.strides()[axis] * bytes;
    }
    std::byte* to = y.at(head);
    const Dim step = x.strides()[last], first = x.origin()[last], y_step = y.strides()[last];
    const auto fill = [&](std::byte* at) {
      for (std::size_t i = 0; i < n; i += size) std::memcpy(at + i, outside.data(), size);
    };
    const bool plain = !together && inside && plan.rule.coordinates != ResizeCoordinates::TfCropAndResize;
    if (plain && first == 0) {
      const std::int32_t* places = plan.places.data() + box[last].begin;
      const Dim count = box[last].extent();
      switch (size) {
        case 1: return gather_elements<1>(from, step, places, to, y_step, count);
        case 2: return gather_elements<2>(from, step, places, to, y_step, count);
        case 4: return gather_elements<4>(from, step, places, to, y_step, count);
        default: return gather_elements<8>(from, step, places, to, y_step, count);
      }
    }
    for (Dim o = box[last].begin; o < box[last].end; ++o, to += y_step * bytes) {
      const auto taps = plan.tables[last].of(o);
      if (!inside || taps.empty())
        fill(to);
      else
        std::memcpy(to, from + (taps[0].place - first) * step * bytes, n);
    }
  });
}

// Linear and cubic.
class ResizeRun {
 public:
  ResizeRun(const ResizePlan& plan, const BlendKernels& blend, const GatherSumKernels& gather, bool together,
            const View& x, std::byte* scratch)
      : plan_(plan), blend_(blend), gather_(gather), together_(together), x_(x) {
    row_ = reinterpret_cast<float*>(scratch);
    scratch += plan.row_bytes(together);
    from_ = reinterpret_cast<const float**>(scratch);
    products_ = reinterpret_cast<double*>(from_ + plan.corners);
    weights_ = reinterpret_cast<float*>(products_ + plan.corners);
  }

  void run(View& y, const Box& box) {
    const std::size_t last = box.rank() - 1;
    const Range row = plan_.needed(last, box[last]);
    const auto n = together_ ? static_cast<std::size_t>(box[1].extent()) : 1;
    for_each_row(box, together_, [&](const Index& head) {
      float* to = y.as<float>(head);
      const std::size_t count = mix_outer(head, row);
      if (!plan_.row_axis().active && count > 0)
        mix_row(to, y.strides()[last], row, n, count);
      else if (count > 0)
        mix_along(to, y.strides()[last], box[last], row, n, count);
      extrapolate(to, y.strides()[last], box[last], n, count == 0);
    });
  }

 private:
  // The rows that the row of `head` is mixed of, from the first element of `row`, and their weights. Says how many.
  std::size_t mix_outer(const Index& head, const Range& row) {
    const std::size_t last = head.rank() - 1;
    if (x_.shape().elements() == 0) return 0;
    std::size_t count = 1;
    from_[0] = x_.as<float>(x_.origin()) + (row.begin - x_.origin()[last]) * x_.strides()[last];
    products_[0] = 1;
    for (std::size_t axis = 0; axis < last; ++axis) {
      const bool channel = together_ && axis == 1;
      const ResizeTap same{head[1], 1};
      const auto taps = channel ? std::span<const ResizeTap>(&same, 1) : plan_.tables[axis].of(head[axis]);
      if (taps.empty()) return 0;
      for (std::size_t t = taps.size(); t-- > 0;)  // the first tap last: it moves what the others start from
        for (std::size_t k = 0; k < count; ++k) {
          from_[t * count + k] = from_[k] + (taps[t].place - x_.origin()[axis]) * x_.strides()[axis];
          products_[t * count + k] = products_[k] * taps[t].weight;
        }
      count *= taps.size();
    }
    for (std::size_t k = 0; k < count; ++k) weights_[k] = static_cast<float>(products_[k]);
    return count;
  }

  // Mixes rows as they are. Moves from_.
  void mix_row(float* to, Dim step, const Range& row, std::size_t n, std::size_t count) {
    const Dim x_step = x_.strides()[x_.strides().rank() - 1];
    const auto extent = static_cast<std::size_t>(row.extent());
    if (x_step == static_cast<Dim>(n) && step == x_step) return blend_.run(from_, weights_, count, to, n * extent);
    for (std::size_t i = 0; i < extent; ++i, to += step) {
      blend_.run(from_, weights_, count, to, n);
      for (std::size_t k = 0; k < count; ++k) from_[k] += x_step;
    }
  }

  void mix_along(float* to, Dim step, const Range& outputs, const Range& row, std::size_t n, std::size_t count) {
    const Dim width = static_cast<Dim>(n);
    const float* source = row_;
    Dim pixel = width, first = 0;  // of the source: row_ has all elements of the axis
    if (count == 1 && weights_[0] == 1 && together_) {
      source = from_[0];
      pixel = x_.strides()[x_.strides().rank() - 1];
      first = row.begin;
    } else {
      mix_row(row_ + row.begin * width, width, row, n, count);
    }
    const std::int32_t* places = plan_.places.data() + outputs.begin;
    const float* weights = plan_.weights.data() + outputs.begin;
    const auto terms = static_cast<std::size_t>(plan_.tables.back().most);
    const auto all = static_cast<std::size_t>(plan_.row_axis().outputs);
    const auto made = static_cast<std::size_t>(outputs.extent());
    if (together_)
      blend_.row({source, pixel, first, places, weights, terms, all}, to, step, made, n);
    else
      gather_.run(source, places, weights, terms, all, to, made);
  }

  void extrapolate(float* to, Dim step, const Range& outputs, std::size_t n, bool all) const {
    const ResizeRule& rule = plan_.rule;
    const bool crops = rule.coordinates == ResizeCoordinates::TfCropAndResize;
    if (!all && !crops && !rule.exclude_outside) return;
    const float value = crops ? static_cast<float>(plan_.resizing.extrapolation) : 0;
    for (Dim o = outputs.begin; o < outputs.end; ++o, to += step)
      if (all || plan_.tables.back().of(o).empty()) std::fill_n(to, n, value);
  }

  const ResizePlan& plan_;
  const BlendKernels& blend_;
  const GatherSumKernels& gather_;
  bool together_;
  const View& x_;
  float* row_ = nullptr;
  const float** from_ = nullptr;
  double* products_ = nullptr;
  float* weights_ = nullptr;
};

}  // namespace coverslip::inline v0::ops
