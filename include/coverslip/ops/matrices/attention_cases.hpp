// Samples of Attention and of its parts.
#pragma once
#include "coverslip/ops/matrices/attention.hpp"

namespace coverslip::inline v0::ops {

struct AttentionCase {
  Shape q, k, v, mask;
  Attributes attributes;
  DType mask_type = DType::f32, dtype = DType::f32;
  Dim past = -1;             // rows; none if negative
  std::vector<Dim> valid{};  // keys of each sample
  std::size_t outputs = 1;
};

inline Operand numbers_of(std::span<const Dim> numbers) {
  Tensor t({DType::i64, {static_cast<Dim>(numbers.size())}});
  std::copy(numbers.begin(), numbers.end(), t.values<std::int64_t>().begin());
  return given(std::move(t));
}

inline Case attention_case(const AttentionCase& row, const char* op) {
  Case c{.op = op, .attributes = row.attributes, .outputs = row.outputs};
  for (const Shape& shape : {row.q, row.k, row.v}) c.operands.push_back(data(TensorType{row.dtype, shape}));
  c.operands.push_back(row.mask.rank() > 0 ? data(TensorType{row.mask_type, row.mask}) : absent());
  const Dim heads = row.k.rank() == 4 ? row.k[1] : std::get<Dim>(row.attributes.at("kv_num_heads"));
  for (const Shape& shape : {row.k, row.v}) {
    const Dim size = shape.rank() == 4 ? shape[3] : shape[2] / heads;
    c.operands.push_back(row.past < 0 ? absent() : data(TensorType{row.dtype, {shape[0], heads, row.past, size}}));
  }
  if (!row.valid.empty()) c.operands.push_back(numbers_of(row.valid));
  return c;
}

// Heads of 16 to 128 and others, sequences beside and beyond a block.
inline std::vector<Case> attention_cases() {
  const auto heads = [](Dim q, Dim kv) { return Attributes{{"q_num_heads", q}, {"kv_num_heads", kv}}; };
  const auto with = [](Attributes a, const char* key, Attribute value) {
    a[key] = std::move(value);
    return a;
  };
  const Attributes causal{{"is_causal", Dim{1}}};
  const AttentionCase rows[] = {
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}, {}, {}},
      {{2, 3, 4, 8}, {2, 3, 6, 8}, {2, 3, 6, 10}, {}, {{"scale", 0.3f}}},
      {{1, 2, 130, 16}, {1, 2, 259, 16}, {1, 2, 259, 17}, {}, causal},
      {{1, 1, 131, 64}, {1, 1, 131, 64}, {1, 1, 131, 64}, {}, with(causal, "softcap", 3.0f)},
      {{2, 4, 5, 33}, {2, 2, 129, 33}, {2, 2, 129, 5}, {2, 4, 5, 129}, {{"softcap", 0.5f}}, DType::boolean},
      {{1, 3, 7, 128}, {1, 1, 20, 128}, {1, 1, 20, 128}, {7, 20}, {}},
      {{3, 2, 55, 18}, {3, 2, 49, 18}, {3, 2, 49, 100}, {2, 55, 49}, {}},
      {{2, 9, 24}, {2, 11, 12}, {2, 11, 18}, {2, 1, 9, 8}, heads(6, 3)},
      {{2, 300, 32}, {2, 3, 16}, {2, 3, 6}, {3}, with(heads(4, 2), "is_causal", Dim{1}), DType::boolean},
      {{1, 2, 140, 4},
       {1, 2, 270, 4},
       {1, 2, 270, 3},
       {},
       {{"left_window_size", Dim{20}}, {"right_window_size", Dim{3}}}},
      {{2, 2, 3, 8}, {2, 2, 6, 8}, {2, 2, 6, 8}, {2, 3, 6}, causal, DType::boolean, DType::f32, -1, {6, 2}},
      {{2, 2, 1, 8}, {2, 1, 8, 8}, {2, 1, 8, 8}, {}, {}, DType::f32, DType::f32, -1, {0, 5}},
      {{1, 2, 66, 33}, {1, 2, 32, 33}, {1, 2, 32, 16}, {66, 32}, {{"left_window_size", Dim{2}}}},
      {{1, 128, 64}, {1, 64, 64}, {1, 64, 66}, {}, heads(2, 2)},
      {{1, 1, 2, 3}, {1, 1, 0, 3}, {1, 1, 0, 4}, {}, {}},
      {{1, 1, 0, 3}, {1, 1, 2, 3}, {1, 1, 2, 4}, {}, {}},
      {{2, 3, 4, 8}, {2, 3, 6, 8}, {2, 3, 6, 8}, {4, 9}, causal, DType::f32, DType::f32, 3, {}, 3},
      {{2, 4, 24},
       {2, 6, 8},
       {2, 6, 10},
       {4, 18},
       with(heads(6, 2), "qk_matmul_output_mode", Dim{2}),
       DType::f32,
       DType::f32,
       12,
       {},
       4},
      {{1, 2, 4, 8},
       {1, 2, 6, 8},
       {1, 2, 6, 8},
       {4, 6},
       {{"qk_matmul_output_mode", Dim{3}}},
       DType::boolean,
       DType::f32,
       -1,
       {},
       4},
      {{1, 1, 4, 8},
       {1, 1, 6, 8},
       {1, 1, 6, 8},
       {},
       {{"qk_matmul_output_mode", Dim{1}}, {"softcap", 2.0f}},
       DType::f32,
       DType::f32,
       0,
       {},
       4},
      {{2, 3, 4, 8}, {2, 3, 6, 8}, {2, 3, 6, 8}, {4, 6}, causal, DType::f16, DType::f16},
      {{1, 2, 4, 8}, {1, 2, 6, 8}, {1, 2, 6, 8}, {4, 6}, {}, DType::boolean, DType::bf16, 2, {}, 3},
  };
  std::vector<Case> cases;
  for (const AttentionCase& row : rows) cases.push_back(attention_case(row, "Attention"));
  for (const auto& [heads_of, queries, size] : {std::array<Dim, 3>{3, 197, 64}, {12, 1024, 64}, {8, 4096, 32}}) {
    const Shape shape{1, heads_of, queries, size};
    Case c = attention_case({shape, shape, shape, {}, {}}, "Attention");
    c.bench = true;
    cases.push_back(c);
  }
  return cases;
}

