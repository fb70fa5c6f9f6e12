// Unique and NonMaxSuppression, with the examples of ONNX's text and of its tests.
#include "answers.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

std::vector<Tensor> unique(const Tensor& x, const Attributes& attributes = {}) {
  return Sample(*find_op("Unique"), {.op = "Unique", .attributes = attributes, .operands = {given(x)}, .outputs = 4})
      .references();
}

bool same(const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  bool all = got.size() == want.size();
  for (std::size_t i = 0; all && i < got.size(); ++i) all = same_numbers(got[i], want[i]);
  return all;
}

const Tensor kBoxes({1, 6, 4}, {0.f, 0.f,  1.f, 1.f,  0.f, 0.1f,  1.f, 1.1f,  0.f, -0.1f, 1.f, 0.9f,
                                0.f, 10.f, 1.f, 11.f, 0.f, 10.1f, 1.f, 11.1f, 0.f, 100.f, 1.f, 101.f});
const Tensor kScores({1, 1, 6}, {0.9f, 0.75f, 0.6f, 0.95f, 0.5f, 0.3f});

Tensor kept(const Tensor& boxes, const Tensor& scores, std::int64_t most, float overlap, float score,
            const Attributes& attributes = {}) {
  return answer("NonMaxSuppression", attributes, {boxes, scores, integers({most}), list({overlap}), list({score})});
}

}  // namespace

TEST_CASE("Unique finds each element once, sorted or in the order in which it meets them") {
  const Tensor x = list({2.f, 1.f, 1.f, 3.f, 4.f, 3.f});
  CHECK(same(unique(x, {{"sorted", Dim{0}}}), {list({2.f, 1.f, 3.f, 4.f}), integers({0, 1, 3, 4}),
                                               integers({0, 1, 1, 2, 3, 2}), integers({1, 2, 2, 1})}));
  CHECK(same(unique(x), {list({1.f, 2.f, 3.f, 4.f}), integers({1, 0, 3, 4}), integers({1, 0, 0, 2, 3, 2}),
                         integers({2, 1, 2, 1})}));
  CHECK(same(unique(Tensor({2, 2}, {1.f, 3.f, 2.f, 3.f})),
             {list({1.f, 2.f, 3.f}), integers({0, 2, 1}), integers({0, 2, 1, 2}), integers({1, 1, 2})}));
}

TEST_CASE("Unique compares slices along an axis as wholes") {
  const Tensor rows({3, 3}, {1.f, 0.f, 0.f, 1.f, 0.f, 0.f, 2.f, 3.f, 4.f});
  CHECK(same(unique(rows, {{"axis", Dim{0}}}), {Tensor({2, 3}, {1.f, 0.f, 0.f, 2.f, 3.f, 4.f}), integers({0, 2}),
                                                integers({0, 0, 1}), integers({2, 1})}));
  const Tensor x({2, 4, 2}, {1.f, 1.f, 0.f, 1.f, 2.f, 1.f, 0.f, 1.f, 1.f, 1.f, 0.f, 1.f, 2.f, 1.f, 0.f, 1.f});
  CHECK(same(unique(x, {{"axis", Dim{1}}}),
             {Tensor({2, 3, 2}, {0.f, 1.f, 1.f, 1.f, 2.f, 1.f, 0.f, 1.f, 1.f, 1.f, 2.f, 1.f}), integers({1, 0, 2}),
              integers({1, 0, 2, 0}), integers({2, 1, 1})}));
  const Tensor last({3, 3}, {1.f, 0.f, 0.f, 1.f, 0.f, 0.f, 2.f, 3.f, 3.f});
  CHECK(same(unique(last, {{"axis", Dim{-1}}}), {Tensor({3, 2}, {0.f, 1.f, 0.f, 1.f, 3.f, 2.f}), integers({1, 0}),
                                                 integers({1, 0, 0}), integers({2, 1})}));
}

