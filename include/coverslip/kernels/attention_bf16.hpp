// Contract of attention in bf16: scores, softmax and sums of values of a block of queries.
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

// Keys or values of one head: rows of `size` numbers.
struct HeadRows {
  const std::byte* from;
  std::ptrdiff_t step;  // bytes
  bool bf16;            // else f32
  std::size_t rows, size;
};

// A few queries of one head. Every number of y has the same bits whatever queries are computed with it.
struct AttentionBf16 {
  const std::byte* q;
  std::ptrdiff_t q_step;           // in bytes, as all steps
  bool q_bf16;                     // else f32
  std::size_t queries, size;       // size: terms of a score
  const std::byte *keys, *values;  // packed, all of the head
  std::size_t most;                // keys that were packed
  std::size_t first, last;         // keys before and after these take no part in any of the queries
  const std::size_t *begin, *end;  // of each query: the keys that take part
  const float* bias;               // of each query `most` floats; -infinity: takes no part. May be null
  std::ptrdiff_t bias_step;        // in floats
  float scale, softcap;            // score = softcap * tanh(scale * product / softcap) + bias; softcap 0: none
  std::byte* y;
  std::ptrdiff_t y_step;
  bool y_bf16;
  std::size_t value_size;
  std::byte* scratch;  // aligned
};

// Scaled Q, K, V and the shares of the softmax are rounded to bf16, sums are f32.
struct AttentionBf16Kernels {
  std::size_t queries = 0;                      // that are computed together at most
  void (*run)(const AttentionBf16&) = nullptr;  // null: the target has none
  // A thread calls them before and after any number of runs.
  void (*begin)() = nullptr;
  void (*end)() = nullptr;
  void (*pack_keys)(const HeadRows&, std::byte* to) = nullptr;
  void (*pack_values)(const HeadRows&, std::size_t most, std::byte* to) = nullptr;  // with zeros up to `most` rows
  std::size_t (*keys_bytes)(std::size_t rows, std::size_t size) = nullptr;
  std::size_t (*values_bytes)(std::size_t rows, std::size_t size) = nullptr;
  std::size_t (*scratch_bytes)(std::size_t most, std::size_t size, std::size_t value_size) = nullptr;
};

}  // namespace v0
}  // namespace coverslip
