// GridSample: X [N,C,...] at the places of a grid [N,...,d], over any number of spatial axes; fast for one to three.
#pragma once
#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/grid_axis.hpp"
#include "coverslip/ops/windows/in_f32.hpp"

namespace coverslip::inline v0::ops {

inline constexpr std::size_t kMostGridAxes = kMaxRank - 2;

struct GridSampling {
  std::size_t axes = 0;
  GridMode mode = GridMode::Linear;
  std::array<GridAxis, kMostGridAxes> along{};

  GridSampling(const Node& node, const Shape& x) {
    constexpr std::pair<std::string_view, GridMode> kModes[] = {{"linear", GridMode::Linear},
                                                                {"bilinear", GridMode::Linear},
                                                                {"nearest", GridMode::Nearest},
                                                                {"cubic", GridMode::Cubic},
                                                                {"bicubic", GridMode::Cubic}};
    constexpr std::pair<std::string_view, GridPadding> kPaddings[] = {
        {"zeros", GridPadding::Zeros}, {"border", GridPadding::Border}, {"reflection", GridPadding::Reflection}};
    const auto pick = [&](const char* key, const char* fallback, const auto& rows) {
      const auto name = node.attr(key, std::string(fallback));
      for (const auto& [known, value] : rows)
        if (known == name) return value;
      throw Error(Errc::BadModel, node.label(), "attribute '", key, "' is '", name, "'");
    };
    if (x.rank() < 3) throw Error(Errc::BadShape, node.label(), "input is ", x, ", N x C x ... wanted");
    axes = x.rank() - 2;
    mode = pick("mode", "linear", kModes);
    for (std::size_t i = 0; i < axes; ++i)
      along[i] = {x[i + 2], mode, pick("padding_mode", "zeros", kPaddings), node.attr<Dim>("align_corners", 0) != 0};
  }
  std::size_t most_corners() const {
    std::size_t n = 1;
    for (std::size_t i = 0; i < axes; ++i) n *= along[i].most_taps();
    return n;
  }
  // Of one place of the grid, whose coordinates count from the last axis.
  std::array<GridTaps, kMostGridAxes> taps(const float* coordinates) const {
    std::array<GridTaps, kMostGridAxes> all;
    for (std::size_t i = 0; i < axes; ++i) all[i] = along[i].of_normalized(coordinates[axes - 1 - i]);
    return all;
  }
};

inline Types grid_sample_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 2);
  const Shape &x = in[0].shape, &grid = in[1].shape;
  const GridSampling sampling(node, x);
  if (sampling.mode != GridMode::Nearest) want_types(node, in, 0, kFloats);
  want_types(node, in, 1, kFloats);
  if (grid.rank() != x.rank() || grid[0] != x[0] || grid[grid.rank() - 1] != static_cast<Dim>(sampling.axes))
    throw Error(Errc::BadShape, node.label(), "grid is ", grid, ", ", x[0], " x ... x ", sampling.axes, " wanted");
  Shape y{x[0], x[1]};
  for (std::size_t i = 0; i < sampling.axes; ++i) y.push_back(grid[i + 1]);
  y.elements();
  return {{in[0].dtype, y}};
}

// The places of the grid, as a box of it, for a box of the output.
inline Box grid_box(const Box& y) {
  Box grid{y[0]};
  for (std::size_t axis = 2; axis < y.rank(); ++axis) grid.push_back(y[axis]);
  grid.push_back({0, static_cast<Dim>(y.rank()) - 2});
  return grid;
}

inline std::vector<Box> grid_sample_needed(const Node&, const Types& in, const Box& y) {
  Box x(in[0].shape);
  x[0] = y[0];
  x[1] = y[1];
  return {x, grid_box(y)};
}

