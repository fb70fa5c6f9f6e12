// Memory that will be written all over: on large pages where the system has them, because small ones come one by one.
#pragma once
#include "coverslip/core/tensor.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace coverslip {
inline namespace v0 {

// As allocate(). Threads that touch it for the first time do not wait for each other, as they would for allocations.
inline Bytes allocate_large(std::size_t bytes) {
  constexpr std::size_t kLargePage = std::size_t{1} << 21;
  const std::size_t large = bytes / kLargePage * kLargePage;
  Bytes memory = allocate(bytes, large > 0 ? kLargePage : kAlign);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (large > 0) ::madvise(memory.get(), large, MADV_HUGEPAGE);  // else it takes small ones
#endif
  return memory;
}

}  // namespace v0
}  // namespace coverslip
