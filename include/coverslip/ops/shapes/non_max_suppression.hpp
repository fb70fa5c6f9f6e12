// NonMaxSuppression: of boxes that overlap, the one with the highest score.
#pragma once
#include "coverslip/ops/shapes/select.hpp"

namespace coverslip::inline v0::ops {

struct Suppression {
  std::int64_t most = 0;  // boxes of each class
  double most_overlap = 0;
  std::optional<double> least_score{};
  bool centered = false;
};

template <class F>
Suppression suppression_of(const Node& node, const F& view) {
  Suppression s;
  const auto number = [&](std::size_t i) { return *view(i).template as<float>(view(i).origin()); };
  if (node.has(2)) s.most = *view(2).template as<std::int64_t>(view(2).origin());
  if (node.has(3)) s.most_overlap = number(3);
  if (node.has(4)) s.least_score = number(4);
  s.centered = node.attr<Dim>("center_point_box", 0) != 0;
  return s;
}

struct Corners {
  double top, left, bottom, right;
  double area() const { return (bottom - top) * (right - left); }
};

// Two corners y x y x in any order, or the centre x y, width and height.
inline Corners corners_of(const Suppression& s, const View& boxes, Dim batch, Dim box) {
  const auto number = [&](Dim i) { return double{*boxes.as<float>({batch, box, i})}; };
  const double a = number(0), b = number(1), c = number(2), d = number(3);
  if (s.centered) return {b - d / 2, a - c / 2, b + d / 2, a + c / 2};
  return {std::min(a, c), std::min(b, d), std::max(a, c), std::max(b, d)};
}

inline double overlap(const Corners& a, const Corners& b) {
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (!(height > 0) || !(width > 0) || !(a.area() > 0) || !(b.area() > 0)) return 0;
  return height * width / (a.area() + b.area() - height * width);
}

// Calls f(batch, class, box) for each box that stays, those with higher scores first, of equals the first.
template <class F>
void for_each_kept(const Suppression& s, const View& boxes, const View& scores, const F& f) {
  const Shape& shape = scores.shape();
  const auto score = [&](Dim batch, Dim kind, Dim box) { return *scores.as<float>({batch, kind, box}); };
  for (Dim batch = 0; batch < shape[0]; ++batch)
    for (Dim kind = 0; kind < shape[1]; ++kind) {
      std::vector<Dim> order;
      for (Dim box = 0; box < shape[2]; ++box)
        if (const float now = score(batch, kind, box); now == now && (!s.least_score || now > *s.least_score))
          order.push_back(box);
      std::stable_sort(order.begin(), order.end(),
                       [&](Dim a, Dim b) { return score(batch, kind, a) > score(batch, kind, b); });
      std::vector<Corners> kept;
      for (const Dim box : order) {
        if (static_cast<std::int64_t>(kept.size()) >= s.most) break;
        const Corners corners = corners_of(s, boxes, batch, box);
        if (std::any_of(kept.begin(), kept.end(),
                        [&](const Corners& k) { return overlap(k, corners) > s.most_overlap; }))
          continue;
        kept.push_back(corners);
        f(batch, kind, box);
      }
    }
}

inline Types non_max_suppression_type(const Node& node, const Types& in, Constants constants) {
  want_inputs(node, in, 2, 5);
  const Shape &boxes = in[0].shape, &scores = in[1].shape;
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes[2] != 4 || boxes[0] != scores[0] || boxes[1] != scores[2])
    throw Error(Errc::BadShape, node.label(), "boxes are ", boxes, ", scores are ", scores,
                "; batch x boxes x 4 and batch x classes x boxes wanted");
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!node.has(i)) continue;
    const DType wanted = i == 2 ? DType::i64 : DType::f32;
    if (in[i].dtype != wanted || (i > 1 && in[i].shape.elements() != 1))
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", to_string(in[i]), ", ", wanted, " wanted",
                  i > 1 ? ", one number" : "");
  }
  const auto view = [&](std::size_t i) { return known_tensor(node, constants, i).view(); };
  Dim count = 0;
  for_each_kept(suppression_of(node, view), view(0), view(1), [&](Dim, Dim, Dim) { ++count; });
  return {{DType::i64, {count, 3}}};
}

inline void non_max_suppression(const Node& node, Inputs in, Outputs out) {
  Dim row = 0;
  const auto view = [&](std::size_t i) { return in[i]; };
  for_each_kept(suppression_of(node, view), in[0], in[1], [&](Dim batch, Dim kind, Dim box) {
    const Dim found[] = {batch, kind, box};
    for (Dim i = 0; i < 3; ++i) *out[0].as<std::int64_t>({row, i}) = found[i];
    ++row;
  });
}

inline std::vector<Case> non_max_suppression_cases() {
  const Operand boxes =
      given(Tensor({1, 6, 4}, {0.f, 0.f,  1.f, 1.f,  0.f, 0.1f,  1.f, 1.1f,  0.f, -0.1f, 1.f, 0.9f,
                               0.f, 10.f, 1.f, 11.f, 1.f, 11.1f, 0.f, 10.1f, 0.f, 100.f, 1.f, 101.f}));
  const Operand scores = given(Tensor({1, 1, 6}, {0.9f, 0.75f, 0.6f, 0.95f, 0.5f, 0.3f}));
  const auto number = [](float x) { return given(Tensor({1}, {x})); };
  const auto most = [](std::int64_t n) { return given(Tensor({}, {n})); };
  return {{"NonMaxSuppression", {}, {boxes, scores, most(3), number(0.5f), number(0)}},
          {"NonMaxSuppression", {}, {boxes, scores, most(9), number(0.5f), number(0.4f)}},
          {"NonMaxSuppression", {{"center_point_box", Dim{1}}}, {boxes, scores, most(6), number(0.2f)}},
          {"NonMaxSuppression", {}, {boxes, scores, most(6), absent(), number(0.7f)}},
          {"NonMaxSuppression", {}, {boxes, scores}}};
}

inline constexpr OpDef kNonMaxSuppression[] = {
    {.name = "NonMaxSuppression",
     .infer = non_max_suppression_type,
     .needed = whole_inputs,
     .reference = non_max_suppression,
     .cases = non_max_suppression_cases,
     .of_contents = 0b11111},
};

}  // namespace coverslip::inline v0::ops
