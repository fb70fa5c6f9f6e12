// How the API says that the system gave no memory: one type of error, whoever asked for it.
#pragma once
#include <new>

#include "coverslip/core/error.hpp"

namespace coverslip {
inline namespace v0 {

// f(), but std::bad_alloc becomes Error(OutOfMemory). If there is no memory for its message either, it stays
// std::bad_alloc.
template <class F>
auto or_out_of_memory(const F& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    throw Error(Errc::OutOfMemory, "memory", "the system does not give more; Options.max_memory sets a limit");
  }
}

}  // namespace v0
}  // namespace coverslip
