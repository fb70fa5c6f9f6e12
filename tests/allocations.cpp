// Replaces operator new by one that counts, and that can fail.
#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr std::ptrdiff_t kNever = std::numeric_limits<std::ptrdiff_t>::max();
std::atomic<std::size_t> count{0}, bytes{0};
std::atomic<std::ptrdiff_t> live{0}, until_failure{kNever};
std::atomic<bool> fail_on{false}, has_failed{false};

bool fails() noexcept {
  if (until_failure.load(std::memory_order_relaxed) == kNever) return false;
  const std::ptrdiff_t left = until_failure.fetch_sub(1);
  const bool now = fail_on ? left <= 0 : left == 0;
  if (now) has_failed = true;
  return now;
}

void* counted(std::size_t size, std::size_t align = alignof(std::max_align_t)) noexcept {
  if (fails()) return nullptr;
  count += 1;
  bytes += size;
  live += 1;
  return std::aligned_alloc(align, (size + align) / align * align);
}
void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void give_back(void* memory) noexcept {
  if (memory != nullptr) live -= 1;
  std::free(memory);
}

}  // namespace

namespace coverslip::test {

Allocations allocations() { return {count, bytes, live}; }

FailingAllocation::FailingAllocation(std::size_t n, Fail how) {
  fail_on = how == Fail::FromThenOn;
  has_failed = false;
  until_failure = static_cast<std::ptrdiff_t>(n);
}
FailingAllocation::~FailingAllocation() { until_failure = kNever; }
bool FailingAllocation::failed() const { return has_failed; }

}  // namespace coverslip::test

void* operator new(std::size_t n) { return or_throw(counted(n)); }
void* operator new[](std::size_t n) { return or_throw(counted(n)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return counted(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return counted(n); }
void* operator new(std::size_t n, std::align_val_t a) { return or_throw(counted(n, static_cast<std::size_t>(a))); }
void* operator new[](std::size_t n, std::align_val_t a) { return or_throw(counted(n, static_cast<std::size_t>(a))); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return counted(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return counted(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { give_back(p); }
void operator delete[](void* p) noexcept { give_back(p); }
void operator delete(void* p, std::size_t) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t) noexcept { give_back(p); }
void operator delete(void* p, std::align_val_t) noexcept { give_back(p); }
void operator delete[](void* p, std::align_val_t) noexcept { give_back(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { give_back(p); }
