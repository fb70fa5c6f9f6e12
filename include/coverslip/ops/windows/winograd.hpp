// Winograd's convolution of a box: windows of 3 taps, stride 1, over the last two or three axes.
#pragma once
#include <cmath>
#include <optional>

#include "coverslip/ops/matrices/panels.hpp"
#include "coverslip/ops/windows/winograd_matrices.hpp"

namespace coverslip::inline v0::ops {

// Channels-last input and output; weights [panels][points][channels][width], or [points][panels][channels][width], of
// which the last panel may be narrower. Tiles begin at multiples of their size in the whole output.
class WinogradConv {
 public:
  struct Axis {
    Dim tile = 1, points = 1, before = 0, inputs = 1, outputs = 1;  // before: padding; inputs and outputs: of the map
    Dim tiles() const { return (outputs + tile - 1) / tile; }
  };
  std::array<Axis, 3> axes{};  // the first is none where the map has two
  std::size_t spatial = 2;     // axes of the map
  Dim channels = 0, outputs = 0;
  WinogradF32Kernels kernels{};
  WinogradTileF32 tile{};
  Epilogue epilogue{};

  Dim points() const { return static_cast<Dim>(tile.points()); }
  Dim lanes() const { return static_cast<Dim>(kernels.lanes); }
  Dim columns() const { return static_cast<Dim>(kernels.columns); }
  Dim padded() const { return (outputs + lanes() - 1) / lanes() * lanes(); }
  Dim panels() const { return (padded() + columns() - 1) / columns(); }
  Dim weight_floats() const { return points() * channels * padded(); }
  Dim tiles() const { return axes[0].tiles() * axes[1].tiles() * axes[2].tiles(); }  // of one sample

  // How tiles meet weights. Panel by panel: the points of a block of tiles lie in the L2 cache, and all weights come
  // from the outer one for each block. Point by point: of all panels at once, for so many tiles that these pass through
  // the outer cache as well, but weights come less often.
  struct Order {
    Dim tiles;  // of a block: whole groups
    bool by_point;
    double outer_floats;  // through the outer cache
  };
  std::optional<Order> given{};  // none: the one that moves less
  Order order(Dim samples) const {
    if (given) return *given;
    constexpr Dim kLeast = 24, kMostFloats = 2 << 20;
    const auto rows = static_cast<Dim>(kernels.rows);
    const Dim all = std::max<Dim>(samples, 1) * tiles(), values = points() * (channels + padded());
    const auto ordered = [&](Dim fit, Dim least, bool by_point) {
      const Dim groups = std::min(std::max(fit / rows, (least + rows - 1) / rows), (all + rows - 1) / rows);
      const double passes = std::ceil(static_cast<double>(all) / static_cast<double>(groups * rows));
      return Order{groups * rows, by_point,
                   passes * static_cast<double>(weight_floats()) +
                       (by_point ? 2 * static_cast<double>(all) * static_cast<double>(values) : 0)};
    };
    const auto cache = static_cast<Dim>(kernels.block_bytes) / 4;
    const Order by_panel = ordered(cache / (points() * (channels + columns())), kLeast, false);
    const Order by_point = ordered(kMostFloats / values, 1, true);
    return by_point.outer_floats < by_panel.outer_floats ? by_point : by_panel;
  }
  std::size_t scratch_bytes(Dim samples) const {
    const Order by = order(samples);
    const Dim groups = by.tiles / static_cast<Dim>(kernels.rows);
    return static_cast<std::size_t>(groups * (v_floats() + m_floats() * (by.by_point ? panels() : 1))) * sizeof(float);
  }

