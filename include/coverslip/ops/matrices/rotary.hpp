// RotaryEmbedding: turns pairs of numbers of each head by angles that depend on the row's position.
#pragma once
#include "coverslip/ops/cost.hpp"
#include "coverslip/ops/matrices/attention_shape.hpp"
#include "coverslip/ops/shapes/indices.hpp"

namespace coverslip::inline v0::ops {

struct Rotary {
  Heads x;
  Dim half;       // pairs of each head, one at least; what follows them stays as it is
  Dim positions;  // in the caches; 0: each row has its own
  bool pairs;     // neighbours; otherwise the i-th of the first half with the i-th of the second

  Rotary(const Node& node, const Types& in)
      : x(node, in[0].shape, "num_heads"),
        half(node.attr<Dim>("rotary_embedding_dim", 0)),
        positions(node.has(3) && in[1].shape.rank() == 2 ? in[1].shape[0] : 0),
        pairs(node.attr<Dim>("interleaved", 0) != 0) {
    if (half == 0) half = x.size;
    if (half < 2 || half > x.size || half % 2 != 0)
      throw Error(Errc::BadModel, node.label(), "turns ", half, " elements of heads of ", x.size,
                  "; an even number of them wanted");
    half /= 2;
    const Shape cache = node.has(3) ? Shape{positions, half} : Shape{x.batch, x.rows, half};
    for (const std::size_t i : {1, 2})
      if (in[i].shape != cache || (node.has(3) && positions == 0 && x.shape().elements() > 0))
        throw Error(Errc::BadShape, node.label(), "input ", i, " is ", in[i].shape, ", ", cache, " wanted");
    if (node.has(3) && in[3] != TensorType{DType::i64, {x.batch, x.rows}})
      throw Error(Errc::BadShape, node.label(), "position_ids is ", in[3], ", i64 ", Shape{x.batch, x.rows}, " wanted");
  }

  // Where the angles of a row begin in the caches.
  Index angles(Inputs in, Dim b, Dim row) const {
    if (positions == 0) return {b, row, 0};
    return {place_of(*in[3].as<std::int64_t>({b, row}), positions), 0};
  }
  Dim first(Dim i) const { return pairs ? 2 * i : i; }
  Dim second(Dim i) const { return pairs ? 2 * i + 1 : half + i; }
};

inline Types rotary_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 3, 4);
  want_float(node, in, {0, 1, 2});
  for (const std::size_t i : {1, 2})
    if (in[i].dtype != in[0].dtype)
      throw Error(Errc::BadModel, node.label(), "input ", i, " is ", in[i].dtype, ", the first is ", in[0].dtype);
  const Rotary rotary(node, in);
  return {in[0]};
}

inline std::vector<Box> rotary_needed(const Node& node, const Types& in, const Box& y) {
  const Rotary rotary(node, in);
  const Range rows = y[rotary.x.row_axis()];
  std::vector<Box> boxes = whole_inputs(node, in, y);
  boxes[0] = y;
  if (rotary.positions == 0)
    for (const std::size_t i : {1, 2}) boxes[i] = {y[0], rows, Range{0, rotary.half}};
  if (node.has(3)) boxes[3] = {y[0], rows};
  return boxes;
}

// `sizes`: what rounding errors are measured by instead.
inline void rotate(const Node& node, Inputs in, View& y, bool sizes) {
  const Rotary rotary(node, types_of(in));
  for_each(Box(Shape{rotary.x.batch, rotary.x.heads, rotary.x.rows}), [&](const Index& row) {
    const auto at = [&](Dim i) { return rotary.x.at(row[0], row[1], row[2], i); };
    Index angle = rotary.angles(in, row[0], row[2]);
    for (Dim i = 2 * rotary.half; i < rotary.x.size; ++i) put_float(y, at(i), float_at(in[0], at(i)));
    for (Dim i = 0; i < rotary.half; ++i) {
      angle[angle.rank() - 1] = i;
      const double a = float_at(in[0], at(rotary.first(i))), b = float_at(in[0], at(rotary.second(i)));
      const double cos = float_at(in[1], angle), sin = float_at(in[2], angle);
      const double real = sizes ? std::abs(a * cos) + std::abs(b * sin) : a * cos - b * sin;
      const double imaginary = sizes ? std::abs(a * sin) + std::abs(b * cos) : a * sin + b * cos;
      put_float(y, at(rotary.first(i)), real);
      put_float(y, at(rotary.second(i)), imaginary);
    }
  });
}

