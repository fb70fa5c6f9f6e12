// Attention with both products in bf16: keys and values of a head are packed once, then queries go in blocks with all
// of their scores.
#pragma once
#include "coverslip/ops/matrices/attention_shape.hpp"

namespace coverslip::inline v0::ops {

// Blocks of queries begin at multiples of their size: which panels of keys are skipped follows from places alone.
class AttentionBf16Step {
 public:
  static constexpr Dim kMostKeys = 4096;  // more scores would leave the cache

  AttentionBf16Step(const Attention& attention, bool mask_is_bool, const AttentionBf16Kernels& kernels)
      : a_(attention),
        kernels_(kernels),
        queries_(static_cast<Dim>(kernels.queries)),
        keys_bytes_(aligned(kernels.keys_bytes(size(a_.keys), size(a_.k.size)))),
        values_bytes_(aligned(kernels.values_bytes(size(a_.keys), size(a_.v.size)))),
        work_bytes_(aligned(kernels.scratch_bytes(size(a_.keys), size(a_.k.size), size(a_.v.size)))),
        flags_bytes_(mask_is_bool ? aligned(size(queries_ * a_.keys) * sizeof(float)) : 0),
        varies_(a_.causal || a_.left >= 0 || a_.right >= 0) {}

  std::size_t scratch_bytes() const {
    return keys_bytes_ + values_bytes_ + work_bytes_ + flags_bytes_ + 2 * size(queries_) * sizeof(std::size_t);
  }
  Dim queries() const { return queries_; }

  void run(Inputs in, View& y, const Box& box, std::byte* scratch) const {
    if (box.shape().elements() == 0) return;
    const Range heads = a_.output().heads_of(box), rows = box[a_.q.row_axis()];
    const Room room(*this, scratch);
    kernels_.begin();
    for (Dim b = box[0].begin; b < box[0].end; ++b) {
      const Dim valid = a_.valid(in, b);
      if (!varies_) allow(0, queries_, valid, room);
      for (Dim head = heads.begin; head < heads.end; ++head) {
        if (head == heads.begin || a_.kv_head(head) != a_.kv_head(head - 1)) pack(in, b, a_.kv_head(head), valid, room);
        for (Dim q0 = rows.begin / queries_ * queries_; q0 < rows.end; q0 += queries_)
          run_block(in, y, {b, head, q0, valid}, {std::max(q0, rows.begin), std::min(q0 + queries_, rows.end)}, room);
      }
    }
    kernels_.end();
  }

 private:
  static std::size_t size(Dim n) { return static_cast<std::size_t>(n); }

  struct Room {
    std::byte *keys, *values, *work;
    float* flags;
    std::size_t *begin, *end;  // of each query, the keys that take part

    Room(const AttentionBf16Step& step, std::byte* scratch)
        : keys(scratch),
          values(keys + step.keys_bytes_),
          work(values + step.values_bytes_),
          flags(reinterpret_cast<float*>(work + step.work_bytes_)),
          begin(reinterpret_cast<std::size_t*>(work + step.work_bytes_ + step.flags_bytes_)),
          end(begin + step.queries_) {}
  };
  struct Place {
    Dim batch, head, first_query, valid;
  };

  // Values that are padding need not be numbers.
  void pack(Inputs in, Dim b, Dim head, Dim valid, const Room& room) const {
    if (a_.keys == 0) return;
    kernels_.pack_keys(rows_of(in[kKey], a_.k, b, head, a_.keys), room.keys);
    kernels_.pack_values(rows_of(in[kValue], a_.v, b, head, valid), size(a_.keys), room.values);
  }
  // Strides of a view are in elements, those of the kernel in bytes: numbers may be narrow.
  static Dim step_of(const View& view, const Heads& heads) {
    return view.strides()[heads.row_axis()] * static_cast<Dim>(size_of(view.dtype()));
  }
  static HeadRows rows_of(const View& view, const Heads& heads, Dim b, Dim head, Dim rows) {
    return {.from = view.at(heads.at(b, head, 0)),
            .step = step_of(view, heads),
            .bf16 = view.dtype() == DType::bf16,
            .rows = size(rows),
            .size = size(heads.size)};
  }

  void allow(Dim query, Dim count, Dim valid, const Room& room) const {
    for (Dim i = 0; i < count; ++i) {
      const Range allowed = a_.allowed(query + i, valid);
      room.begin[i] = size(allowed.begin);
      room.end[i] = size(allowed.end);
    }
  }

  void run_block(Inputs in, View& y, const Place& at, const Range& queries, const Room& room) const {
    const Dim count = queries.extent();
    if (varies_) allow(queries.begin, count, at.valid, room);
    const Range first = a_.allowed(at.first_query, at.valid);
    const Range last = a_.allowed(std::min(at.first_query + queries_, a_.q.rows) - 1, at.valid);
    const MaskRows mask(a_, in, at.batch, at.head, queries.begin);
    if (mask.flags != nullptr) read_flags(mask, count, room);
    const bool flags = mask.flags != nullptr;
    kernels_.run({.q = in[kQuery].at(a_.q.at(at.batch, at.head, queries.begin)),
                  .q_step = step_of(in[kQuery], a_.q),
                  .q_bf16 = in[kQuery].dtype() == DType::bf16,
                  .queries = size(count),
                  .size = size(a_.q.size),
                  .keys = room.keys,
                  .values = room.values,
                  .most = size(a_.keys),
                  .first = size(std::min(first.begin, last.end)),
                  .last = size(last.end),
                  .begin = room.begin,
                  .end = room.end,
                  .bias = flags ? room.flags : mask.numbers,
                  .bias_step = flags ? a_.keys : mask.step,
                  .scale = a_.scale,
                  .softcap = a_.softcap,
                  .y = y.at(a_.output().at(at.batch, at.head, queries.begin)),
                  .y_step = step_of(y, a_.q),
                  .y_bf16 = y.dtype() == DType::bf16,
                  .value_size = size(a_.v.size),
                  .scratch = room.work});
  }

  void read_flags(const MaskRows& mask, Dim count, const Room& room) const {
    for (Dim i = 0; i < count; ++i)
      for (std::size_t j = room.begin[i]; j < room.end[i]; ++j)
        room.flags[size(i * a_.keys) + j] =
            mask.flags[i * mask.step + static_cast<Dim>(j)] ? 0.0f : -std::numeric_limits<float>::infinity();
  }

  Attention a_;
  AttentionBf16Kernels kernels_;
  Dim queries_;
  std::size_t keys_bytes_, values_bytes_, work_bytes_, flags_bytes_;
  bool varies_;  // which keys take part, from query to query
};

}  // namespace coverslip::inline v0::ops
