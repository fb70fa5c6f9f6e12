// Attention in blocks of queries and keys, so that only a block of the scores is ever in memory (Dao et al.,
// "FlashAttention", arXiv:2205.14135): two matrix products with a running softmax between them.
#pragma once
#include <limits>

#include "coverslip/ops/matrices/attention_shape.hpp"
#include "coverslip/ops/matrices/matrix_product.hpp"

namespace coverslip::inline v0::ops {

// Blocks of queries begin at multiples of their size, blocks of keys too, and which of them are skipped follows from
// places alone: the bits do not depend on cuts.
class AttentionStep {
 public:
  static constexpr Dim kQueries = 54, kKeys = 256;

  AttentionStep(const Attention& attention, bool mask_is_bool, const KernelTable& kernels)
      : a_(attention),
        mask_is_bool_(mask_is_bool),
        width_(static_cast<Dim>(kernels.gemm_f32.columns)),
        product_(kernels.gemm_f32),
        kernels_(kernels.attention) {
    constexpr Dim kMostKept = 2 << 20;  // bytes
    block_keys_ = std::min(kKeys, std::max<Dim>(a_.keys, 1));
    row_ = packed_width(block_keys_);
    // Panels of values, of nearly the same size in whole vectors.
    const auto lanes = static_cast<Dim>(kernels.f32_lanes);
    panels_ = (a_.v.size + width_ - 1) / width_;
    values_ = std::min(width_, (a_.v.size + panels_ * lanes - 1) / (panels_ * lanes) * lanes);
    blocks_ = (a_.keys + kKeys - 1) / kKeys;
    if (blocks_ * block_floats() * static_cast<Dim>(sizeof(float)) > kMostKept) blocks_ = 0;
  }

  std::size_t scratch_bytes() const {
    const Dim floats =
        kQueries * row_ * (mask_is_bool_ ? 2 : 1) + 2 * kQueries + std::max<Dim>(blocks_, 1) * block_floats();
    return static_cast<std::size_t>(floats) * sizeof(float) + kQueries * (3 * sizeof(void*) + sizeof(AttentionRow)) +
           static_cast<std::size_t>(blocks_) * sizeof(bool);
  }

  void run(Inputs in, View& y, const Box& box, std::byte* scratch) const {
    if (box.shape().elements() == 0) return;
    const Heads out = a_.output();
    const Range heads = out.heads_of(box), rows = box[out.row_axis()];
    Work work(*this, scratch);
    for (Dim b = box[0].begin; b < box[0].end; ++b)
      for (Dim head = heads.begin; head < heads.end; ++head) {
        if (head == heads.begin || a_.kv_head(head) != a_.kv_head(head - 1)) work.forget();
        for (Dim q0 = rows.begin / kQueries * kQueries; q0 < rows.end; q0 += kQueries) {
          const Range queries{std::max(q0, rows.begin), std::min(q0 + kQueries, rows.end)};
          run_block(in, y, {b, head, q0}, queries, work);
        }
      }
  }

 private:
  // Keys and values of a block, packed for the two products.
  Dim packed_width(Dim columns) const { return (columns + width_ - 1) / width_ * width_; }
  Dim block_floats() const { return row_ * a_.k.size + panels_ * width_ * block_keys_; }

  struct Place {
    Dim batch, head, first_query;
  };

  struct Work {
    float *packed, *scores, *bias, *most, *sum;
    AttentionRow* rows;
    const float** queries;
    float **scores_of, **outputs;
    bool* kept;
    Dim blocks;

    Work(const AttentionStep& step, std::byte* scratch) : blocks(step.blocks_) {
      packed = reinterpret_cast<float*>(scratch);
      scores = packed + std::max<Dim>(blocks, 1) * step.block_floats();
      bias = scores + kQueries * step.row_;
      most = bias + (step.mask_is_bool_ ? kQueries * step.row_ : 0);
      sum = most + kQueries;
      rows = reinterpret_cast<AttentionRow*>(sum + kQueries);
      queries = reinterpret_cast<const float**>(rows + kQueries);
      scores_of = const_cast<float**>(queries + kQueries);
      outputs = scores_of + kQueries;
      kept = reinterpret_cast<bool*>(outputs + kQueries);
      for (Dim i = 0; i < kQueries; ++i) scores_of[i] = scores + i * step.row_;
    }
    void forget() { std::fill_n(kept, blocks, false); }
  };

