// What a model is fed with: seeded random numbers, arrays, pictures.
#pragma once
#include "coverslip/coverslip.hpp"

namespace coverslip::tool {

// Floats are uniform in [low, high), integers and booleans are 0 or 1, which every model can take. The same seed gives
// the same numbers everywhere.
Tensor random_tensor(const TensorType& type, std::uint64_t seed, float low = 0, float high = 1);

// An input for each port. Where the file has a golden case, floats come from its range.
std::vector<Tensor> random_inputs(const Model& model, std::span<const Shape> shapes, std::uint64_t seed);

// A .npy file as it is, or a picture through the model's preprocessing.
Tensor input_from(const Model& model, const std::string& path);

}  // namespace coverslip::tool
