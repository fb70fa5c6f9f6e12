// What chains and rounds assume of the machine when they weigh what they save.
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

// A nanosecond is one of one core.
struct CacheRules {
  std::size_t cache_bytes = 1 << 20;  // of a core: half of it for a box of all inner values; 0: no chains, no rounds
  std::size_t threads = 1;            // there shall be boxes for all of them
  // Most traffic hides behind arithmetic; that of constants that come again with each box does not.
  double value_bytes_per_nanosecond = 40, constant_bytes_per_nanosecond = 8;
  double bare_bytes_per_nanosecond = 12;    // of a value that a step without arithmetic reads or makes
  double weight_bytes_per_nanosecond = 16;  // of a whole step's, one after the other
  double call_nanoseconds = 200;
  double least_share = 0.03;  // of the steps' time: predictions are no better
  bool least_memory = false;  // rounds of all steps that can, whatever they cost
};

}  // namespace v0
}  // namespace coverslip
