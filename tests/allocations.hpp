// Counts what the test program allocates with operator new, and lets allocations fail.
#pragma once
#include <cstddef>

namespace coverslip::test {

struct Allocations {
  std::size_t count = 0, bytes = 0;
  std::ptrdiff_t live = 0;  // made and not yet given back
};

// Since the program began; allocations.cpp replaces operator new.
Allocations allocations();

inline Allocations since(const Allocations& begin) {
  const Allocations now = allocations();
  return {now.count - begin.count, now.bytes - begin.bytes, now.live - begin.live};
}

enum class Fail { Once, FromThenOn };

// While it lives, the n-th allocation from now fails, of any thread (0: the next), and maybe all after it.
class FailingAllocation {
 public:
  FailingAllocation(std::size_t n, Fail how);
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;
  ~FailingAllocation();
  bool failed() const;
};

}  // namespace coverslip::test
