// Implements inputs.hpp.
#include "inputs.hpp"

#include "coverslip/graph/graph.hpp"
#include "coverslip/image/decode.hpp"
#include "npy.hpp"

namespace coverslip::tool {
namespace {

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

}  // namespace

Tensor random_tensor(const TensorType& type, std::uint64_t seed, float low, float high) {
  Tensor tensor(type);
  visit(type.dtype, [&](auto element) {
    using T = decltype(element);
    for (T& x : tensor.values<T>()) {
      const std::uint64_t random = next_random(seed);
      const float unit = static_cast<float>(random >> 40) * 0x1p-24f;
      const float value = low + unit * (high - low);
      if constexpr (std::is_same_v<T, float>)
        x = value;
      else if constexpr (std::is_same_v<T, Float16>)
        x = to_float16(value);
      else if constexpr (std::is_same_v<T, BFloat16>)
        x = to_bfloat16(value);
      else
        x = static_cast<T>(random >> 63);
    }
  });
  return tensor;
}

std::vector<Tensor> random_inputs(const Model& model, std::span<const Shape> shapes, std::uint64_t seed) {
  const auto& golden = model.graph().golden;
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    inputs.push_back(random_tensor({model.inputs()[i].dtype, shapes[i]}, seed + i, golden ? golden->low : 0.0f,
                                   golden ? golden->high : 1.0f));
  return inputs;
}

Tensor input_from(const Model& model, const std::string& path) {
  return is_npy(path) ? read_npy(path) : model.preprocess()(load_image(path));
}

}  // namespace coverslip::tool
