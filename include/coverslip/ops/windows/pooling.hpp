// The windows of a pooling operator, and what lies in each.
#pragma once
#include <array>

#include "coverslip/ops/windows/window.hpp"

namespace coverslip::inline v0::ops {

// The windows of the spatial axes.
struct Pooling {
  std::size_t axes = 0;
  std::array<Window, kMaxRank - 2> windows{};
  Shape input;
  bool count_padding = false;

  Pooling(const Node& node, const Shape& x) : axes(x.rank() < 3 ? 0 : x.rank() - 2), input(x) {
    if (axes == 0) throw Error(Errc::BadShape, node.label(), "input is ", x, ", N x C x ... wanted");
    const auto kernel = node.attr("kernel_shape", std::vector<Dim>());
    if (kernel.size() != axes)
      throw Error(Errc::BadModel, node.label(), "kernel_shape has ", kernel.size(), " numbers, input ", x, " wants ",
                  axes);
    for (std::size_t i = 0; i < axes; ++i) {
      windows[i] = window_of(node, i, axes, kernel[i], x[i + 2]);
      windows[i].ceil = node.attr<Dim>("ceil_mode", 0) != 0;
    }
    count_padding = node.attr<Dim>("count_include_pad", 0) != 0;
  }

  Shape output(const Node& node) const {
    Shape y = input;
    for (std::size_t i = 0; i < axes; ++i) {
      y[i + 2] = windows[i].outputs(input[i + 2]);
      if (y[i + 2] < 1)
        throw Error(Errc::BadShape, node.label(), "the window reaches over ", windows[i].reach(), " elements of axis ",
                    i + 2, ", the padded input ", input, " has fewer");
    }
    return y;
  }
  Box needed(const Box& y) const {
    Box x = y;
    for (std::size_t i = 0; i < axes; ++i) x[i + 2] = windows[i].needed(y[i + 2], input[i + 2]);
    return x;
  }
  Range inside(std::size_t i, Dim output) const { return windows[i].inside(output, input[i + 2]); }
  // What an average along spatial axis i is divided by: padding may count, what ceil_mode adds beyond it never does.
  Dim counted(std::size_t i, Dim output) const {
    const Window& w = windows[i];
    if (!count_padding) return inside(i, output).extent();
    const Dim room = input[i + 2] + w.after - w.place(output, 0);
    return std::min(w.taps, (room + w.dilation - 1) / w.dilation);
  }
  Dim terms() const {
    Dim n = 1;
    for (std::size_t i = 0; i < axes; ++i) n = std::min<Dim>(n * windows[i].taps, Dim{1} << 40);
    return n;
  }
};

// Calls f(place in the input) for each tap of a window that lies inside, last axis fastest.
template <class F>
void for_each_tap(const Pooling& pooling, const Index& y, const F& f) {
  Box taps(pooling.axes, Range{});
  for (std::size_t i = 0; i < pooling.axes; ++i) taps[i] = pooling.inside(i, y[i + 2]);
  for_each(taps, [&](const Index& tap) {
    Index x = y;
    for (std::size_t i = 0; i < pooling.axes; ++i) x[i + 2] = pooling.windows[i].place(y[i + 2], tap[i]);
    f(x);
  });
}

}  // namespace coverslip::inline v0::ops
