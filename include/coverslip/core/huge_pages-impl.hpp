// Asks the system for huge pages.
#pragma once
#include "coverslip/core/tensor.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace coverslip {
inline namespace v0 {

// Whole pages alone: not a byte more becomes resident. Where the system has none it says no, and nothing changes.
void ask_for_huge_pages([[maybe_unused]] std::byte* data, [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
}

}  // namespace v0
}  // namespace coverslip