template <bool kMagnitudes>
void grid_sample(const Node& node, Inputs in, Outputs out) {
  const GridSampling sampling(node, in[0].shape());
  const std::size_t size = size_of(out[0].dtype());
  for_each(out[0].held(), [&](const Index& at) {
    std::array<GridTaps, kMostGridAxes> taps;
    Index grid{at[0]};
    for (std::size_t i = 0; i < sampling.axes; ++i) grid.push_back(at[i + 2]);
    grid.push_back(0);
    Box corners(sampling.axes, Range{});
    for (std::size_t i = 0; i < sampling.axes; ++i) {
      grid[sampling.axes + 1] = static_cast<Dim>(sampling.axes - 1 - i);
      taps[i] = sampling.along[i].of_normalized(*in[1].as<float>(grid));
      corners[i].end = static_cast<Dim>(taps[i].count);
    }
    double sum = 0;
    if (sampling.mode == GridMode::Nearest) std::memset(out[0].at(at), 0, size);
    for_each(corners, [&](const Index& corner) {
      Index x = at;
      double weight = 1;
      for (std::size_t i = 0; i < sampling.axes; ++i) {
        const auto tap = static_cast<std::size_t>(corner[i]);
        x[i + 2] = taps[i].places[tap];
        weight *= taps[i].weights[tap];
      }
      if (sampling.mode == GridMode::Nearest) {
        std::memcpy(out[0].at(at), in[0].at(x), size);
        return;
      }
      const double term = weight * double{*in[0].as<float>(x)};
      sum += kMagnitudes ? std::abs(term) : term;
    });
    if (sampling.mode != GridMode::Nearest) *out[0].as<float>(at) = static_cast<float>(sum);
  });
}

inline constexpr std::size_t kGridBlock = 64;  // places whose corners are worked out before the channels are sampled

// The corners of a block of samples, in scratch: offsets from the first element of a map, and weights.
class GridBlock {
 public:
  static std::size_t bytes(const GridSampling& sampling) {
    return sampling.most_corners() *
           (kGridBlock * (sizeof(std::int32_t) + sizeof(float)) + sizeof(float*) + sizeof(float));
  }

  GridBlock(const GridSampling& sampling, const GridCornersKernels& kernels, const View& x, std::byte* scratch)
      : corners(sampling.most_corners()),
        from(reinterpret_cast<const float**>(scratch)),
        places(reinterpret_cast<std::int32_t*>(from + corners)),
        weights(reinterpret_cast<float*>(places + corners * kGridBlock)),
        mixed(weights + corners * kGridBlock),
        sampling_(sampling),
        strides_(x.strides()) {
    bool vectors = sampling.mode != GridMode::Cubic && sampling.axes <= lines_.size();
    for (std::size_t i = 0; i < sampling.axes && vectors; ++i) {
      const GridAxis& axis = sampling.along[i];
      lines_[i] = {static_cast<std::int32_t>(axis.inputs), static_cast<std::int32_t>(strides_[i + 2]),
                   axis.align_corners, axis.padding == GridPadding::Border};
      vectors = axis.padding != GridPadding::Reflection && axis.inputs > 0;
    }
    if (vectors) run_ = sampling.mode == GridMode::Nearest ? kernels.nearest : kernels.linear;
  }

  void fill(const float* coordinates, Dim step, std::size_t n) {
    if (run_ != nullptr) return run_(coordinates, step, lines_.data(), sampling_.axes, n, places, weights, kGridBlock);
    for (std::size_t i = 0; i < n; ++i, coordinates += step) {
      const auto taps = sampling_.taps(coordinates);
      std::size_t k = for_each_corner(std::span(taps).first(sampling_.axes), strides_.begin() + 2,
                                      [&](std::size_t corner, Dim offset, double weight) {
                                        places[corner * kGridBlock + i] = static_cast<std::int32_t>(offset);
                                        weights[corner * kGridBlock + i] = static_cast<float>(weight);
                                      });
      for (; k < corners; ++k) {
        places[k * kGridBlock + i] = 0;
        weights[k * kGridBlock + i] = 0;
      }
    }
  }

