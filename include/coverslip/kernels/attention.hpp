// Contract of the kernel between the two products of attention: a running softmax.
#pragma once
#include <cstddef>

namespace coverslip {
inline namespace v0 {

// One query and a block of n keys. Nothing is aligned; n is at least 1.
struct AttentionRow {
  float* scores;  // in: the products; out: e^(score - most), 0 of keys that take no part
  std::size_t n;
  std::size_t begin, end;  // the keys that may take part; begin <= end <= n
  const float* bias;       // n floats; a key whose bias is -infinity takes no part. May be null
  float *most, *sum;  // of the keys before: the greatest score, at first -infinity, and the sum of e^(score - most)
  float* out;         // of the keys before: the sums of values, to be multiplied by e^(old most - new most)
  std::size_t out_n;  // 0: there were none
  float here;         // room for the kernel
};

struct AttentionKernels {
  // The recurrence of Milakov and Gimelshein, "Online normalizer calculation for softmax", arXiv:1805.02867, of some
  // rows. score = softcap * tanh(scale * product / softcap) + bias; softcap 0: none.
  void (*update)(AttentionRow* rows, std::size_t count, float scale, float softcap);
  // y[i] /= by, which is 0 where no key took part, and then y is 0.
  void (*divide)(float* y, std::size_t n, float by);
};

}  // namespace v0
}  // namespace coverslip
