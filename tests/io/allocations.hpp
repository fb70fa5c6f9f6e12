// Counts what the test program allocates with operator new.
#pragma once
#include <cstddef>

namespace coverslip::test {

struct Allocations {
  std::size_t count = 0, bytes = 0;
};

// Since the program began; allocations_test.cpp replaces operator new.
Allocations allocations();

inline Allocations since(const Allocations& begin) {
  const Allocations now = allocations();
  return {now.count - begin.count, now.bytes - begin.bytes};
}

}  // namespace coverslip::test
