// Col2Im: adds up blocks [N, C * block, L] into pictures [N, C, ...].
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/conv_transpose.hpp"
#include "coverslip/ops/windows/in_f32.hpp"

namespace coverslip::inline v0::ops {

// A block is the window of a transposed convolution, whose inputs are the blocks along an axis.
struct ColumnAxis {
  TransposedWindow window{};
  Dim blocks = 0;
};

inline std::vector<ColumnAxis> column_axes(const Node& node, const std::vector<Dim>& image,
                                           const std::vector<Dim>& block) {
  const std::size_t axes = image.size();
  if (axes == 0 || block.size() != axes || axes > kMaxRank - 2)
    throw Error(Errc::BadShape, node.label(), "image_shape has ", axes, " numbers and block_shape ", block.size());
  const auto strides = list_attr(node, "strides", axes, 1, 1, kMostOfWindow);
  const auto dilations = list_attr(node, "dilations", axes, 1, 1, kMostOfWindow);
  const auto pads = list_attr(node, "pads", 2 * axes, 0, 0, kMostOfWindow);
  std::vector<ColumnAxis> all;
  for (std::size_t i = 0; i < axes; ++i) {
    if (image[i] < 0 || image[i] > Dim{1} << 40 || block[i] < 1 || block[i] > kMostOfWindow)
      throw Error(Errc::BadShape, node.label(), "an axis of ", image[i], " elements in blocks of ", block[i]);
    const Dim room = image[i] + pads[i] + pads[i + axes] - dilations[i] * (block[i] - 1) - 1;
    all.push_back(
        {{.taps = block[i], .stride = strides[i], .dilation = dilations[i], .before = pads[i], .outputs = image[i]},
         room < 0 ? 0 : room / strides[i] + 1});
  }
  return all;
}

inline Types col2im_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 3, 3);
  if (in[0].dtype == DType::boolean)
    throw Error(Errc::Unsupported, node.label(), "input is bool, numbers that can be added wanted");
  const Shape& x = in[0].shape;
  const auto axes = column_axes(node, known_integers(node, in, constants, 1, "image_shape"),
                                known_integers(node, in, constants, 2, "block_shape"));
  Shape taps, blocks;
  for (const ColumnAxis& axis : axes) {
    taps.push_back(axis.window.taps);
    blocks.push_back(axis.blocks);
  }
  if (x.rank() != 3 || x[1] % taps.elements() != 0 || x[2] != blocks.elements())
    throw Error(Errc::BadShape, node.label(), "input is ", x, ", N x C * ", taps.elements(), " x ", blocks.elements(),
                " wanted");
  Shape y{x[0], x[1] / taps.elements()};
  for (const ColumnAxis& axis : axes) y.push_back(axis.window.outputs);
  y.elements();
  return {{in[0].dtype, y}};
}

inline void col2im(const Node& node, Inputs in, Outputs out) {
  const auto axes = column_axes(node, integers_of(in[1]), integers_of(in[2]));
  Box taps(axes.size(), Range{});
  for (std::size_t i = 0; i < axes.size(); ++i) taps[i].end = axes[i].window.taps;
  const Dim block = taps.shape().elements();
  visit(out[0].dtype(), [&]<class T>(T) {
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      using Sum = std::conditional_t<std::is_same_v<T, float>, double, std::uint64_t>;  // integers wrap around
      for_each(out[0].held(), [&](const Index& y) {
        Sum sum = 0;
        Dim row = y[1] * block;
        for_each(taps, [&](const Index& tap) {
          Dim column = 0;
          bool inside = true;
          for (std::size_t i = 0; i < axes.size(); ++i) {
            const Dim at = axes[i].window.place(y[i + 2], tap[i], axes[i].blocks);
            inside = inside && at >= 0;
            column = column * axes[i].blocks + at;
          }
          if (inside) sum += static_cast<Sum>(*in[0].as<T>({y[0], row, column}));
          ++row;
        });
        *out[0].as<T>(y) = static_cast<T>(sum);
      });
    }
  });
}

inline std::vector<Case> col2im_cases() {
  using List = std::vector<Dim>;
  const auto list = [](std::initializer_list<std::int64_t> numbers) {
    return given(Tensor({static_cast<Dim>(numbers.size())}, numbers));
  };
  return {{"Col2Im", {}, {data({1, 5, 5}), list({5, 5}), list({1, 5})}},
          {"Col2Im", {{"strides", List{2, 2}}}, {data({2, 18, 4}), list({5, 5}), list({3, 3})}},
          {"Col2Im", {{"pads", List{1, 1, 1, 1}}}, {data({1, 12, 18}), list({5, 3}), list({2, 3})}},
          {"Col2Im", {{"dilations", List{1, 5}}}, {data({1, 4, 5}), list({6, 6}), list({2, 2})}},
          {"Col2Im", {}, {data({1, 10, 12}), list({3, 4, 5}), list({1, 1, 5})}},
          {"Col2Im", {}, {data(TensorType{DType::u8, {1, 2, 3}}), list({4}), list({2})}},
          {"Col2Im", {}, {data(TensorType{DType::bf16, {1, 2, 3}}), list({4}), list({2})}}};
}

inline constexpr OpDef kCol2Im[] = {
    {.name = "Col2Im",
     .infer = col2im_type,
     .needed = whole_inputs,
     .reference = in_f32<col2im>,
     .tolerance = exact,
     .cases = col2im_cases,
     .of_contents = 1u << 1 | 1u << 2},
};

}  // namespace coverslip::inline v0::ops