TEST_CASE("NonMaxSuppression drops boxes that overlap one with a higher score") {
  const auto found = [](std::initializer_list<std::int64_t> rows) {
    return Tensor({static_cast<Dim>(rows.size()) / 3, 3}, rows);
  };
  CHECK(same_numbers(kept(kBoxes, kScores, 3, 0.5f, 0), found({0, 0, 3, 0, 0, 0, 0, 0, 5})));
  CHECK(same_numbers(kept(kBoxes, kScores, 3, 0.5f, 0.4f), found({0, 0, 3, 0, 0, 0})));
  CHECK(same_numbers(kept(kBoxes, kScores, 2, 0.5f, 0), found({0, 0, 3, 0, 0, 0})));
  const Tensor flipped({1, 6, 4}, {1.f, 1.f,  0.f, 0.f,  0.f, 0.1f,  1.f, 1.1f,  0.f, 0.9f,  1.f, -0.1f,
                                   0.f, 10.f, 1.f, 11.f, 1.f, 10.1f, 0.f, 11.1f, 1.f, 101.f, 0.f, 100.f});
  CHECK(same_numbers(kept(flipped, kScores, 3, 0.5f, 0), found({0, 0, 3, 0, 0, 0, 0, 0, 5})));
  const Tensor centers({1, 6, 4}, {0.5f, 0.5f,  1.f, 1.f, 0.5f, 0.6f,  1.f, 1.f, 0.5f, 0.4f,   1.f, 1.f,
                                   0.5f, 10.5f, 1.f, 1.f, 0.5f, 10.6f, 1.f, 1.f, 0.5f, 100.5f, 1.f, 1.f});
  CHECK(same_numbers(kept(centers, kScores, 3, 0.5f, 0, {{"center_point_box", Dim{1}}}),
                     found({0, 0, 3, 0, 0, 0, 0, 0, 5})));
  const Tensor corner({1, 2, 4}, {0.f, 0.f, 1.f, 1.f, 0.5f, 0.5f, 1.5f, 1.5f});
  CHECK(same_numbers(kept(corner, Tensor({1, 1, 2}, {0.9f, 0.8f}), 3, 1.f / 7, 0), found({0, 0, 0, 0, 0, 1})));
  const Tensor twice({1, 2, 6}, {0.9f, 0.75f, 0.6f, 0.95f, 0.5f, 0.3f, 0.9f, 0.75f, 0.6f, 0.95f, 0.5f, 0.3f});
  CHECK(same_numbers(kept(kBoxes, twice, 2, 0.5f, 0), found({0, 0, 3, 0, 0, 0, 0, 1, 3, 0, 1, 0})));
  CHECK(answer("NonMaxSuppression", {}, {kBoxes, kScores}).shape() == Shape{0, 3});
}

TEST_CASE("NonMaxSuppression keeps one of ten equal boxes, and none without a score") {
  Tensor boxes(TensorType{DType::f32, {1, 10, 4}}), scores(TensorType{DType::f32, {1, 1, 10}});
  for (std::size_t i = 0; i < 40; ++i) boxes.values<float>()[i] = i % 4 < 2 ? 0.f : 1.f;
  for (float& score : scores.values<float>()) score = 0.9f;
  CHECK(same_numbers(kept(boxes, scores, 3, 0.5f, 0), Tensor({1, 3}, {Dim{0}, Dim{0}, Dim{0}})));
  for (float& score : scores.values<float>()) score = std::numeric_limits<float>::quiet_NaN();
  CHECK(kept(boxes, scores, 3, 0.5f, 0).shape() == Shape{0, 3});
  CHECK(refusal("NonMaxSuppression", {}, {data({1, 6, 4}), data({1, 1, 5})}) == Errc::BadShape);
  CHECK(refusal("NonMaxSuppression", {}, {data({1, 6, 3}), data({1, 1, 6})}) == Errc::BadShape);
}

}  // namespace v0
}  // namespace coverslip
