// Memory that will be written all over: on large pages where the system has them, because small ones come one by one.
#pragma once
#include "coverslip/core/tensor.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace coverslip {
inline namespace v0 {

// As allocate(). Threads that touch it for the first time do not wait for each other, as they would for allocations.
// Very much is left to small pages: a virtual machine that has given its free large ones back to the host waits for
// each of them several times as long.
inline Bytes allocate_large(std::size_t bytes) {
  constexpr std::size_t kLargePage = std::size_t{1} << 21, kMost = std::size_t{1} << 26;
  const std::size_t large = bytes <= kMost ? bytes / kLargePage * kLargePage : 0;
  Bytes memory = allocate(bytes, large > 0 ? kLargePage : kAlign);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (large > 0) ::madvise(memory.get(), large, MADV_HUGEPAGE);  // else it takes small ones
#endif
  return memory;
}

}  // namespace v0
}  // namespace coverslip
