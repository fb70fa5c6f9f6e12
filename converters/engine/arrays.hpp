// NumPy arrays as Tensors and Tensors as NumPy arrays, without copying where both hold the same.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>

#include "coverslip/coverslip.hpp"

namespace coverslip::python {

namespace nb = nanobind;
// C-contiguous, in memory, perhaps read-only.
using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

// The dtype of the array that stands for such values: bf16, which NumPy lacks, travels as f32.
inline DType numpy_dtype(DType dtype) { return dtype == DType::bf16 ? DType::f32 : dtype; }

inline nb::dlpack::dtype dlpack_of(DType dtype) {
  return visit(dtype, [](auto element) -> nb::dlpack::dtype {
    using T = decltype(element);
    if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
      return {static_cast<std::uint8_t>(nb::dlpack::dtype_code::Float), 16, 1};
    else
      return nb::dtype<T>();
  });
}

// Looks at the array's memory, so the array must outlive the Tensor. Throws Error(BadInput) for another dtype.
inline Tensor tensor_of(const Array& array, const Port& port) {
  const DType given = numpy_dtype(port.dtype);
  if (array.dtype() != dlpack_of(given))
    throw Error(Errc::BadInput, "input '" + port.name + "'", "the array's elements are not of type ", given);
  TensorType type{given, {}};
  for (std::size_t axis = 0; axis < array.ndim(); ++axis) type.shape.push_back(static_cast<Dim>(array.shape(axis)));
  auto* memory = static_cast<std::byte*>(const_cast<void*>(array.data()));
  static std::byte nothing{};  // an empty array may have no memory
  Tensor tensor(type, Bytes(Bytes(), memory != nullptr ? memory : &nothing));
  if (port.dtype == given) return tensor;
  Tensor narrow(TensorType{port.dtype, type.shape});
  std::ranges::transform(tensor.values<float>(), narrow.values<BFloat16>().begin(), to_bfloat16);
  return narrow;
}

// The array owns what the Tensor owned.
inline nb::object array_of(Tensor tensor) {
  if (tensor.dtype() == DType::bf16) {
    Tensor wide(TensorType{DType::f32, tensor.shape()});
    std::ranges::transform(tensor.values<BFloat16>(), wide.values<float>().begin(),
                           [](BFloat16 x) { return to_float(x); });
    tensor = std::move(wide);
  }
  auto kept = std::make_unique<Tensor>(std::move(tensor));
  std::vector<std::size_t> shape(kept->shape().begin(), kept->shape().end());
  Tensor& held = *kept;
  const nb::capsule owner(kept.release(), [](void* p) noexcept { delete static_cast<Tensor*>(p); });
  return nb::cast(
      nb::ndarray<nb::numpy>(held.data(), shape.size(), shape.data(), owner, nullptr, dlpack_of(held.dtype())));
}

}  // namespace coverslip::python
