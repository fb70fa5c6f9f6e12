// Attention row by row in double, with the whole scores of one query at a time.
#pragma once
#include "coverslip/ops/matrices/attention_shape.hpp"

namespace coverslip::inline v0::ops {

// One query: its scores at each stage of ONNX's pattern. A key that is masked takes no part, whatever its score;
// its value must be a number, as a kernel may multiply it by 0. A query that may attend to no key has probabilities
// and an output of 0.
struct AttentionScores {
  std::vector<double> raw, capped, biased, weights;
  double size = 0;  // bounds the magnitudes of the terms of all scores

  AttentionScores(const Attention& a, Inputs in, Dim b, Dim head, Dim query) {
    constexpr double kNone = -std::numeric_limits<double>::infinity();
    const Range allowed = a.allowed(query, a.valid(in, b));
    double most = kNone, sum = 0;
    for (Dim j = 0; j < a.keys; ++j) {
      double product = 0, product_size = 0;
      for (Dim d = 0; d < a.q.size; ++d) {
        const double term =
            double{a.scale} * float_at(in[kQuery], a.q.at(b, head, query, d)) * key(a, in, b, head, j, d);
        product += term;
        product_size += std::abs(term);
      }
      raw.push_back(product);
      capped.push_back(a.softcap != 0 ? a.softcap * std::tanh(product / a.softcap) : product);
      const double bias = allowed.begin <= j && j < allowed.end ? mask(a, in, b, head, query, j) : kNone;
      biased.push_back(bias == kNone ? kNone : capped.back() + bias);
      if (bias != kNone) size = std::max(size, product_size + std::abs(bias));
      most = std::max(most, biased.back());
    }
    for (const double x : biased) sum += weights.emplace_back(x == kNone ? 0 : std::exp(x - most));
    for (double& x : weights) x = sum == 0 ? 0 : x / sum;
  }

  static double key(const Attention& a, Inputs in, Dim b, Dim head, Dim j, Dim d) {
    const Dim kv = a.kv_head(head);
    return j < a.past ? float_at(in[kPastKey], {b, kv, j, d}) : float_at(in[kKey], a.k.at(b, kv, j - a.past, d));
  }
  static double value(const Attention& a, Inputs in, Dim b, Dim head, Dim j, Dim d) {
    const Dim kv = a.kv_head(head);
    return j < a.past ? float_at(in[kPastValue], {b, kv, j, d}) : float_at(in[kValue], a.v.at(b, kv, j - a.past, d));
  }
  static double mask(const Attention& a, Inputs in, Dim b, Dim head, Dim query, Dim j) {
    if (!a.has_mask) return 0;
    Index at = a.mask_at(b, head, query);
    at[at.rank() - 1] = j;
    if (in[kMask].dtype() != DType::boolean) return float_at(in[kMask], at);
    return *in[kMask].as<bool>(at) ? 0 : -std::numeric_limits<double>::infinity();
  }
};

// qk_matmul_output_mode: which stage the fourth output shows.
inline const std::vector<double>& shown(const Node& node, const AttentionScores& scores) {
  switch (node.attr<Dim>("qk_matmul_output_mode", 0)) {
    case 1: return scores.capped;
    case 2: return scores.biased;
    case 3: return scores.weights;
    default: return scores.raw;
  }
}

template <class F>
void for_each_query(const Attention& a, const F& f) {
  for_each(Box(Shape{a.q.batch, a.q.heads, a.q.rows}), [&](const Index& at) { f(at[0], at[1], at[2]); });
}

// The first output: sums of term(share * value, bound of the scores).
template <class F>
void attend(const Attention& a, Inputs in, View& y, const F& term) {
  const Heads rows = a.output();
  for_each_query(a, [&](Dim b, Dim head, Dim query) {
    const AttentionScores scores(a, in, b, head, query);
    for (Dim d = 0; d < a.v.size; ++d) {
      double sum = 0;
      for (Dim j = 0; j < a.keys; ++j) {
        const double weight = scores.weights[static_cast<std::size_t>(j)];
        if (weight != 0) sum += term(weight * AttentionScores::value(a, in, b, head, j, d), scores.size);
      }
      put_float(y, rows.at(b, head, query, d), sum);
    }
  });
}

inline void show_scores(const Node& node, const Attention& a, Inputs in, View& to) {
  for_each_query(a, [&](Dim b, Dim head, Dim query) {
    const AttentionScores scores(a, in, b, head, query);
    for (Dim j = 0; j < a.keys; ++j)
      put_float(to, {b, head, query, j}, shown(node, scores)[static_cast<std::size_t>(j)]);
  });
}

// The past and what follows it, [batch, heads, rows, size].
inline void join(const View* past, Dim past_rows, const View& now, const Heads& heads, View& to) {
  for_each(to.held(), [&](const Index& at) {
    const bool earlier = at[2] < past_rows;
    const Index from = earlier ? at : heads.at(at[0], at[1], at[2] - past_rows, at[3]);
    std::memcpy(to.at(at), (earlier ? *past : now).at(from), size_of(to.dtype()));
  });
}

inline void other_attention_outputs(const Node& node, const Attention& a, Inputs in, Outputs out) {
  const auto past = [&](std::size_t i) { return node.has(i) ? &in[i] : nullptr; };
  if (out.size() > 1) join(past(kPastKey), a.past, in[kKey], a.k, out[1]);
  if (out.size() > 2) join(past(kPastValue), a.past, in[kValue], a.v, out[2]);
  if (out.size() > 3) show_scores(node, a, in, out[3]);
}

inline void attention(const Node& node, Inputs in, Outputs out) {
  const Attention a(node, types_of(in));
  attend(a, in, out[0], [](double term, double) { return term; });
  other_attention_outputs(node, a, in, out);
}

// An error of a score is a relative error of its exponential, so the bound of the scores counts too.
inline void attention_magnitudes(const Node& node, Inputs in, Outputs out) {
  const Attention a(node, types_of(in));
  attend(a, in, out[0], [](double term, double size) { return std::abs(term) * (1 + size); });
  other_attention_outputs(node, a, in, out);
}

inline void attention_scores(const Node& node, Inputs in, Outputs out) {
  show_scores(node, Attention(node, types_of(in)), in, out[0]);
}

}  // namespace coverslip::inline v0::ops