  void run_block(Inputs in, View& y, const Place& at, const Range& queries, Work& work) const {
    const Dim valid = a_.valid(in, at.batch), count = queries.extent();
    const Range first = a_.allowed(at.first_query, valid);
    const Range last = a_.allowed(std::min(at.first_query + kQueries, a_.q.rows) - 1, valid);
    const float* q = in[kQuery].as<float>(a_.q.at(at.batch, at.head, queries.begin));
    float* out = y.as<float>(a_.output().at(at.batch, at.head, queries.begin));
    const Dim q_step = in[kQuery].strides()[a_.q.row_axis()], out_step = y.strides()[a_.q.row_axis()];
    for (Dim i = 0; i < count; ++i) {
      work.queries[i] = q + i * q_step;
      work.outputs[i] = out + i * out_step;
      work.most[i] = -std::numeric_limits<float>::infinity();
      work.sum[i] = 0;
    }
    const MaskRows mask(a_, in, at.batch, at.head, queries.begin);
    bool later = false;
    for (Dim k0 = first.begin / kKeys * kKeys; k0 < last.end; k0 += kKeys, later = true) {
      const Range keys{k0, std::min(k0 + kKeys, last.end)};
      const float* packed = pack(in, at, k0, work);
      multiply(count, {0, keys.extent()}, a_.k.size, work.queries, packed, nullptr, work.scores_of);
      for (Dim i = 0; i < count; ++i) work.rows[i] = row_of(mask, queries.begin + i, keys, valid, later, i, work);
      kernels_.update(work.rows, static_cast<std::size_t>(count), a_.scale, a_.softcap);
      // A panel of values is as high as a block of keys, so each is multiplied by itself.
      const float* values = packed + row_ * a_.k.size;
      for (Dim column = 0; column < a_.v.size; column += values_, values += width_ * block_keys_)
        multiply(count, {column, std::min(column + values_, a_.v.size)}, keys.extent(), work.scores_of, values,
                 later ? work.outputs : nullptr, work.outputs);
    }
    for (Dim i = 0; i < count; ++i) kernels_.divide(work.outputs[i], static_cast<std::size_t>(a_.v.size), work.sum[i]);
  }

  // The keys from k0 on, transposed, and their values.
  const float* pack(Inputs in, const Place& at, Dim k0, Work& work) const {
    const Dim block = k0 / kKeys, kv = a_.kv_head(at.head), n = std::min(kKeys, a_.keys - k0);
    float* packed = work.packed + (blocks_ > 0 ? block * block_floats() : 0);
    if (blocks_ > 0 && work.kept[block]) return packed;
    const View &k = in[kKey], &v = in[kValue];
    const Dim k_step = k.strides()[a_.k.row_axis()], v_step = v.strides()[a_.v.row_axis()];
    const float* from = k.as<float>(a_.k.at(at.batch, kv, k0));
    float* to = packed;
    for (Dim i = 0; i < n; i += width_, to += width_ * a_.k.size)
      pack_panel(from + i * k_step, {1, k_step}, a_.k.size, std::min(width_, n - i), to);
    from = v.as<float>(a_.v.at(at.batch, kv, k0));
    to = packed + row_ * a_.k.size;
    for (Dim i = 0; i < a_.v.size; i += values_, to += width_ * block_keys_)
      pack_panel(from + i, {v_step, 1}, n, std::min(values_, a_.v.size - i), to);
    if (blocks_ > 0) work.kept[block] = true;
    return packed;
  }

  struct Steps {
    Dim row, column;
  };
  void pack_panel(const float* from, const Steps& steps, Dim rows, Dim columns, float* to) const {
    product_.pack({.data = from,
                   .row_step = steps.row,
                   .column_step = steps.column,
                   .factor = 1,
                   .rows = static_cast<std::size_t>(rows),
                   .columns = static_cast<std::size_t>(columns),
                   .panel = to});
  }

  void multiply(Dim rows, const Range& columns, Dim terms, const float* const* from, const float* packed,
                const float* const* init, float* const* to) const {
    product_.run({.a = from,
                  .a_rows = static_cast<std::size_t>(rows),
                  .a_offset = 0,
                  .rows = static_cast<std::size_t>(rows),
                  .columns = static_cast<std::size_t>(columns.extent()),
                  .taps = 1,
                  .channels = static_cast<std::size_t>(terms),
                  .b = packed,
                  .bias = nullptr,
                  .init = init,
                  .c = to,
                  .c_offset = static_cast<std::size_t>(columns.begin),
                  .epilogue = {}});
  }

  AttentionRow row_of(const MaskRows& mask, Dim query, const Range& keys, Dim valid, bool later, Dim i,
                      Work& work) const {
    Range allowed = a_.allowed(query, valid);
    allowed = {std::clamp(allowed.begin, keys.begin, keys.end) - keys.begin,
               std::clamp(allowed.end, keys.begin, keys.end) - keys.begin};
    allowed.end = std::max(allowed.begin, allowed.end);
    const float* bias = mask.numbers != nullptr ? mask.numbers + i * mask.step + keys.begin : nullptr;
    // A mask may be shorter than the keys: those beyond are not allowed.
    if (mask.flags != nullptr) {
      float* room = work.bias + i * row_;
      const bool* flags = mask.flags + i * mask.step + keys.begin;
      for (Dim j = allowed.begin; j < allowed.end; ++j)
        room[j] = flags[j] ? 0.0f : -std::numeric_limits<float>::infinity();
      bias = room;
    }
    return {.scores = work.scores_of[i],
            .n = static_cast<std::size_t>(keys.extent()),
            .begin = static_cast<std::size_t>(allowed.begin),
            .end = static_cast<std::size_t>(allowed.end),
            .bias = bias,
            .most = work.most + i,
            .sum = work.sum + i,
            .out = work.outputs[i],
            .out_n = later ? static_cast<std::size_t>(a_.v.size) : 0,
            .here = 0};
  }

  Attention a_;
  bool mask_is_bool_;
  Dim width_, blocks_;    // blocks_: of keys that stay packed while a head is computed; 0: none
  Dim block_keys_, row_;  // of a block: its keys, and the floats of a row of scores
  Dim panels_, values_;   // of values: how many panels, and the columns of one
  GemmF32Kernels product_;
  AttentionKernels kernels_;
};

}  // namespace coverslip::inline v0::ops
