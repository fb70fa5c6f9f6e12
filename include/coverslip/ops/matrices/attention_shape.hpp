// The geometry of attention: heads inside three or four axes, and which keys a query may attend to.
#pragma once
#include <cmath>

#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/matrices/arithmetic.hpp"

namespace coverslip::inline v0::ops {

// Rows of `size` elements: [batch, heads, rows, size], or [batch, rows, heads * size].
struct Heads {
  std::size_t rank = 4;
  Dim batch = 0, heads = 0, rows = 0, size = 0;

  Heads() = default;
  Heads(const Node& node, const Shape& shape, const char* heads_attr) : rank(shape.rank()) {
    if (rank != 3 && rank != 4)
      throw Error(Errc::BadShape, node.label(), "an input is ", shape, ", three or four axes wanted");
    batch = shape[0];
    heads = rank == 4 ? shape[1] : node.attr<Dim>(heads_attr, 0);
    if (heads < 1)
      throw Error(Errc::BadModel, node.label(), "input ", shape, " has ", heads, " heads; attribute '", heads_attr,
                  "' wants 1 or more");
    rows = shape[rank == 4 ? 2 : 1];
    size = rank == 4 ? shape[3] : shape[2] / heads;
    if (size < 1 || (rank == 3 && shape[2] % heads != 0))
      throw Error(Errc::BadShape, node.label(), "input ", shape, " does not make ", heads, " heads");
  }

  std::size_t row_axis() const { return rank == 4 ? 2 : 1; }
  std::size_t head_axis() const { return rank == 4 ? 1 : 2; }
  Index at(Dim b, Dim head, Dim row, Dim i = 0) const {
    return rank == 4 ? Index{b, head, row, i} : Index{b, row, head * size + i};
  }
  Box box(const Range& batches, const Range& of_heads, const Range& of_rows) const {
    if (rank == 4) return {batches, of_heads, of_rows, Range{0, size}};
    return {batches, of_rows, Range{of_heads.begin * size, of_heads.end * size}};
  }
  Range heads_of(const Box& box) const { return rank == 4 ? box[1] : Range{box[2].begin / size, box[2].end / size}; }
  Shape shape() const { return rank == 4 ? Shape{batch, heads, rows, size} : Shape{batch, rows, heads * size}; }
};

// The inputs of Attention, and of its parts.
enum AttentionInput : std::size_t { kQuery, kKey, kValue, kMask, kPastKey, kPastValue, kValidKeys };

struct Attention {
  Heads q, k, v;
  Shape mask;
  bool has_mask, has_valid, causal;
  Dim past, keys;  // keys: with those of the past
  Dim left, right, offset;
  float scale, softcap;

  // Without an input v (of the scores alone) its heads are those of k.
  Attention(const Node& node, const Types& in)
      : q(node, in[kQuery].shape, "q_num_heads"),
        k(node, in[kKey].shape, "kv_num_heads"),
        v(node.has(kValue) ? Heads(node, in[kValue].shape, "kv_num_heads") : k),
        has_mask(node.has(kMask)),
        has_valid(node.has(kValidKeys)),
        causal(node.attr<Dim>("is_causal", 0) != 0),
        past(node.has(kPastKey) && in[kPastKey].shape.rank() == 4 ? in[kPastKey].shape[2] : 0),
        keys(past + k.rows),
        left(window(node, "left_window_size")),
        right(window(node, "right_window_size")),
        offset(node.attr("coverslip.offset", past)),
        scale(node.attr("scale", 1 / std::sqrt(static_cast<float>(q.size)))),
        softcap(node.attr("softcap", 0.0f)) {
    if (has_mask) mask = in[kMask].shape;
    const auto want = [&](bool fits, const char* what) {
      if (!fits)
        throw Error(Errc::BadShape, node.label(), what, ": query ", in[kQuery].shape, ", key ", in[kKey].shape,
                    ", value ", v.shape());
    };
    want(q.batch == k.batch && k.batch == v.batch, "batches differ");
    want(q.size == k.size, "heads of query and key differ in size");
    want(k.rows == v.rows && k.heads == v.heads, "keys and values differ in number");
    want(q.heads % k.heads == 0, "the heads of the query are no multiple of the key's");
    check_past(node, in);
    check_mask(node);
    if (has_valid && (in[kValidKeys] != TensorType{DType::i64, {q.batch}} || past > 0))
      throw Error(Errc::BadShape, node.label(), "nonpad_kv_seqlen is ", in[kValidKeys], ", i64 ", q.batch,
                  " wanted, and no past");
  }

