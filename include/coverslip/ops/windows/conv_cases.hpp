// Samples of convolutions: odd sizes around tiles and vectors for the tests, layers of real networks for the
// benchmarks.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

struct ConvSample {
  Shape x, w;
  Attributes attributes{};
  bool bias = true;
  Shape residual{};  // rank 0: none
  bool bench = false;
};

inline Case conv_case(const char* op, const ConvSample& s, Dim outputs) {
  Case c{op, s.attributes, {data(s.x), weights(s.w)}, s.bench};
  const bool has_residual = s.residual.rank() > 0;
  if (s.bias)
    c.operands.push_back(weights({outputs}));
  else if (has_residual)
    c.operands.push_back(absent());
  if (has_residual) c.operands.push_back(data(s.residual));
  return c;
}

// Weights that are computed, and 16-bit floats.
inline std::vector<Case> typed_conv_cases(const char* op, const Shape& x, const Shape& w, Dim outputs) {
  std::vector<Case> cases{{op, {}, {data(x), data(w)}},
                          {op, {}, {data(x), data(w), data({outputs})}},
                          {op, {}, {data(x), weights(w), data({outputs})}}};
  for (const DType dtype : {DType::f16, DType::bf16})
    cases.push_back({op, {}, {data(TensorType{dtype, x}), data(TensorType{dtype, w})}});
  return cases;
}

