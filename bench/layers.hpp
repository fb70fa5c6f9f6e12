// Layers of real networks that the operators' own samples lack.
#pragma once
#include "coverslip/ops/case.hpp"

namespace coverslip {
inline namespace v0 {

struct ConvLayer {
  const char* op;
  Shape x, w;
  Dim stride, dilation;
  const char* activation = nullptr;
  bool residual = false;
};

inline const ConvLayer kConvLayers[] = {
    {"Conv", {1, 1, 128, 128, 128}, {5, 1, 3, 3, 3}, 1, 1, "Relu"},  // meshnet5
    {"Conv", {1, 5, 128, 128, 128}, {5, 5, 3, 3, 3}, 1, 1, "Relu"},
    {"Conv", {1, 5, 128, 128, 128}, {5, 5, 3, 3, 3}, 1, 8, "Relu"},
    {"Conv", {1, 5, 128, 128, 128}, {3, 5, 1, 1, 1}, 1, 1},
    {"Conv", {1, 1, 64, 64, 64}, {16, 1, 3, 3, 3}, 1, 1, "Relu"},  // unet3d
    {"Conv", {1, 128, 16, 16, 16}, {64, 128, 3, 3, 3}, 1, 1, "Relu"},
    {"Conv", {1, 16, 64, 64, 64}, {2, 16, 1, 1, 1}, 1, 1},
    {"ConvTranspose", {1, 256, 4, 4, 4}, {256, 128, 2, 2, 2}, 2, 1},
    {"ConvTranspose", {1, 128, 8, 8, 8}, {128, 64, 2, 2, 2}, 2, 1},
    {"ConvTranspose", {1, 64, 16, 16, 16}, {64, 32, 2, 2, 2}, 2, 1},
    {"ConvTranspose", {1, 32, 32, 32, 32}, {32, 16, 2, 2, 2}, 2, 1},
    {"Conv", {1, 64, 56, 56}, {256, 64, 1, 1}, 1, 1, "Relu", true},  // resnet50
    {"Conv", {1, 512, 7, 7}, {2048, 512, 1, 1}, 1, 1, "Relu", true},
    {"Conv", {1, 960, 7, 7}, {160, 960, 1, 1}, 1, 1, nullptr, true},  // mobilenet_v2
    {"Conv", {1, 112, 14, 14}, {672, 112, 1, 1}, 1, 1, "Swish"},      // efficientnet_b0
    {"Conv", {1, 480, 14, 14}, {480, 1, 3, 3}, 1, 1, "Swish"},
    {"Conv", {1, 3, 224, 224}, {96, 3, 4, 4}, 4, 1},      // swin_tiny
    {"Conv", {1, 3, 224, 224}, {192, 3, 16, 16}, 16, 1},  // deit_tiny
};

inline Case conv_layer(const ConvLayer& layer) {
  const std::size_t axes = layer.w.rank() - 2;
  const bool transposed = layer.op == std::string_view("ConvTranspose");
  const Dim outputs = transposed ? layer.w[1] : layer.w[0], reach = layer.dilation * (layer.w[2] - 1);
  // Without strides, the map keeps its size.
  Case sample{layer.op,
              {{"strides", std::vector<Dim>(axes, layer.stride)},
               {"dilations", std::vector<Dim>(axes, layer.dilation)},
               {"pads", std::vector<Dim>(2 * axes, layer.stride == 1 ? reach / 2 : 0)},
               {"group", transposed ? Dim{1} : layer.x[1] / layer.w[1]}},
              {data(layer.x), weights(layer.w), weights({outputs})},
              true};
  if (layer.activation != nullptr) sample.attributes["activation"] = std::string(layer.activation);
  if (layer.residual) {
    Shape y = layer.x;
    y[1] = outputs;
    sample.operands.push_back(data(y));
  }
  return sample;
}

// A transformer's product: rows x K by K x N, a bias, and what follows.
struct MatMulLayer {
  Dim rows, k, n;
  const char* activation = nullptr;
  bool residual = false;
};

inline constexpr MatMulLayer kMatMulLayers[] = {
    {197, 192, 576},
    {197, 192, 768, "Gelu"},  // deit_tiny
    {3136, 96, 288},
    {3136, 96, 384, "Gelu"},
    {3136, 384, 96, nullptr, true},  // swin_tiny
    {784, 192, 768, "Gelu"},
    {784, 768, 192, nullptr, true},
    {196, 384, 1536, "Gelu"},
    {196, 1536, 384, nullptr, true},
    {49, 768, 3072, "Gelu"},
    {49, 3072, 768, nullptr, true},
};

inline Case matmul_layer(const MatMulLayer& layer) {
  Case sample{"MatMul", {}, {data({1, layer.rows, layer.k}), weights({layer.k, layer.n}), weights({layer.n})}, true};
  if (layer.activation != nullptr) sample.attributes["activation"] = std::string(layer.activation);
  if (layer.residual) sample.operands.push_back(data({1, layer.rows, layer.n}));
  return sample;
}

// swin_tiny's windows of 7 x 7, with the bias of each head and, where they are moved, of each window; deit_tiny's.
inline Case attention_layer(Dim windows, Dim tokens, Dim heads, Dim size, Dim masks) {
  const Shape x{windows, tokens, heads * size};
  Case sample{"Attention", {{"q_num_heads", heads}, {"kv_num_heads", heads}}, {data(x), data(x), data(x)}, true};
  if (masks > 0) sample.operands.push_back(weights({masks, heads, tokens, tokens}));
  return sample;
}

inline std::vector<Case> layers() {
  using List = std::vector<Dim>;
  std::vector<Case> all;
  for (const ConvLayer& layer : kConvLayers) all.push_back(conv_layer(layer));
  for (const MatMulLayer& layer : kMatMulLayers) all.push_back(matmul_layer(layer));
  for (const auto& [windows, tokens, heads, size, masks] : {std::array<Dim, 5>{1, 197, 3, 64, 0},
                                                            {64, 49, 3, 32, 1},
                                                            {64, 49, 3, 32, 64},
                                                            {16, 49, 6, 32, 1},
                                                            {4, 49, 12, 32, 4},
                                                            {1, 49, 24, 32, 1}})
    all.push_back(attention_layer(windows, tokens, heads, size, masks));
  for (const auto& [rows, c] : {std::pair<Dim, Dim>{197, 192}, {3136, 96}, {784, 192}, {196, 384}, {49, 768}})
    all.push_back({"LayerNormalization", {}, {data({1, rows, c}), weights({c}), weights({c})}, true});
  for (const auto& [c, size] : {std::pair<Dim, Dim>{256, 56}, {512, 28}, {1024, 14}, {1024, 7}}) {  // densenet121
    Tensor variance(TensorType{DType::f32, {c}});
    std::ranges::fill(variance.values<float>(), 0.5f);
    all.push_back({"BatchNormalization",
                   {{"activation", std::string("Relu")}},
                   {data({1, c, size, size}), weights({c}), weights({c}), weights({c}), given(std::move(variance))},
                   true});
  }
  for (const auto& [c, size] : {std::pair<Dim, Dim>{32, 112}, {144, 56}, {672, 14}, {1152, 7}}) {  // efficientnet_b0
    all.push_back({"GlobalAveragePool", {}, {data({1, c, size, size})}, true});
    all.push_back({"Mul", {}, {data({1, c, 1, 1}), data({1, c, size, size})}, true});
  }
  all.push_back({"Add", {}, {data({1, 14, 14, 384}), data({1, 14, 14, 384})}, true});  // swin_tiny
  all.push_back({"Transpose", {{"perm", List{0, 1, 3, 2, 4, 5}}}, {data({1, 8, 7, 8, 7, 96})}, true});
  const auto pool = [&](const char* op, const Shape& x) {
    const List two(x.rank() - 2, 2);
    all.push_back({op, {{"kernel_shape", two}, {"strides", two}}, {data(x)}, true});
  };
  for (const Shape& x : {Shape{1, 32, 256, 256}, {1, 16, 64, 64, 64}, {1, 64, 16, 16, 16}}) pool("MaxPool", x);
  for (const Shape& x : {Shape{1, 128, 56, 56}, {1, 512, 14, 14}}) pool("AveragePool", x);
  all.push_back(
      {"Concat", {{"axis", Dim{1}}}, {data({1, 16, 64, 64, 64}), data({1, 16, 64, 64, 64})}, true});  // unet3d
  all.push_back({"Softmax", {{"axis", Dim{1}}}, {data({1, 2, 64, 64, 64})}, true});
  all.push_back({"Gemm", {{"transB", Dim{1}}}, {data({1, 768}), weights({1000, 768}), weights({1000})}, true});
  return all;
}

}  // namespace v0
}  // namespace coverslip