// Queries of three axes over keys of four, and an offset.
inline std::vector<Case> attention_part_cases() {
  const Attributes attributes{{"is_causal", Dim{1}}, {"coverslip.offset", Dim{4}}, {"q_num_heads", Dim{4}}};
  return {attention_case({{2, 5, 32}, {2, 2, 9, 8}, {2, 2, 9, 6}, {5, 9}, attributes}, "coverslip.Attention")};
}

inline std::vector<Case> attention_scores_cases() {
  Case c = attention_part_cases().front();
  c.op = "coverslip.AttentionScores";
  c.operands[kValue] = absent();
  return {c};
}

inline constexpr OpDef kAttention[] = {
    {.name = "Attention",
     .infer = attention_type,
     .needed = attention_needed,
     .reference = attention,
     .plan = plan_attention,
     .tolerance = attention_tolerance,
     .magnitudes = attention_magnitudes,
     .cases = attention_cases,
     .expand = expand_attention},
    {.name = "coverslip.Attention",
     .infer = attention_type,
     .needed = attention_needed,
     .reference = attention,
     .plan = plan_attention,
     .tolerance = attention_tolerance,
     .magnitudes = attention_magnitudes,
     .cases = attention_part_cases},
    {.name = "coverslip.AttentionScores",
     .infer = attention_scores_type,
     .needed = whole_inputs,
     .reference = attention_scores,
     .cases = attention_scores_cases},
};

}  // namespace coverslip::inline v0::ops