  // The corners of sample i that count, as `from` and `mixed`. Says how many.
  std::size_t corners_of(std::size_t i, const float* first) {
    std::size_t count = 0;
    for (std::size_t k = 0; k < corners; ++k) {
      if (weights[k * kGridBlock + i] == 0) continue;
      from[count] = first + places[k * kGridBlock + i];
      mixed[count++] = weights[k * kGridBlock + i];
    }
    return count;
  }

  const std::size_t corners;
  const float** const from;
  std::int32_t* const places;
  float* const weights;
  float* const mixed;

 private:
  const GridSampling& sampling_;
  const Index strides_;
  std::array<GridLine, 3> lines_{};
  GridCornersKernels::Run run_ = nullptr;  // null: one sample at a time
};

// Calls f(first output of a block, coordinates of the grid, step to the next ones, samples).
template <class F>
void for_each_grid_block(const View& grid, const Box& box, const F& f) {
  if (box.shape().elements() == 0) return;
  const std::size_t last = box.rank() - 1;
  Box rows = box;
  rows[1].end = rows[1].begin + 1;
  rows[last].end = rows[last].begin + 1;
  for_each(rows, [&](const Index& row) {
    Index place{row[0]}, at = row;
    for (std::size_t axis = 2; axis < at.rank(); ++axis) place.push_back(at[axis]);
    place.push_back(0);
    const float* coordinates = grid.as<float>(place);
    const Dim step = grid.strides()[last - 1];
    while (at[last] < box[last].end) {
      const Dim n = std::min(static_cast<Dim>(kGridBlock), box[last].end - at[last]);
      f(std::as_const(at), coordinates, step, static_cast<std::size_t>(n));
      at[last] += n;
      coordinates += n * step;
    }
  });
}

inline void run_grid_sample(const GridSampling& sampling, bool together, const KernelTable& kernels, const View& x,
                            const View& grid, View& y, const Box& box, std::byte* scratch) {
  GridBlock block(sampling, kernels.grid_corners, x, scratch);
  const std::size_t last = box.rank() - 1;
  const bool empty = x.shape().elements() == 0;
  const auto channels = static_cast<std::size_t>(box[1].extent());
  for_each_grid_block(grid, box, [&](const Index& first, const float* coordinates, Dim step, std::size_t n) {
    Index at = first, map(first.rank(), 0);
    map[0] = first[0];
    map[1] = first[1];
    if (!empty) block.fill(coordinates, step, n);
    if (!together) {
      for (Dim c = box[1].begin; c < box[1].end; ++c) {
        at[1] = map[1] = c;
        if (empty)
          std::fill_n(y.as<float>(at), n, 0.0f);
        else
          kernels.gather_sum.run(x.as<float>(map), block.places, block.weights, block.corners, kGridBlock,
                                 y.as<float>(at), n);
      }
      return;
    }
    float* to = y.as<float>(at);
    for (std::size_t i = 0; i < n; ++i, to += y.strides()[last]) {
      const std::size_t count = empty ? 0 : block.corners_of(i, x.as<float>(map));
      if (count > 0)
        kernels.blend.run(block.from, block.mixed, count, to, channels);
      else
        std::fill_n(to, channels, 0.0f);
    }
  });
}

