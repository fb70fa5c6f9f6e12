// Arrays in NumPy's .npy files, as NEP 1 and numpy.lib.format describe them: little-endian, C order.
#pragma once
#include <string>

#include "coverslip/core/tensor.hpp"

namespace coverslip::tool {

// True for a file that begins as .npy files do. Throws Error(Io).
bool is_npy(const std::string& path);

// Throws Error: Io, BadInput where the file is none, is cut short or has bytes to spare, Unsupported for other element
// types and Fortran order.
Tensor read_npy(const std::string& path);

// bf16, which NumPy does not have, is widened to float. Throws Error(Io).
void write_npy(const std::string& path, const Tensor& tensor);

}  // namespace coverslip::tool
