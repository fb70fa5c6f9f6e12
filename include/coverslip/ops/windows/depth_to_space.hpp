// DepthToSpace and SpaceToDepth: channels become blocks of places, and back.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"

namespace coverslip::inline v0::ops {

// The deep value has a channel for each place of a block of the wide one.
struct Blocks {
  Dim size = 1, places = 1, channels = 0;  // channels: of the wide value
  bool channel_first = false;              // CRD: the places of a channel follow each other

  Blocks(const Node& node, const Shape& x) : size(node.attr<Dim>("blocksize", 0)) {
    constexpr Dim kMost = 1 << 10;
    const auto mode = node.attr("mode", std::string("DCR"));
    if (size < 1 || size > kMost)
      throw Error(Errc::BadModel, node.label(), "attribute 'blocksize' is ", size, ", wants 1 to ", kMost);
    if (mode != "DCR" && mode != "CRD")
      throw Error(Errc::BadModel, node.label(), "mode '", mode, "': wants DCR or CRD");
    if (x.rank() < 3 || x.rank() > 5)
      throw Error(Errc::BadShape, node.label(), "input is ", x, ", N x C x ... with one to three more axes wanted");
    for (std::size_t axis = 2; axis < x.rank(); ++axis) places *= size;
    channels = node.op == "DepthToSpace" ? x[1] / places : x[1];
    channel_first = mode == "CRD";
  }
  Dim depth(Dim channel, Dim place) const {
    return channel_first ? channel * places + place : place * channels + channel;
  }
  Dim step() const { return channel_first ? places : 1; }  // from a channel to the next, of the same place
  // Calls f(place, its coordinates in the block), the last axis fastest.
  template <class F>
  void for_each_place(std::size_t axes, const F& f) const {
    Dim place = 0;
    for_each(Box(Shape(axes, size)), [&](const Index& at) { f(place++, at); });
  }
};

inline Types depth_to_space_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  const Blocks blocks(node, in[0].shape);
  Shape y = in[0].shape;
  if (y[1] % blocks.places != 0)
    throw Error(Errc::BadShape, node.label(), "input is ", y, ", a multiple of ", blocks.places, " channels wanted");
  y[1] /= blocks.places;
  for (std::size_t axis = 2; axis < y.rank(); ++axis) y[axis] *= blocks.size;
  return {{in[0].dtype, y}};
}

inline Types space_to_depth_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 1, 1);
  const Blocks blocks(node, in[0].shape);
  Shape y = in[0].shape;
  y[1] *= blocks.places;
  for (std::size_t axis = 2; axis < y.rank(); ++axis) {
    if (y[axis] % blocks.size != 0)
      throw Error(Errc::BadShape, node.label(), "input is ", y, ", wants a multiple of ", blocks.size, " along axis ",
                  axis);
    y[axis] /= blocks.size;
  }
  y.elements();
  return {{in[0].dtype, y}};
}

inline std::vector<Box> depth_to_space_needed(const Node& node, const Types& in, const Box& y) {
  const Blocks blocks(node, in[0].shape);
  Box x = y;
  if (y[1].extent() > 0) x[1] = {blocks.depth(y[1].begin, 0), blocks.depth(y[1].end - 1, blocks.places - 1) + 1};
  for (std::size_t axis = 2; axis < x.rank(); ++axis)
    x[axis] = {y[axis].begin / blocks.size, (y[axis].end + blocks.size - 1) / blocks.size};
  return {x};
}

inline std::vector<Box> space_to_depth_needed(const Node& node, const Types& in, const Box& y) {
  const Blocks blocks(node, in[0].shape);
  Box x = y;
  x[1] = {0, in[0].shape[1]};
  for (std::size_t axis = 2; axis < x.rank(); ++axis)
    x[axis] = {y[axis].begin * blocks.size, y[axis].end * blocks.size};
  return {x};
}

// Calls f(element of the deep value, the same element of the wide one).
template <class F>
void for_each_depth(const Blocks& blocks, const Box& wide, const F& f) {
  for_each(wide, [&](const Index& at) {
    Index deep = at;
    Dim place = 0;
    for (std::size_t axis = 2; axis < at.rank(); ++axis) {
      place = place * blocks.size + at[axis] % blocks.size;
      deep[axis] = at[axis] / blocks.size;
    }
    deep[1] = blocks.depth(at[1], place);
    f(deep, at);
  });
}

inline void depth_to_space(const Node& node, Inputs in, Outputs out) {
  const std::size_t size = size_of(out[0].dtype());
  for_each_depth(Blocks(node, in[0].shape()), out[0].held(),
                 [&](const Index& x, const Index& y) { std::memcpy(out[0].at(y), in[0].at(x), size); });
}

inline void space_to_depth(const Node& node, Inputs in, Outputs out) {
  const std::size_t size = size_of(out[0].dtype());
  for_each_depth(Blocks(node, in[0].shape()), in[0].held(),
                 [&](const Index& y, const Index& x) { std::memcpy(out[0].at(y), in[0].at(x), size); });
}

// The places of a block one after the other. `deep` is a box of the deep value, `channels` of the wide one.
template <class Move>
void for_each_place_of(const Blocks& blocks, const Box& deep, const Range& channels, const Move& move) {
  Box part = deep;
  part[1] = channels;
  if (part.shape().elements() == 0) return;
  blocks.for_each_place(deep.rank() - 2, [&](Dim place, const Index& offset) {
    Index from = part.origin(), to = part.origin();
    from[1] = blocks.depth(channels.begin, place);
    for (std::size_t axis = 2; axis < to.rank(); ++axis) to[axis] = to[axis] * blocks.size + offset[axis - 2];
    move(from, to, part.shape());
  });
}