  void pack(const float* weights, float* packed, bool by_point) const {
    const WinogradTransforms transforms(tile.outputs);
    const auto taps = static_cast<Dim>(transforms.taps);
    std::vector<float> of_taps(static_cast<std::size_t>(taps * columns()));
    for (Dim first = 0; first < outputs; first += columns()) {
      const Dim width = std::min(columns(), padded() - first), held = std::min(width, outputs - first);
      float* const panel = packed + first * channels * (by_point ? 1 : points());
      WinogradWeightsF32 work{.taps = of_taps.data(),
                              .factors = {},
                              .width = static_cast<std::size_t>(width),
                              .u = nullptr,
                              .point_step = static_cast<std::size_t>(channels * (by_point ? padded() : width))};
      for (std::size_t axis = 0; axis < 3; ++axis) work.factors[axis] = transforms.weights[axis].at.data();
      std::ranges::fill(of_taps, 0.0f);
      for (Dim c = 0; c < channels; ++c) {
        for (Dim k = 0; k < held; ++k)
          for (Dim t = 0; t < taps; ++t)
            of_taps[static_cast<std::size_t>(t * width + k)] = weights[((first + k) * channels + c) * taps + t];
        work.u = panel + c * width;
        tile.weights(work);
      }
    }
  }

  // `weights` and `bias` are packed; bias and init may be null.
  void run(const View& x, const float* weights, const float* bias, const View* init, View& y, const Box& box,
           std::byte* scratch, Dim samples) const {
    const Tiles all(*this, box);
    const Place<const float> from(*this, x), add = init != nullptr ? Place<const float>(*this, *init) : from;
    const Place<float> to(*this, y);
    const auto rows = static_cast<Dim>(kernels.rows);
    const Order by = order(samples);
    const Dim blocks = (all.count + by.tiles - 1) / by.tiles, each = by.tiles / rows;
    const Range wanted{box[1].begin / columns(), (box[1].end + columns() - 1) / columns()};
    float* const v = reinterpret_cast<float*>(scratch);
    float* const m = v + each * v_floats();
    for (Dim block = 0; block < blocks; ++block) {
      const Dim first = all.count * block / blocks;
      const Group group(all.count * (block + 1) / blocks - first, rows);
      const Spot begin = all.at(first);
      group.for_each([&](Dim g, Dim row, const Spot& spot) { forward(from, spot, v + g * v_floats() + row * lanes()); },
                     all, begin);
      const auto multiply = [&](Dim panel, Range at, float* made) {
        const Dim k = panel * columns(), width = std::min(columns(), padded() - k);
        const Dim u = by.by_point ? at.begin * padded() + k : k * points() + at.begin * width;
        kernels.product({.v = v + at.begin * rows * lanes(),
                         .u = weights + u * channels,
                         .m = made + at.begin * rows * width,
                         .tiles = static_cast<std::size_t>(group.tiles),
                         .groups = static_cast<std::size_t>(group.groups),
                         .points = tile.points(),
                         .wanted = static_cast<std::size_t>(at.extent()),
                         .channels = static_cast<std::size_t>(channels),
                         .width = static_cast<std::size_t>(width)});
      };
      const auto write = [&](Dim panel, const float* made) {
        const Dim k = panel * columns(), width = std::min(columns(), padded() - k);
        WinogradBackF32 out{};
        out.width = static_cast<std::size_t>(width);
        out.columns = static_cast<std::size_t>(std::min(width, box[1].end - k));
        out.bias = bias != nullptr ? bias + k : nullptr;
        out.epilogue = epilogue;
        out.strides = to.along();
        if (init != nullptr) out.init_strides = add.along();
        const auto one = [&](Dim g, Dim row, const Spot& spot) {
          out.m = made + (g * points() * rows + row) * width;
          back(to, init != nullptr ? &add : nullptr, spot, k, box, out);
        };
        group.for_each(one, all, begin);
      };
      const auto place_of = [&](Dim panel) { return m + (by.by_point ? panel - wanted.begin : 0) * each * m_floats(); };
      if (by.by_point)
        for (Dim point = 0; point < points(); ++point)
          for (Dim panel = wanted.begin; panel < wanted.end; ++panel)
            multiply(panel, {point, point + 1}, place_of(panel));
      for (Dim panel = wanted.begin; panel < wanted.end; ++panel) {
        if (!by.by_point) multiply(panel, {0, points()}, m);
        write(panel, place_of(panel));
      }
    }
  }

 private:
  using Spot = std::array<Dim, 4>;  // sample, then tile or pixel along each axis