inline std::vector<Step> plan_grid_sample(const Node& node, const Types& in, Constants constants,
                                          const PlanContext& context) {
  constexpr Dim kMostPlaces = 1 << 28;  // among which places are counted: these are 32 bits wide
  const GridSampling sampling(node, in[0].shape);
  const TensorType type = grid_sample_type(node, in, constants)[0];
  Dim plane = 1;
  for (std::size_t axis = 2; axis < in[0].shape.rank(); ++axis) plane *= in[0].shape[axis];
  if (sampling.axes > 3 || in[0].dtype != DType::f32 || in[1].dtype != DType::f32 || plane > kMostPlaces) return {};
  const auto corners = static_cast<double>(sampling.most_corners());
  const double elements = static_cast<double>(type.shape.elements()),
               places = elements / static_cast<double>(std::max<Dim>(type.shape[1], 1));
  std::vector<Step> candidates;
  const bool vectors = sampling.mode != GridMode::Cubic && sampling.along[0].padding != GridPadding::Reflection;
  for (const Layout layout : kLayouts) {
    const bool together = layout == Layout::ChannelsLast;
    if (together && plane > kMostPlaces / std::max<Dim>(type.shape[1], 1)) continue;
    candidates.push_back({.kernel = "grid_sample",
                          .inputs = {{layout}, {Layout::Planar}},
                          .outputs = {layout},
                          .cuts = any_axis(type.shape.rank()),
                          .scratch_bytes = GridBlock::bytes(sampling),
                          .nanoseconds = pass_nanoseconds(type.bytes() + in[1].bytes()) +
                                         places * corners * (vectors ? 0.3 : 4) + (together ? 10 * places : 0) +
                                         elements * corners / (together ? 8 : 3),
                          .run = [sampling, together, kernels = &context.kernels](Inputs x, Outputs y, const Box& box,
                                                                                  std::byte* scratch) {
                            run_grid_sample(sampling, together, *kernels, x[0], x[1], y[0], box, scratch);
                          }});
  }
  return candidates;
}

// The weight of each corner is a rounded product of rounded ones; then its product and the sum are, and the reference.
inline double grid_sample_tolerance(const Node& node, const Types& in) {
  const GridSampling sampling(node, in[0].shape);
  return sampling.mode == GridMode::Nearest
             ? 0
             : static_cast<double>(sampling.most_corners() + 2 * sampling.axes + 2) * 0x1p-24;
}

inline std::vector<Case> grid_sample_cases() {
  std::vector<Case> cases;
  for (const char* mode : {"linear", "nearest", "cubic"})
    for (const char* padding : {"zeros", "border", "reflection"})
      for (const Dim align : {0, 1}) {
        const Attributes attributes{
            {"mode", std::string(mode)}, {"padding_mode", std::string(padding)}, {"align_corners", align}};
        const std::pair<Shape, Shape> shapes[] = {{{2, 17, 5, 4}, {2, 3, 5, 2}},
                                                  {{1, 1, 3, 4}, {1, 1, 67, 2}},
                                                  {{1, 3, 7}, {1, 19, 1}},
                                                  {{1, 2, 3, 4, 5}, {1, 2, 3, 9, 3}},
                                                  {{1, 2, 1, 1}, {1, 2, 2, 2}}};
        for (const auto& [x, grid] : shapes) cases.push_back({"GridSample", attributes, {data(x), data(grid)}});
      }
  cases.push_back({"GridSample", {}, {data({1, 0, 3, 4}), data({1, 2, 2, 2})}});
  cases.push_back({"GridSample", {}, {data({1, 2, 0, 4}), data({1, 2, 2, 2})}});
  cases.push_back({"GridSample", {}, {data(TensorType{DType::f16, {1, 2, 3, 4}}), data({1, 2, 2, 2})}});
  cases.push_back({"GridSample",
                   {{"mode", std::string("nearest")}},
                   {data(TensorType{DType::u8, {1, 2, 3, 4}}), data(TensorType{DType::f16, {1, 2, 2, 2}})}});
  cases.push_back({"GridSample", {}, {data({1, 64, 56, 56}), data({1, 56, 56, 2})}, true});
  cases.push_back({"GridSample", {}, {data({1, 1, 64, 64, 64}), data({1, 64, 64, 64, 3})}, true});
  return cases;
}

inline constexpr OpDef kGridSample[] = {
    {.name = "GridSample",
     .infer = grid_sample_type,
     .needed = grid_sample_needed,
     .reference = in_f32<grid_sample<false>>,
     .plan = plan_grid_sample,
     .tolerance = grid_sample_tolerance,
     .magnitudes = in_f32<grid_sample<true>>,
     .cases = grid_sample_cases,
     .expand = planned_in_f32<grid_sample_type>},
};

}  // namespace coverslip::inline v0::ops
