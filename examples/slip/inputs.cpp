// Implements inputs.hpp.
#include "inputs.hpp"

#include "coverslip/image/decode.hpp"
#include "coverslip/io/golden.hpp"
#include "npy.hpp"

namespace coverslip::tool {

std::vector<Tensor> random_inputs(const Model& model, std::span<const Shape> shapes, std::uint64_t seed) {
  GoldenCase numbers{.seed = seed, .input_shapes = {shapes.begin(), shapes.end()}};
  if (const auto& golden = model.graph().golden) {
    numbers.low = golden->low;
    numbers.high = golden->high;
  }
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    inputs.push_back(golden_input(numbers, i, {model.inputs()[i].dtype, shapes[i]}));
  return inputs;
}

Tensor input_from(const Model& model, const std::string& path) {
  return is_npy(path) ? read_npy(path) : model.preprocess()(load_image(path));
}

}  // namespace coverslip::tool