  Dim kv_head(Dim head) const { return head / (q.heads / k.heads); }
  Heads output() const {
    Heads y = q;
    y.size = v.size;
    return y;
  }
  Shape scores() const { return {q.batch, q.heads, q.rows, keys}; }

  // The keys that a query may attend to, as far as this depends on places alone; `valid`: keys that are no padding.
  // Both ends grow with the query.
  Range allowed(Dim query, Dim valid) const {
    const Dim place = query + (has_valid ? valid - q.rows : offset);
    Dim end = keys;
    if (has_valid) end = std::min(end, valid);
    if (has_mask) end = std::min(end, mask[mask.rank() - 1]);
    if (causal) end = std::min(end, place + 1);
    if (right >= 0) end = std::min(end, place + right + 1);
    const Dim begin = std::clamp<Dim>(left >= 0 ? place - left : 0, 0, keys);
    return {begin, std::max(begin, end)};
  }
  Dim valid(Inputs in, Dim b) const {
    return has_valid ? std::clamp<Dim>(*in[kValidKeys].as<std::int64_t>({b}), 0, keys) : keys;
  }

  // Where the mask of a query begins.
  Index mask_at(Dim b, Dim head, Dim query) const {
    const Index all{b, head, query, 0};
    Index at(mask.rank(), 0);
    for (std::size_t axis = 0; axis + 1 < mask.rank(); ++axis)
      if (mask[axis] != 1) at[axis] = all[4 - mask.rank() + axis];
    return at;
  }

 private:
  static Dim window(const Node& node, const char* key) {
    constexpr Dim kMost = Dim{1} << 40;
    return std::min(node.attr<Dim>(key, -1), kMost);
  }
  void check_past(const Node& node, const Types& in) const {
    if (node.has(kPastKey) != node.has(kPastValue))
      throw Error(Errc::BadModel, node.label(), "past_key and past_value come together");
    if (!node.has(kPastKey)) return;
    if (in[kPastKey].shape != Shape{k.batch, k.heads, past, k.size} ||
        in[kPastValue].shape != Shape{v.batch, v.heads, past, v.size})
      throw Error(Errc::BadShape, node.label(), "past_key is ", in[kPastKey].shape, " and past_value ",
                  in[kPastValue].shape, ", which do not fit key ", k.shape(), " and value ", v.shape());
  }
  // Its last axis may be shorter than the keys, also where it is 1: those beyond take no part.
  void check_mask(const Node& node) const {
    if (!has_mask) return;
    const Shape all = scores();
    bool fits = mask.rank() >= 1 && mask.rank() <= 4 && mask[mask.rank() - 1] <= keys;
    for (std::size_t axis = 0; fits && axis + 1 < mask.rank(); ++axis)
      fits = mask[axis] == 1 || mask[axis] == all[4 - mask.rank() + axis];
    if (!fits) throw Error(Errc::BadShape, node.label(), "the mask is ", mask, ", which does not fit ", all);
  }
};

// Where the mask of a query begins, and how far from one query to the next, in elements. One of them, or none.
struct MaskRows {
  const float* numbers = nullptr;
  const bool* flags = nullptr;
  Dim step = 0;

  MaskRows(const Attention& a, Inputs in, Dim b, Dim head, Dim query) {
    if (!a.has_mask || a.mask[a.mask.rank() - 1] == 0) return;
    const View& view = in[kMask];
    const Index first = a.mask_at(b, head, query);
    const std::size_t rank = a.mask.rank();
    step = rank < 2 || a.mask[rank - 2] == 1 ? 0 : view.strides()[rank - 2];
    if (view.dtype() == DType::boolean)
      flags = view.as<bool>(first);
    else
      numbers = view.as<float>(first);
  }
};

}  // namespace coverslip::inline v0::ops