inline void rotary_embedding(const Node& node, Inputs in, Outputs out) { rotate(node, in, out[0], false); }
inline void rotary_magnitudes(const Node& node, Inputs in, Outputs out) { rotate(node, in, out[0], true); }

inline double rotary_tolerance(const Node&, const Types&) { return 3 * 0x1p-24; }

inline std::vector<Step> plan_rotary(const Node& node, const Types& in, Constants, const PlanContext& context) {
  if (in[0].dtype != DType::f32) return {};
  const Rotary rotary(node, in);
  const Heads& x = rotary.x;
  const auto kernel = rotary.pairs ? context.kernels.rotary.pairs : context.kernels.rotary.halves;
  const auto run = [rotary, kernel](Inputs from, Outputs to, const Box& box, std::byte*) {
    if (box.shape().elements() == 0) return;
    const Heads& heads = rotary.x;
    for_each({box[0], heads.heads_of(box), box[heads.row_axis()]}, [&](const Index& row) {
      const Index at = heads.at(row[0], row[1], row[2]), angle = rotary.angles(from, row[0], row[2]);
      const float* a = from[0].as<float>(at);
      float* y = to[0].as<float>(at);
      const float *cos = from[1].as<float>(angle), *sin = from[2].as<float>(angle);
      kernel(a, cos, sin, y, static_cast<std::size_t>(rotary.half));
      if (a != y) std::copy(a + 2 * rotary.half, a + heads.size, y + 2 * rotary.half);
    });
  };
  return {{.kernel = "rotary",
           .inputs = std::vector<Form>(in.size(), {Layout::Planar}),
           .outputs = {Layout::Planar},
           .cuts = {{x.row_axis()}, {x.head_axis(), x.rank == 4 ? 1 : x.size}, {0}},
           .nanoseconds = pass_nanoseconds(2 * in[0].bytes()),
           .in_place = 0,
           .run = run}};
}

inline std::vector<Case> rotary_cases() {
  struct Row {
    Shape x;
    Dim half, heads;
    bool pairs, by_position;
    DType dtype = DType::f32;
  };
  const Row rows[] = {
      {{2, 4, 3, 8}, 4, 0, false, true},
      {{2, 3, 68}, 17, 2, true, true},
      {{1, 2, 5, 40}, 9, 0, true, false},
      {{2, 3, 99}, 16, 3, false, false},
      {{1, 1, 4, 2}, 1, 0, true, false},
      {{1, 2, 0, 4}, 2, 0, false, true},
      {{2, 4, 3, 8}, 4, 0, true, true, DType::f16},
      {{1, 2, 3, 8}, 2, 0, false, false, DType::bf16},
  };
  std::vector<Case> cases;
  for (const Row& row : rows) {
    const Dim seq = row.x.rank() == 4 ? row.x[2] : row.x[1], size = row.x.rank() == 4 ? row.x[3] : row.x[2] / row.heads;
    const Shape cache = row.by_position ? Shape{5, row.half} : Shape{row.x[0], seq, row.half};
    Case c{"RotaryEmbedding", {{"interleaved", Dim{row.pairs}}}};
    if (2 * row.half != size) c.attributes["rotary_embedding_dim"] = 2 * row.half;
    if (row.heads > 0) c.attributes["num_heads"] = row.heads;
    for (const Shape& shape : {row.x, cache, cache}) c.operands.push_back(data(TensorType{row.dtype, shape}));
    if (row.by_position) {
      Tensor ids({DType::i64, {row.x[0], seq}});
      Dim next = 7;
      for (std::int64_t& id : ids.values<std::int64_t>()) id = (next += 3) % 5;
      c.operands.push_back({Operand::Kind::Data, ids.type(), ids});
    }
    cases.push_back(c);
  }
  cases.push_back({"RotaryEmbedding", {}, {data({1, 12, 1024, 64}), data({1, 1024, 32}), data({1, 1024, 32})}, true});
  return cases;
}

inline constexpr OpDef kRotary[] = {
    {.name = "RotaryEmbedding",
     .infer = rotary_type,
     .needed = rotary_needed,
     .reference = rotary_embedding,
     .plan = plan_rotary,
     .tolerance = rotary_tolerance,
     .magnitudes = rotary_magnitudes,
     .cases = rotary_cases,
     .expand = planned_in_f32<rotary_type>},
};

}  // namespace coverslip::inline v0::ops