inline std::vector<Case> conv_cases() {
  using Dims = std::vector<Dim>;
  const Attributes same{{"pads", Dims{1, 1, 1, 1}}};
  const ConvSample samples[] = {
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}, false},
      {{2, 3, 7, 6}, {5, 3, 3, 3}, same},
      {{1, 5, 9, 8}, {17, 5, 3, 2}, {{"strides", Dims{2, 3}}, {"pads", Dims{0, 1, 2, 0}}}},
      {{1, 4, 9, 9}, {33, 4, 3, 3}, {{"dilations", Dims{2, 2}}, {"strides", Dims{1, 2}}, {"pads", Dims{2, 2, 2, 2}}}},
      {{1, 2, 2, 3}, {16, 2, 1, 1}, {{"pads", Dims{3, 3, 3, 3}}}, false},  // whole rows of padding
      {{1, 3, 11, 10},
       {34, 3, 7, 7},
       {{"strides", Dims{2, 2}}, {"pads", Dims{3, 3, 3, 3}}, {"activation", std::string("Relu")}}},
      {{1, 1, 5, 17}, {31, 1, 3, 3}, {{"auto_pad", std::string("SAME_UPPER")}, {"strides", Dims{2, 2}}}},
      {{1, 2, 6, 5}, {15, 2, 2, 2}, {{"auto_pad", std::string("SAME_LOWER")}, {"kernel_shape", Dims{2, 2}}}},
      {{1, 1100, 1, 5},
       {18, 1100, 1, 1},
       {{"activation", std::string("LeakyRelu")}, {"activation_alpha", 0.25f}}},  // deep
      {{1, 301, 3, 3}, {9, 301, 3, 3}, same, true, {1, 9, 3, 3}},
      {{2, 16, 3, 5},
       {48, 16, 1, 1},
       {{"activation", std::string("Clip")}, {"activation_alpha", -1.0f}, {"activation_beta", 1.5f}},
       true,
       {2, 48, 3, 5}},
      {{1, 8, 4, 4}, {20, 8, 1, 1}, {{"activation", std::string("Sigmoid")}}, false, {1, 20, 4, 4}},
      // Runs of terms around 32, and lines around 16 outputs, which bf16 counts in.
      {{2, 16, 3, 33}, {20, 16, 3, 3}, same, true, {2, 20, 3, 33}},
      {{1, 48, 4, 17}, {33, 48, 3, 3}, {{"pads", Dims{1, 1, 1, 1}}, {"strides", Dims{1, 3}}}},
      {{1, 31, 3, 19}, {16, 31, 1, 5}, {{"dilations", Dims{1, 2}}, {"pads", Dims{0, 4, 0, 4}}}},
      {{1, 5, 3, 3, 18}, {16, 5, 3, 3, 3}, {{"pads", Dims{1, 1, 1, 1, 1, 1}}, {"strides", Dims{2, 1, 1}}}},
      // Few outputs, of which bf16 makes two abreast: of odd number, the last one reading less than another would.
      {{2, 16, 4, 41}, {16, 16, 3, 3}, same, true, {2, 16, 4, 41}},
      {{1, 5, 3, 73}, {6, 5, 2, 4}, {{"strides", Dims{1, 2}}, {"activation", std::string("Relu")}}},
      {{1, 16, 67}, {9, 16, 3}, {{"pads", Dims{1, 1}}}, false},
      {{2, 3, 4, 3, 38}, {12, 3, 3, 3, 3}, {{"pads", Dims{1, 1, 1, 1, 1, 1}}, {"dilations", Dims{1, 1, 2}}}},
      {{1, 33, 40}, {17, 33, 3}, {{"pads", Dims{1, 1}}, {"activation", std::string("Gelu")}}},
      {{1, 64, 3, 16}, {32, 32, 3, 1}, {{"group", Dim{2}}, {"pads", Dims{1, 0, 1, 0}}}},
      {{2, 64, 5, 7}, {49, 64, 1, 1}, {{"activation", std::string("Relu")}}, true, {2, 49, 5, 7}},
      {{1, 8, 4, 7}, {20, 8, 1, 1}, {{"activation", std::string("HardSigmoid")}, {"strides", Dims{2, 2}}}},
      {{1, 6, 5, 5}, {9, 2, 3, 3}, {{"group", Dim{3}}, {"pads", Dims{1, 1, 1, 1}}}},
      {{1, 6, 5, 5}, {12, 1, 3, 3}, {{"group", Dim{6}}, {"pads", Dims{1, 1, 1, 1}}}, true, {1, 12, 5, 5}},
      {{1, 36, 4, 4}, {72, 18, 1, 1}, {{"group", Dim{2}}}, true},
      {{1, 4, 6, 5}, {12, 1, 3, 3}, {{"group", Dim{4}}, {"dilations", Dims{2, 1}}}},  // three filters a channel
      {{1, 1, 6, 6}, {1, 1, 3, 3}, {{"group", Dim{1}}}, true},
      {{2, 5, 7, 9},
       {5, 1, 3, 3},
       {{"group", Dim{5}}, {"pads", Dims{1, 1, 1, 1}}, {"activation", std::string("Relu")}}},
      {{1, 33, 8, 9},
       {33, 1, 3, 3},
       {{"group", Dim{33}},
        {"pads", Dims{1, 1, 1, 1}},
        {"strides", Dims{2, 2}},
        {"activation", std::string("Clip")},
        {"activation_alpha", 0.0f},
        {"activation_beta", 6.0f}}},
      {{1, 17, 6, 11},
       {17, 1, 5, 3},
       {{"group", Dim{17}}, {"dilations", Dims{1, 2}}, {"pads", Dims{0, 2, 3, 1}}},
       false,
       {1, 17, 5, 10}},
      {{1, 7, 5, 6}, {7, 1, 3, 3}, {{"group", Dim{7}}, {"activation", std::string("Swish")}}},
      {{1, 9, 4, 5},
       {35, 9, 1, 1},
       {{"activation", std::string("Swish")}, {"activation_alpha", 1.5f}},
       true,
       {1, 35, 4, 5}},
      {{1, 9, 3, 4}, {18, 9, 2, 2}, {{"activation", std::string("HardSwish")}}},
      {{1, 9, 3, 4}, {18, 9, 2, 2}, {{"activation", std::string("Elu")}, {"activation_alpha", 0.5f}}},
      {{1, 33, 4, 19}, {33, 1, 3, 3}, {{"group", Dim{33}}, {"pads", Dims{1, 1, 1, 1}}}, true, {1, 33, 4, 19}},
      {{2, 50, 3, 17},
       {50, 1, 5, 5},
       {{"group", Dim{50}}, {"pads", Dims{2, 2, 2, 2}}, {"activation", std::string("Relu")}}},
      {{1, 48, 5, 22},
       {48, 1, 5, 5},
       {{"group", Dim{48}},
        {"pads", Dims{2, 2, 1, 1}},
        {"strides", Dims{2, 2}},
        {"activation", std::string("HardSwish")}}},
      {{1, 66, 4, 31}, {66, 1, 3, 3}, {{"group", Dim{66}}, {"strides", Dims{1, 2}}}, false},
      {{1, 16, 2, 5}, {16, 1, 3, 3}, {{"group", Dim{16}}, {"pads", Dims{3, 4, 3, 4}}}},  // whole outputs of padding
      {{1, 20, 5, 9}, {20, 1, 7, 4}, {{"group", Dim{20}}, {"pads", Dims{3, 3, 3, 1}}, {"strides", Dims{1, 3}}}},
      {{1, 34, 3, 4, 9},
       {34, 1, 3, 2, 3},
       {{"group", Dim{34}}, {"pads", Dims{1, 0, 1, 1, 1, 1}}, {"dilations", Dims{1, 2, 1}}}},
      // pairs of vectors of channels, whole and not, with activations and residuals
      {{1, 72, 3, 9},
       {72, 1, 3, 3},
       {{"group", Dim{72}}, {"pads", Dims{1, 1, 1, 1}}, {"activation", std::string("Swish")}},
       true,
       {1, 72, 3, 9}},
      {{2, 64, 6, 11},
       {64, 1, 5, 5},
       {{"group", Dim{64}},
        {"pads", Dims{2, 2, 2, 2}},
        {"strides", Dims{2, 2}},
        {"activation", std::string("HardSigmoid")}},
       false,
       {2, 64, 3, 6}},
      {{1, 79, 2, 6}, {79, 1, 2, 2}, {{"group", Dim{79}}, {"activation", std::string("Gelu")}}},
      // windows of Winograd's: maps around its tiles, channels around vectors, panels and groups
      {{1, 3, 1, 1}, {4, 3, 3, 3}, same},
      {{1, 17, 3, 14}, {33, 17, 3, 3}, {{"pads", Dims{0, 2, 0, 2}}}},
      {{2, 16, 8, 9}, {16, 16, 3, 3}, same, false, {2, 16, 8, 9}},
      {{1, 15, 13, 19}, {50, 15, 3, 3}, {{"pads", Dims{1, 1, 1, 1}}, {"activation", std::string("Relu")}}},
      {{1, 5, 9, 4}, {7, 5, 3, 3}, {{"pads", Dims{4, 0, 5, 7}}, {"activation", std::string("Sigmoid")}}},
      {{1, 33, 26, 29},
       {20, 33, 3, 3},
       {{"auto_pad", std::string("SAME_UPPER")},
        {"activation", std::string("Clip")},
        {"activation_alpha", -1.0f},
        {"activation_beta", 2.0f}},
       true,
       {1, 20, 26, 29}},
      {{1, 4, 5, 5, 7}, {18, 4, 3, 3, 3}, {{"pads", Dims{1, 1, 1, 1, 1, 1}}}, true, {1, 18, 5, 5, 7}},
      {{2, 17, 4, 6, 9}, {5, 17, 3, 3, 3}, {{"pads", Dims{0, 1, 2, 1, 0, 1}}, {"activation", std::string("Relu")}}},
      {{1, 2, 1, 2, 1}, {1, 2, 3, 3, 3}, {{"pads", Dims{3, 1, 1, 3, 1, 1}}}, false},
      {{0, 3, 15}, {8, 3, 4}},
      {{2, 3, 15}, {8, 3, 4}, {{"strides", Dims{2}}, {"pads", Dims{1, 2}}}},
      {{1, 16, 9}, {16, 1, 3}, {{"group", Dim{16}}, {"pads", Dims{1, 1}}, {"activation", std::string("Sigmoid")}}},
      {{1, 2, 4, 5, 6},
       {7, 2, 3, 2, 3},
       {{"pads", Dims{1, 0, 1, 1, 1, 1}}, {"strides", Dims{1, 2, 1}}},
       true,
       {1, 7, 4, 3, 6}},
      // Few channels and long rows: widths around vectors and blocks, dilations beyond the map, padding of any side.
      {{1, 1, 3, 15}, {1, 1, 3, 3}, same},
      {{2, 2, 4, 16}, {3, 2, 3, 3}, same, true, {2, 3, 4, 16}},
      {{1, 3, 5, 33}, {4, 3, 3, 5}, {{"pads", Dims{0, 4, 3, 1}}, {"activation", std::string("Sigmoid")}}},
      {{1, 5, 6, 100}, {8, 5, 3, 3}, {{"dilations", Dims{8, 16}}, {"pads", Dims{8, 16, 8, 16}}}},
      {{1, 3, 9, 47}, {21, 3, 3, 3}, {{"strides", Dims{2, 2}}, {"pads", Dims{1, 0, 0, 2}}}},
      {{1, 2, 7, 70}, {6, 2, 4, 2}, {{"strides", Dims{4, 3}}, {"dilations", Dims{2, 6}}, {"pads", Dims{3, 5, 2, 0}}}},
      {{2, 5, 5, 4, 17},
       {5, 5, 3, 3, 3},
       {{"dilations", Dims{2, 2, 2}}, {"pads", Dims{2, 2, 2, 2, 2, 2}}, {"activation", std::string("Relu")}}},
      {{1, 2, 6, 5, 31},
       {5, 2, 2, 3, 3},
       {{"dilations", Dims{4, 3, 1}}, {"strides", Dims{1, 2, 2}}, {"pads", Dims{1, 6, 0, 0, 4, 2}}},
       true,
       {1, 5, 3, 5, 16}},
      {{1, 3, 15, 67}, {33, 3, 7, 7}, {{"strides", Dims{2, 2}}, {"pads", Dims{3, 3, 3, 3}}}},
      {{2, 4, 13, 130}, {48, 4, 5, 4}, {{"strides", Dims{4, 4}}, {"activation", std::string("LeakyRelu")}}},
      {{2, 33, 3, 35}, {3, 33, 1, 1}, {{"activation", std::string("Sigmoid")}}},
      {{1, 7, 2, 3, 9}, {1, 7, 1, 1, 1}, {}, false},
      {{1, 4, 2, 2, 3, 9}, {3, 4, 2, 1, 3, 3}, {{"pads", Dims{1, 0, 1, 1, 0, 0, 1, 1}}}},  // four axes
  };
  struct Layer {  // a square map, a square window, padding that keeps the map
    Dim size, c, k, taps, stride, group;
  };
  const Layer layers[] = {
      {224, 3, 64, 7, 2, 1},     {56, 64, 64, 1, 1, 1},       {56, 64, 64, 3, 1, 1},
      {56, 64, 256, 1, 1, 1},  // resnet50
      {56, 256, 64, 1, 1, 1},    {56, 256, 128, 1, 1, 1},     {56, 128, 128, 3, 2, 1},
      {28, 128, 512, 1, 1, 1},   {56, 256, 512, 1, 2, 1},     {28, 512, 128, 1, 1, 1},
      {28, 128, 128, 3, 1, 1},   {28, 256, 256, 3, 2, 1},     {14, 256, 1024, 1, 1, 1},
      {14, 1024, 256, 1, 1, 1},  {14, 256, 256, 3, 1, 1},     {14, 512, 512, 3, 2, 1},
      {7, 512, 2048, 1, 1, 1},   {7, 2048, 512, 1, 1, 1},     {7, 512, 512, 3, 1, 1},
      {224, 3, 32, 3, 2, 1},     {112, 32, 32, 3, 1, 32},     {112, 32, 16, 1, 1, 1},
      {112, 16, 96, 1, 1, 1},  // mobilenet_v2
      {112, 96, 96, 3, 2, 96},   {56, 96, 24, 1, 1, 1},       {56, 24, 144, 1, 1, 1},
      {56, 144, 144, 3, 1, 144}, {28, 192, 192, 3, 1, 192},   {14, 384, 384, 3, 1, 384},
      {14, 576, 96, 1, 1, 1},    {14, 96, 576, 1, 1, 1},      {7, 960, 960, 3, 1, 960},
      {7, 960, 320, 1, 1, 1},    {7, 320, 1280, 1, 1, 1},     {56, 128, 32, 3, 1, 1},
      {28, 128, 32, 3, 1, 1},    {14, 128, 32, 3, 1, 1},      {14, 640, 128, 1, 1, 1},  // densenet121
      {7, 128, 32, 3, 1, 1},     {7, 1024, 128, 1, 1, 1},     {256, 1, 32, 3, 1, 1},
      {256, 32, 32, 3, 1, 1},    {256, 64, 32, 3, 1, 1},      {128, 64, 64, 3, 1, 1},  // unet2d
      {64, 128, 128, 3, 1, 1},   {32, 256, 256, 3, 1, 1},     {16, 512, 512, 3, 1, 1},
      {256, 32, 2, 1, 1, 1},     {56, 144, 144, 5, 2, 144},   {28, 240, 240, 5, 1, 240},  // efficientnet_b0
      {14, 672, 672, 5, 1, 672}, {7, 1152, 1152, 5, 1, 1152}, {1, 1152, 48, 1, 1, 1},
  };
  std::vector<Case> cases = typed_conv_cases("Conv", {2, 3, 5, 6}, {18, 3, 3, 2}, 18);
  cases.push_back({"Conv", {{"group", Dim{5}}}, {data({1, 5, 6, 7}), data({5, 1, 3, 3}), data({5})}});
  for (const ConvSample& s : samples) cases.push_back(conv_case("Conv", s, s.w[0]));
  for (const auto& [size, c, k, taps, stride, group] : layers) {
    const Dim pad = taps / 2;
    cases.push_back(conv_case("Conv",
                              {{1, c, size, size},
                               {k, c / group, taps, taps},
                               {{"pads", Dims{pad, pad, pad, pad}},
                                {"strides", Dims{stride, stride}},
                                {"group", group},
                                {"activation", std::string("Relu")}},
                               true,
                               {},
                               true},
                              k));
  }
  struct Volume {  // a cube, a window of 3, padding that keeps the cube
    Dim size, c, k;
  };
  for (const auto& [size, c, k] : {Volume{64, 16, 16},
                                   {64, 32, 16},
                                   {32, 32, 32},
                                   {32, 64, 32},
                                   {16, 64, 64},
                                   {8, 128, 128},
                                   {4, 256, 256}})  // unet3d
    cases.push_back(conv_case("Conv",
                              {{1, c, size, size, size},
                               {k, c, 3, 3, 3},
                               {{"pads", Dims{1, 1, 1, 1, 1, 1}}, {"activation", std::string("Relu")}},
                               true,
                               {},
                               true},
                              k));
  return cases;
}

}  // namespace coverslip::inline v0::ops
