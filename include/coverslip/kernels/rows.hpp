// The piece of work of most elementwise kernels: rows of elements that lie side by side.
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

// Steps lead from one row to the next, in elements. Nothing is aligned; n may be anything.
struct Rows {
  std::size_t count = 1, n = 0;
  std::ptrdiff_t x_step = 0, y_step = 0;
};

}  // namespace v0
}  // namespace coverslip