  // Of a group: its part of V and of M.
  Dim v_floats() const {
    return (channels + lanes() - 1) / lanes() * points() * static_cast<Dim>(kernels.rows * kernels.lanes);
  }
  Dim m_floats() const { return points() * static_cast<Dim>(kernels.rows * kernels.columns); }

  // The tiles of a box, last axis fastest.
  struct Tiles {
    Tiles(const WinogradConv& conv, const Box& box) {
      const std::size_t absent = 3 - conv.spatial;
      first[0] = box[0].begin;
      count = box[0].extent();
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const Range range = axis < absent ? Range{0, 1} : box[axis - absent + 2];
        first[axis + 1] = range.begin / conv.axes[axis].tile;
        along[axis] = (range.end + conv.axes[axis].tile - 1) / conv.axes[axis].tile - first[axis + 1];
        count *= along[axis];
      }
    }
    Spot at(Dim i) const {
      Spot spot = first;
      for (std::size_t axis = 3; axis-- > 0; i /= along[axis]) spot[axis + 1] += i % along[axis];
      spot[0] += i;
      return spot;
    }
    void advance(Spot& spot) const {
      for (std::size_t axis = 3; axis > 0; --axis) {
        if (++spot[axis] < first[axis] + along[axis - 1]) return;
        spot[axis] = first[axis];
      }
      ++spot[0];
    }
    Spot first{};
    std::array<Dim, 3> along{};
    Dim count = 0;
  };

  // Tiles in groups of nearly the same size.
  struct Group {
    Group(Dim n, Dim rows) : tiles(n), groups((n + rows - 1) / rows), each(n / groups), small(groups - n % groups) {}
    // Calls f(group, row, tile) for all tiles from `spot` on.
    template <class F>
    void for_each(const F& f, const Tiles& all, Spot spot) const {
      for (Dim g = 0; g < groups; ++g)
        for (Dim row = 0, end = each + (g < small ? 0 : 1); row < end; ++row, all.advance(spot)) f(g, row, spot);
    }
    Dim tiles, groups, each, small;
  };

  // Where the pixels of a view lie.
  template <class T>
  struct Place {
    template <class AnyView>
    Place(const WinogradConv& conv, AnyView& view) {
      const std::size_t absent = 3 - conv.spatial;
      if (view.shape().elements() > 0) first = view.template as<float>(view.origin());
      channel = view.origin()[1];
      strides[0] = view.strides()[0];
      origin[0] = view.origin()[0];
      for (std::size_t axis = absent; axis < 3; ++axis) {
        strides[axis + 1] = view.strides()[axis - absent + 2];
        origin[axis + 1] = view.origin()[axis - absent + 2];
      }
    }
    T* at(Dim sample, Dim c) const { return first + (c - channel) + (sample - origin[0]) * strides[0]; }
    Dim offset(std::size_t axis, Dim pixel) const { return (pixel - origin[axis + 1]) * strides[axis + 1]; }
    std::array<std::ptrdiff_t, 3> along() const { return {strides[1], strides[2], strides[3]}; }
    T* first = nullptr;
    Dim channel = 0;
    Spot strides{}, origin{};
  };

  // Spots are read number by number and never copied: a copy in vectors would wait until the stores before it, those of
  // the tile before among them, have reached the cache.
  void forward(const Place<const float>& from, const Spot& spot, float* v) const {
    WinogradForwardF32 in{};
    in.strides = from.along();
    in.channels = static_cast<std::size_t>(channels);
    in.v = v;
    bool held = true;
    Dim offset = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const Axis& axis = axes[i];
      const Dim first = spot[i + 1] * axis.tile - axis.before;
      const Dim begin = std::clamp<Dim>(-first, 0, axis.points);
      const Dim end = std::clamp<Dim>(axis.inputs - first, begin, axis.points);
      in.begin[i] = static_cast<std::size_t>(begin);
      in.end[i] = static_cast<std::size_t>(end);
      offset += from.offset(i, first + begin);
      held = held && begin < end;
    }
    if (held) in.x = from.at(spot[0], 0) + offset;
    tile.forward(in);
  }

  void back(const Place<float>& to, const Place<const float>* add, const Spot& spot, Dim k, const Box& box,
            WinogradBackF32& out) const {
    const std::size_t absent = 3 - spatial;
    Dim offset = 0, init_offset = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const Dim first = spot[i + 1] * axes[i].tile, end = i < absent ? 1 : box[i - absent + 2].end;
      out.outputs[i] = static_cast<std::size_t>(std::min(axes[i].tile, end - first));
      offset += to.offset(i, first);
      if (add != nullptr) init_offset += add->offset(i, first);
    }
    out.y = to.at(spot[0], k) + offset;
    if (add != nullptr) out.init = add->at(spot[0], k) + init_offset;
    tile.back(out);
  }
};