inline Index deep_strides(const Blocks& blocks, Index strides) {
  strides[1] *= blocks.step();
  return strides;
}
inline Index wide_strides(const Blocks& blocks, Index strides) {
  for (std::size_t axis = 2; axis < strides.rank(); ++axis) strides[axis] *= blocks.size;
  return strides;
}

inline std::vector<Step> plan_depth_to_space(const Node& node, const Types& in, Constants constants,
                                             const PlanContext& context) {
  const Blocks blocks(node, in[0].shape);
  const TensorType type = depth_to_space_type(node, in, constants)[0];
  Step step{.kernel = "depth_to_space",
            .cuts = {{0}},
            .nanoseconds = kScatterSlowdown * pass_nanoseconds(2 * type.bytes()),
            .run = [blocks, kernels = context.kernels.transpose](Inputs x, Outputs y, const Box& box, std::byte*) {
              const Index from = deep_strides(blocks, x[0].strides()), to = wide_strides(blocks, y[0].strides());
              Box deep = box;
              for (std::size_t axis = 2; axis < box.rank(); ++axis)
                deep[axis] = {box[axis].begin / blocks.size, box[axis].end / blocks.size};
              for_each_place_of(
                  blocks, deep, box[1], [&](const Index& at_deep, const Index& at_wide, const Shape& extents) {
                    move_elements(y[0].dtype(), x[0].at(at_deep), from, y[0].at(at_wide), to, extents, kernels);
                  });
            }};
  for (std::size_t axis = 2; axis < type.shape.rank(); ++axis) step.cuts.push_back({axis, blocks.size});
  step.cuts.push_back({1});
  return in_each_layout(1, 1, std::move(step));
}

inline std::vector<Step> plan_space_to_depth(const Node& node, const Types& in, Constants constants,
                                             const PlanContext& context) {
  const Blocks blocks(node, in[0].shape);
  const TensorType type = space_to_depth_type(node, in, constants)[0];
  Step step{.kernel = "space_to_depth",
            .cuts = {{0}},
            .nanoseconds = kScatterSlowdown * pass_nanoseconds(2 * type.bytes()),
            .run = [blocks, kernels = context.kernels.transpose](Inputs x, Outputs y, const Box& box, std::byte*) {
              const Index from = wide_strides(blocks, x[0].strides()), to = deep_strides(blocks, y[0].strides());
              for_each_place_of(blocks, box, {0, blocks.channels},
                                [&](const Index& at_deep, const Index& at_wide, const Shape& extents) {
                                  move_elements(y[0].dtype(), x[0].at(at_wide), from, y[0].at(at_deep), to, extents,
                                                kernels);
                                });
            }};
  for (std::size_t axis = 2; axis < type.shape.rank(); ++axis) step.cuts.push_back({axis});
  return in_each_layout(1, 1, std::move(step));
}

inline std::vector<Case> block_cases(std::string_view op, const std::vector<TensorType>& inputs) {
  std::vector<Case> cases;
  for (const char* mode : {"DCR", "CRD"})
    for (const TensorType& type : inputs)
      cases.push_back({std::string(op),
                       {{"blocksize", Dim{type.shape.rank() == 3 ? 3 : 2}}, {"mode", std::string(mode)}},
                       {data(type)}});
  return cases;
}

inline std::vector<Case> depth_to_space_cases() {
  auto cases = block_cases("DepthToSpace", {{DType::f32, {2, 8, 3, 5}},
                                            {DType::f32, {1, 68, 2, 3}},
                                            {DType::u8, {1, 4, 3, 2}},
                                            {DType::f16, {1, 3, 4}},
                                            {DType::f32, {1, 16, 2, 3, 2}},
                                            {DType::i64, {0, 4, 2, 2}}});
  cases.push_back({"DepthToSpace", {{"blocksize", Dim{2}}}, {data({1, 256, 56, 56})}, true});
  return cases;
}
inline std::vector<Case> space_to_depth_cases() {
  auto cases = block_cases("SpaceToDepth", {{DType::f32, {2, 3, 4, 6}},
                                            {DType::f32, {1, 17, 2, 4}},
                                            {DType::boolean, {1, 2, 4, 2}},
                                            {DType::bf16, {2, 2, 9}},
                                            {DType::f32, {1, 2, 4, 2, 6}},
                                            {DType::f32, {1, 0, 2, 2}}});
  cases.push_back({"SpaceToDepth", {{"blocksize", Dim{2}}}, {data({1, 64, 112, 112})}, true});
  return cases;
}

inline constexpr OpDef kDepthToSpace[] = {
    {.name = "DepthToSpace",
     .infer = depth_to_space_type,
     .needed = depth_to_space_needed,
     .reference = depth_to_space,
     .plan = plan_depth_to_space,
     .tolerance = exact,
     .cases = depth_to_space_cases,
     .any_type = 0b1},
    {.name = "SpaceToDepth",
     .infer = space_to_depth_type,
     .needed = space_to_depth_needed,
     .reference = space_to_depth,
     .plan = plan_space_to_depth,
     .tolerance = exact,
     .cases = space_to_depth_cases,
     .any_type = 0b1},
};

}  // namespace coverslip::inline v0::ops
