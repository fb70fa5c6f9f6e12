// What a model is fed with: seeded random numbers, arrays, pictures.
#pragma once
#include "coverslip/coverslip.hpp"

namespace coverslip::tool {

// An input for each port, of numbers made as those of golden cases are, see docs/FORMAT.md: floats uniform in the range
// of the file's golden case, or from 0 to 1. The same seed gives the same numbers everywhere.
std::vector<Tensor> random_inputs(const Model& model, std::span<const Shape> shapes, std::uint64_t seed);

// A .npy file as it is, or a picture through the model's preprocessing.
Tensor input_from(const Model& model, const std::string& path);

}  // namespace coverslip::tool
