// Attention in numbers worked by hand: scores whose exponentials are whole numbers, masks, heads, windows, a past.
#include "model_answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
const float kLn3 = std::log(3.f);
constexpr double kNear = 1e-6;

// One batch, one head, of size 1.
Tensor column(std::initializer_list<float> numbers) {
  return Tensor({1, 1, static_cast<Dim>(numbers.size()), 1}, numbers);
}

Tensor attend(const Attributes& attributes, const std::vector<Tensor>& inputs) {
  return answer("Attention", attributes, inputs);
}

std::vector<Tensor> run_all(const Attributes& attributes, const std::vector<Tensor>& inputs, std::size_t outputs) {
  return model_answers("Attention", attributes, inputs, outputs);
}

}  // namespace

TEST_CASE("Attention weighs values by the exponentials of scores") {
  const Tensor k = column({0.f, kLn3}), v = column({4.f, 8.f});
  CHECK(same_numbers(attend({}, {column({1.f, 0.f}), k, v}), column({7.f, 6.f}), kNear));
  CHECK(same_numbers(attend({{"scale", 2.f}}, {column({1.f}), k, v}), column({(4.f + 72.f) / 10}), kNear));
  CHECK(same_numbers(attend({}, {column({1000.f}), column({1.f, 1.f, -1.f}), column({1.f, 3.f, 9.f})}), column({2.f})));
}

TEST_CASE("Attention's scale is one by the root of a head's size") {
  const Tensor q({1, 1, 1, 4}, {2.f, 0.f, 0.f, 5.f}), k({1, 1, 2, 4}, {kLn3, 9.f, 9.f, 0.f, 0.f, 7.f, 0.f, 0.f});
  CHECK(same_numbers(attend({}, {q, k, column({4.f, 8.f})}), column({5.f}), kNear));
}

TEST_CASE("Attention's mask takes keys out or adds to scores, and a query without keys gives 0") {
  const Tensor q = column({0.f, 0.f}), k = column({1.f, 2.f, 3.f}), v = column({3.f, 6.f, 12.f});
  const Tensor some({2, 3}, {true, false, true, false, false, false});
  CHECK(same_numbers(attend({}, {q, k, v, some}), column({7.5f, 0.f})));
  const Tensor bias({2, 3}, {0.f, kLn3, -kInfinity, -kInfinity, -kInfinity, -kInfinity});
  CHECK(same_numbers(attend({}, {q, k, v, bias}), column({5.25f, 0.f}), kNear));
  CHECK(same_numbers(attend({}, {q, k, v, list({true, true})}), column({4.5f, 4.5f})));  // shorter: the rest is out
  CHECK(same_numbers(attend({}, {q, k, v, list({0.f})}), column({3.f, 3.f})));
}

TEST_CASE("Attention's causal mask begins at the first key, or after the past") {
  const Attributes causal{{"is_causal", Dim{1}}};
  const Tensor q = column({0.f, 0.f}), k = column({1.f, 2.f, 3.f}), v = column({3.f, 6.f, 12.f});
  CHECK(same_numbers(attend(causal, {q, k, v}), column({3.f, 4.5f})));
  CHECK(same_numbers(attend(causal, {column({0.f, 0.f, 0.f}), column({1.f}), column({5.f})}), column({5.f, 5.f, 5.f})));
  const auto made = run_all(causal, {q, column({2.f}), column({6.f}), Tensor(), column({1.f}), column({3.f})}, 3);
  CHECK(same_numbers(made.at(0), column({4.5f, 4.5f})));
  CHECK(same_numbers(made.at(1), column({1.f, 2.f})));
  CHECK(same_numbers(made.at(2), column({3.f, 6.f})));
}

TEST_CASE("a number of keys that no sequence has stands for none or all") {
  const Tensor q = column({0.f}), k = column({1.f, 2.f}), v = column({3.f, 6.f});
  const auto with = [&](std::int64_t keys, Dim causal) {
    return attend({{"is_causal", causal}}, {q, k, v, Tensor(), Tensor(), Tensor(), integers({keys})});
  };
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  for (const Dim causal : {0, 1}) {
    CHECK(same_numbers(with(-kMost - 1, causal), column({0.f})));
    CHECK(same_numbers(with(kMost, causal), column({4.5f})));
  }
}

TEST_CASE("Attention's windows bound the keys on both sides") {
  const Tensor q = column({0.f, 0.f, 0.f, 0.f}), v = column({1.f, 3.f, 5.f, 7.f});
  CHECK(same_numbers(attend({{"left_window_size", Dim{1}}}, {q, q, v}), column({4.f, 4.f, 5.f, 6.f})));
  CHECK(same_numbers(attend({{"left_window_size", Dim{0}}, {"right_window_size", Dim{1}}}, {q, q, v}),
                     column({2.f, 4.f, 6.f, 7.f})));
}

TEST_CASE("Attention leaves out keys that are padding, whose number is each sample's own") {
  const Tensor q({3, 1, 1, 1}, {0.f, 0.f, 0.f}), k({3, 1, 2, 1}, {1.f, kNaN, 1.f, 1.f, 1.f, 1.f});
  const Tensor v({3, 1, 2, 1}, {4.f, kNaN, 4.f, 8.f, 4.f, 8.f});
  const std::vector<Tensor> inputs{q, k, v, Tensor(), Tensor(), Tensor(), integers({1, 2, 0})};
  CHECK(same_numbers(attend({}, inputs), Tensor({3, 1, 1, 1}, {4.f, 6.f, 0.f})));
  // The last query is the last key: here two queries, and one of them before the first key.
  const Tensor two = column({0.f, 0.f});
  CHECK(same_numbers(
      attend({{"is_causal", Dim{1}}}, {two, two, column({4.f, 8.f}), Tensor(), Tensor(), Tensor(), integers({1})}),
      column({0.f, 4.f})));
}