// What the roundings of such a convolution are measured by: all factors as magnitudes. It is more than the sum of the
// terms' magnitudes, because the outputs of a tile share their products.
inline void winograd_magnitudes(const WinogradConv& conv, const Node& node, Inputs in, Outputs out) {
  const WinogradTransforms m = WinogradTransforms(conv.tile.outputs).magnitudes();
  const View &x = in[0], &w = in[1];
  const std::size_t absent = 3 - conv.spatial, points = conv.tile.points();
  const auto channels = static_cast<std::size_t>(conv.channels);
  const auto place = [&](std::array<Dim, 2> head, std::array<Dim, 3> spot) {
    Index at{head[0], head[1]};
    for (std::size_t axis = absent; axis < 3; ++axis) at.push_back(spot[axis]);
    return at;
  };
  const auto magnitude = [](const View& view, const Index& at) { return std::abs(double{*view.as<float>(at)}); };
  std::vector<std::vector<double>> weights;  // [k][points][channels]
  std::vector<double> v, other, sums;
  const auto box = [](Dim d, Dim h, Dim l) { return Box(Shape{d, h, l}); };
  const auto dims = [](const std::array<WinogradMatrix, 3>& a, std::size_t i) {
    return static_cast<Dim>(a[i].columns);
  };
  for (Dim k = 0; k < conv.outputs; ++k) {
    v.clear();
    for_each(box(dims(m.weights, 0), dims(m.weights, 1), dims(m.weights, 2)), [&](const Index& t) {
      for (Dim c = 0; c < conv.channels; ++c) v.push_back(magnitude(w, place({k, c}, {t[0], t[1], t[2]})));
    });
    multiply_axes(m.weights, v, other, channels);
    weights.push_back(v);
  }
  const auto& axes = conv.axes;
  Box tiles = box(axes[0].tiles(), axes[1].tiles(), axes[2].tiles());
  tiles.push_back({0, x.shape()[0]});
  for_each(tiles, [&](const Index& t) {
    v.clear();
    const auto pixel = [&](const Index& i, std::size_t axis) { return t[axis] * axes[axis].tile + i[axis]; };
    for_each(box(axes[0].points, axes[1].points, axes[2].points), [&](const Index& i) {
      std::array<Dim, 3> spot{};
      for (std::size_t axis = 0; axis < 3; ++axis) spot[axis] = pixel(i, axis) - axes[axis].before;
      for (Dim c = 0; c < conv.channels; ++c) {
        const Index at = place({t[3], c}, spot);
        v.push_back(x.held().contains(at) ? magnitude(x, at) : 0.0);
      }
    });
    multiply_axes(m.forward, v, other, channels);
    for (Dim k = 0; k < conv.outputs; ++k) {
      sums.assign(points, 0.0);
      for (std::size_t i = 0; i < v.size(); ++i) sums[i / channels] += v[i] * weights[static_cast<std::size_t>(k)][i];
      multiply_axes(m.back, sums, other, 1);
      std::size_t next = 0;
      for_each(box(axes[0].tile, axes[1].tile, axes[2].tile), [&](const Index& i) {
        double sum = sums[next++];
        const Index y = place({t[3], k}, {pixel(i, 0), pixel(i, 1), pixel(i, 2)});
        if (!out[0].held().contains(y)) return;
        if (node.has(2)) sum += magnitude(in[2], {k});
        if (node.has(3)) sum += magnitude(in[3], y);
        *out[0].as<float>(y) = static_cast<float>(sum);
      });
    }
  });
}

}  // namespace coverslip::inline v0::ops
