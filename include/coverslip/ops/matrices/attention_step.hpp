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
  static constexpr Dim kQueries = 128, kKeys = 128;

  AttentionStep(const Attention& attention, bool mask_is_bool, const KernelTable& kernels)
      : a_(attention),
        mask_is_bool_(mask_is_bool),
        width_(static_cast<Dim>(kernels.gemm_f32.columns)),
        product_(kernels.gemm_f32.run),
        update_(kernels.attention.update) {
    constexpr Dim kMostKept = 2 << 20;  // bytes
    blocks_ = (a_.keys + kKeys - 1) / kKeys;
    if (blocks_ * block_floats() * static_cast<Dim>(sizeof(float)) > kMostKept) blocks_ = 0;
  }

  std::size_t scratch_bytes() const {
    const Dim floats = kQueries * kKeys + kKeys + 2 * kQueries + std::max<Dim>(blocks_, 1) * block_floats();
    return static_cast<std::size_t>(floats) * sizeof(float) + 2 * kQueries * sizeof(void*) +
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
  Dim block_floats() const { return packed_width(kKeys) * a_.k.size + packed_width(a_.v.size) * kKeys; }

  struct Place {
    Dim batch, head, first_query;
  };

  struct Work {
    float *scores, *bias, *most, *sum, *packed;
    const float** from;
    float** to;
    bool* kept;
    Dim blocks;

    Work(const AttentionStep& step, std::byte* scratch) : blocks(step.blocks_) {
      packed = reinterpret_cast<float*>(scratch);
      scores = packed + std::max<Dim>(blocks, 1) * step.block_floats();
      bias = scores + kQueries * kKeys;
      most = bias + kKeys;
      sum = most + kQueries;
      from = reinterpret_cast<const float**>(sum + kQueries);
      to = const_cast<float**>(from + kQueries);
      kept = reinterpret_cast<bool*>(to + kQueries);
    }
    void forget() { std::fill_n(kept, blocks, false); }
  };

  void run_block(Inputs in, View& y, const Place& at, const Range& queries, Work& work) const {
    const Dim valid = a_.valid(in, at.batch), count = queries.extent();
    const Range first = a_.allowed(at.first_query, valid);
    const Range last = a_.allowed(std::min(at.first_query + kQueries, a_.q.rows) - 1, valid);
    std::fill_n(work.most, count, -std::numeric_limits<float>::infinity());
    std::fill_n(work.sum, count, 0.0f);
    Dim done = 0;
    for (Dim k0 = first.begin / kKeys * kKeys; k0 < last.end; k0 += kKeys, ++done) {
      const Range keys{k0, std::min(k0 + kKeys, last.end)};
      const float* packed = pack(in, at, k0, work);
      multiply_keys(in, at, queries, keys.extent(), packed, work);
      for (Dim i = 0; i < count; ++i)
        update(in, y, at, queries.begin + i, keys, valid, {work.scores + i * kKeys, done > 0}, i, work);
      multiply_values(y, at, queries, keys.extent(), packed, done > 0, work);
    }
    const Heads out = a_.output();
    for (Dim i = 0; i < count; ++i) {
      float* row = y.as<float>(out.at(at.batch, at.head, queries.begin + i));
      const float sum = work.sum[i];
      if (sum == 0)
        std::fill_n(row, a_.v.size, 0.0f);
      else
        for (Dim d = 0; d < a_.v.size; ++d) row[d] /= sum;
    }
  }

  // The keys from k0 on, transposed, and their values.
  const float* pack(Inputs in, const Place& at, Dim k0, Work& work) const {
    const Dim block = k0 / kKeys, kv = a_.kv_head(at.head), n = std::min(kKeys, a_.keys - k0);
    float* packed = work.packed + (blocks_ > 0 ? block * block_floats() : 0);
    if (blocks_ > 0 && work.kept[block]) return packed;
    const View &k = in[kKey], &v = in[kValue];
    const Dim k_step = k.strides()[a_.k.row_axis()], v_step = v.strides()[a_.v.row_axis()];
    float* to = packed;
    for (Dim i = 0; i < n; i += width_, to += width_ * a_.k.size)
      pack_panel({k.as<float>(a_.k.at(at.batch, kv, k0 + i)), 1, k_step}, a_.k.size, std::min(width_, n - i), width_,
                 to);
    to = packed + packed_width(kKeys) * a_.k.size;
    for (Dim i = 0; i < a_.v.size; i += width_, to += width_ * kKeys)
      pack_panel({v.as<float>(a_.v.at(at.batch, kv, k0, i)), v_step, 1}, n, std::min(width_, a_.v.size - i), width_,
                 to);
    if (blocks_ > 0) work.kept[block] = true;
    return packed;
  }

  void multiply_keys(Inputs in, const Place& at, const Range& queries, Dim keys, const float* packed,
                     Work& work) const {
    for (Dim i = 0; i < queries.extent(); ++i) {
      work.from[i] = in[kQuery].as<float>(a_.q.at(at.batch, at.head, queries.begin + i));
      work.to[i] = work.scores + i * kKeys;
    }
    multiply(queries.extent(), keys, a_.k.size, packed, nullptr, work);
  }

  // A panel of values is as high as a block of keys; of a shorter block it is done by itself.
  void multiply_values(View& y, const Place& at, const Range& queries, Dim keys, const float* packed, bool adds,
                       Work& work) const {
    const float* values = packed + packed_width(kKeys) * a_.k.size;
    const Heads out = a_.output();
    for (Dim column = 0; column < a_.v.size; column += width_, values += width_ * kKeys) {
      for (Dim i = 0; i < queries.extent(); ++i) {
        work.from[i] = work.scores + i * kKeys;
        work.to[i] = y.as<float>(out.at(at.batch, at.head, queries.begin + i, column));
      }
      multiply(queries.extent(), std::min(width_, a_.v.size - column), keys, values, adds ? work.to : nullptr, work);
    }
  }

  void multiply(Dim rows, Dim columns, Dim terms, const float* packed, const float* const* init, Work& work) const {
    product_({.a = work.from,
              .a_rows = static_cast<std::size_t>(rows),
              .a_offset = 0,
              .rows = static_cast<std::size_t>(rows),
              .columns = static_cast<std::size_t>(columns),
              .taps = 1,
              .channels = static_cast<std::size_t>(terms),
              .b = packed,
              .bias = nullptr,
              .init = init,
              .c = work.to,
              .c_offset = 0,
              .epilogue = {}});
  }

  struct ScoreRow {
    float* scores;
    bool has_before;
  };

  void update(Inputs in, View& y, const Place& at, Dim query, const Range& keys, Dim valid, const ScoreRow& row, Dim i,
              Work& work) const {
    Range allowed = a_.allowed(query, valid);
    allowed = {std::clamp(allowed.begin, keys.begin, keys.end) - keys.begin,
               std::clamp(allowed.end, keys.begin, keys.end) - keys.begin};
    allowed.end = std::max(allowed.begin, allowed.end);
    update_({.scores = row.scores,
             .n = static_cast<std::size_t>(keys.extent()),
             .begin = static_cast<std::size_t>(allowed.begin),
             .end = static_cast<std::size_t>(allowed.end),
             .bias = bias(in, at, query, keys, allowed, work),
             .scale = a_.scale,
             .softcap = a_.softcap,
             .most = work.most + i,
             .sum = work.sum + i,
             .out = y.as<float>(a_.output().at(at.batch, at.head, query)),
             .out_n = row.has_before ? static_cast<std::size_t>(a_.v.size) : 0});
  }

  // Of the keys that are allowed; what lies beside them is not read. A mask may be shorter than the keys.
  const float* bias(Inputs in, const Place& at, Dim query, const Range& keys, const Range& allowed, Work& work) const {
    if (!a_.has_mask || allowed.extent() == 0) return nullptr;
    Index from = a_.mask_at(at.batch, at.head, query);
    from[from.rank() - 1] = keys.begin + allowed.begin;
    if (!mask_is_bool_) return in[kMask].as<float>(from) - allowed.begin;
    const bool* mask = in[kMask].as<bool>(from);
    for (Dim j = 0; j < allowed.extent(); ++j)
      work.bias[allowed.begin + j] = mask[j] ? 0.0f : -std::numeric_limits<float>::infinity();
    return work.bias;
  }

  Attention a_;
  bool mask_is_bool_;
  Dim width_, blocks_;  // blocks_: of keys that stay packed while a head is computed; 0: none
  void (*product_)(const IndirectF32&);
  void (*update_)(const AttentionRow&);
};

}  // namespace coverslip::inline v0::ops