TEST_CASE("Attention's groups of query heads share a key head, in either layout") {
  // Heads 0 and 1 read key head 0, heads 2 and 3 the other.
  const Tensor q({1, 4, 1, 1}, {1.f, 0.f, 1.f, 0.f}), k({1, 2, 2, 1}, {0.f, kLn3, kLn3, 0.f});
  const Tensor v({1, 2, 2, 1}, {4.f, 8.f, 40.f, 80.f});
  CHECK(same_numbers(attend({}, {q, k, v}), Tensor({1, 4, 1, 1}, {7.f, 6.f, 50.f, 60.f}), 1e-5));
  const Tensor q3({1, 1, 4}, {1.f, 0.f, 1.f, 0.f}), k3({1, 2, 2}, {0.f, kLn3, kLn3, 0.f});
  const Tensor v3({1, 2, 2}, {4.f, 40.f, 8.f, 80.f});
  CHECK(same_numbers(attend({{"q_num_heads", Dim{4}}, {"kv_num_heads", Dim{2}}}, {q3, k3, v3}),
                     Tensor({1, 1, 4}, {7.f, 6.f, 50.f, 60.f}), 1e-5));
}

TEST_CASE("Attention's softcap bounds scores before the mask") {
  // 2 ln 3 tanh(ln(3)^2 / (2 ln 3)) = ln 3, as tanh(ln(3) / 2) = 1 / 2.
  const Tensor k = column({0.f, kLn3 * kLn3}), v = column({4.f, 8.f});
  CHECK(same_numbers(attend({{"softcap", 2 * kLn3}}, {column({1.f}), k, v}), column({7.f}), kNear));
  const Tensor mask({1, 3}, {0.f, 0.f, -kInfinity});
  CHECK(same_numbers(
      attend({{"softcap", 0.5f}}, {column({0.f}), column({1.f, 1.f, 1.f}), column({1.f, 2.f, 1000.f}), mask}),
      column({1.5f})));
}

TEST_CASE("Attention's fourth output shows the stages of the scores") {
  const Tensor q = column({1.f, 0.f}), k = column({0.f, kLn3 * kLn3}), v = column({4.f, 8.f});
  const Tensor mask({2, 2}, {true, true, false, false});
  const auto stage = [&](Dim mode) {
    return run_all({{"qk_matmul_output_mode", mode}, {"softcap", 2 * kLn3}}, {q, k, v, mask}, 4).at(3);
  };
  CHECK(same_numbers(stage(0), Tensor({1, 1, 2, 2}, {0.f, kLn3 * kLn3, 0.f, 0.f}), kNear));
  CHECK(same_numbers(stage(1), Tensor({1, 1, 2, 2}, {0.f, kLn3, 0.f, 0.f}), kNear));
  const Tensor biased = stage(2);
  CHECK(biased.values<float>()[2] == -kInfinity);
  CHECK(biased.values<float>()[3] == -kInfinity);
  CHECK(same_numbers(stage(3), Tensor({1, 1, 2, 2}, {0.25f, 0.75f, 0.f, 0.f}), kNear));
}

TEST_CASE("Attention carries NaN and infinity of keys that take part, and of no others") {
  const Tensor q = column({1.f, 1.f}), v = column({4.f, 8.f});
  const Tensor mask({2, 2}, {true, true, true, false});
  CHECK(same_numbers(attend({}, {q, column({0.f, kNaN}), v, mask}), column({kNaN, 4.f})));
  CHECK(same_numbers(attend({}, {q, column({0.f, kInfinity}), v, mask}), column({kNaN, 4.f})));
  CHECK(same_numbers(attend({}, {q, column({0.f, -kInfinity}), v}), column({4.f, 4.f})));
}

TEST_CASE("Attention refuses heads, masks, pasts and attributes that do not fit") {
  const Operand x = data({1, 2, 3, 4});
  CHECK(refusal("Attention", {}, {x, data({1, 2, 3, 5}), x}) == Errc::BadShape);
  CHECK(refusal("Attention", {}, {x, data({1, 4, 3, 4}), data({1, 4, 3, 4})}) == Errc::BadShape);
  CHECK(refusal("Attention", {}, {data({1, 2, 8}), data({1, 2, 8}), data({1, 2, 8})}) == Errc::BadModel);
  CHECK(refusal("Attention", {}, {x, x, x, data({3, 4})}) == Errc::BadShape);
  CHECK(refusal("Attention", {{"softcap", -1.f}}, {x, x, x}) == Errc::BadModel);
  CHECK(refusal("Attention", {{"qk_matmul_output_mode", Dim{4}}}, {x, x, x}) == Errc::BadModel);
  CHECK(refusal("Attention", {{"left_window_size", Dim{-2}}}, {x, x, x}) == Errc::BadModel);
  CHECK(refusal("Attention", {}, {x, x, x, absent(), x}) == Errc::BadModel);
  CHECK(refusal("Attention", {}, {data(TensorType{DType::i32, {1, 2, 3, 4}}), x, x}) == Errc::Unsupported);
}

}  // namespace v0
}  // namespace coverslip
