// What lays a constant out anew for a kernel.
#pragma once
#include <functional>

#include "coverslip/core/tensor.hpp"

namespace coverslip {
inline namespace v0 {

// Writes all of `packed`, whose memory is not initialized.
using Pack = std::function<void(const Tensor& constant, Tensor& packed)>;

}  // namespace v0
}  // namespace coverslip
