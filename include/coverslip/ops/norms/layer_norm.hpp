// LayerNormalization and RMSNormalization: rows over the last axes, each brought to a deviation of 1, then scaled.
#pragma once
#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise/binary.hpp"
#include "coverslip/ops/norms/narrow_norm.hpp"
#include "coverslip/ops/norms/numbers.hpp"
#include "coverslip/ops/norms/statistics.hpp"

namespace coverslip::inline v0::ops {

inline bool centers(const Node& node) { return node.op == "LayerNormalization"; }

inline std::size_t first_normalized(const Node& node, const Shape& x) {
  return axis_in(node, node.attr<Dim>("axis", -1), x.rank());
}

// Of Mean and InvStdDev: 1 for each row.
inline Shape row_shape(Shape x, std::size_t first) {
  for (std::size_t axis = first; axis < x.rank(); ++axis) x[axis] = 1;
  return x;
}

// Y, and for LayerNormalization Mean and InvStdDev if the node wants them.
inline Types layer_norm_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, centers(node) ? 3 : 2);
  want_all_float(node, in);
  const Dim stash = node.attr<Dim>("stash_type", 1);
  if (stash != onnx_number(DType::f32) && stash != onnx_number(DType::bf16))
    throw Error(Errc::Unsupported, node.label(), "stash_type is ", stash, "; f32 (1) and bf16 (16) are supported");
  const Shape& x = in[0].shape;
  const Shape rows = row_shape(x, first_normalized(node, x));
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (!node.has(i)) continue;
    if (centers(node) && in[i].dtype != in[0].dtype)
      throw Error(Errc::Unsupported, node.label(), "input ", i, " is ", in[i].dtype, ", ", in[0].dtype, " as X wanted");
    if (in[i].shape.rank() > x.rank() || broadcast_shape(node, x, in[i].shape) != x)
      throw Error(Errc::BadShape, node.label(), "input ", i, " is ", in[i].shape, ", which cannot be broadcast to ", x);
  }
  Types types{{in[1].dtype, x}};
  const DType stashed = stash == onnx_number(DType::f32) ? DType::f32 : DType::bf16;
  while (centers(node) && types.size() < std::min<std::size_t>(node.outputs.size(), 3))
    types.push_back({stashed, rows});
  return types;
}

inline Box row_box(Box box, const Shape& x, std::size_t first) {
  for (std::size_t axis = first; axis < x.rank(); ++axis) box[axis] = {0, x[axis]};
  return box;
}

inline std::vector<Box> layer_norm_needed(const Node& node, const Types& in, const Box& output) {
  const Shape& x = in[0].shape;
  const Box rows = row_box(output, x, first_normalized(node, x));
  std::vector<Box> boxes{rows};
  for (std::size_t i = 1; i < in.size(); ++i) boxes.push_back(broadcast_box(in[i].shape, rows));
  return boxes;
}

// Calls f(head, row, mean, variance) for each row, with the box of its elements; of squares alone if not centered.
template <class F>
void for_each_norm_row(const Node& node, const View& x, const F& f) {
  const std::size_t first = first_normalized(node, x.shape());
  for_each(Box(row_shape(x.shape(), first)), [&](const Index& head) {
    Box row(x.shape());
    for (std::size_t axis = 0; axis < first; ++axis) row[axis] = {head[axis], head[axis] + 1};
    const double n = static_cast<double>(row.shape().elements());
    double sum = 0, squares = 0;
    if (centers(node)) for_each(row, [&](const Index& at) { sum += get_number(x, at); });
    const double mean = sum / n;
    for_each(row, [&](const Index& at) { squares += std::pow(get_number(x, at) - mean, 2); });
    f(head, row, mean, squares / n);
  });
}

inline void layer_norm(const Node& node, Inputs in, Outputs out) {
  const double epsilon = node.attr("epsilon", 1e-5f);
  const auto operand = [&](std::size_t i, const Index& at, double absent) {
    return node.has(i) ? get_number(in[i], broadcast_index(in[i].shape(), at)) : absent;
  };
  for_each_norm_row(node, in[0], [&](const Index& head, const Box& row, double mean, double variance) {
    const double inverse = 1 / std::sqrt(variance + epsilon);
    for_each(row, [&](const Index& at) {
      put_number(out[0], at, (get_number(in[0], at) - mean) * inverse * operand(1, at, 1) + operand(2, at, 0));
    });
    if (out.size() > 1) put_number(out[1], head, mean);
    if (out.size() > 2) put_number(out[2], head, inverse);
  });
}

// The distance from the mean counts, however big that is; of the mean only what is lost when it is kept as two floats.
// And so many deviations, where sums lose more.
inline void norm_magnitudes(const Node& node, Inputs in, Outputs out, double deviations) {
  const double epsilon = node.attr("epsilon", 1e-5f);
  const auto size = [&](std::size_t i, const Index& at, double absent) {
    return node.has(i) ? std::abs(get_number(in[i], broadcast_index(in[i].shape(), at))) : absent;
  };
  for_each_norm_row(node, in[0], [&](const Index& head, const Box& row, double mean, double variance) {
    const double inverse = 1 / std::sqrt(variance + epsilon), lost = std::abs(mean) * 0x1p-24,
                 more = deviations * std::sqrt(variance);
    double sizes = 0;
    for_each(row, [&](const Index& at) {
      const double x = get_number(in[0], at);
      sizes += std::abs(x);
      put_number(out[0], at, (std::abs(x - mean) + lost + more) * inverse * size(1, at, 1) + size(2, at, 0));
    });
    if (out.size() > 1) put_number(out[1], head, sizes / static_cast<double>(row.shape().elements()));
    if (out.size() > 2) put_number(out[2], head, inverse);
  });
}

inline void layer_norm_magnitudes(const Node& node, Inputs in, Outputs out) { norm_magnitudes(node, in, out, 0); }

class RowNorm {
 public:
  RowNorm(const Node& node, const Types& in, const PlanContext& context)
      : moments_(context.kernels.moments),
        squares_(context.kernels.reduce.along[static_cast<std::size_t>(Term::Square)]),
        first_(first_normalized(node, in[0].shape)),
        centered_(centers(node)),
        epsilon_(node.attr("epsilon", 1e-5f)) {
    for (std::size_t axis = first_; axis < in[0].shape.rank(); ++axis) {
      order_.push_back(axis);
      row_.push_back(in[0].shape[axis]);
    }
    for (std::size_t i = 1; i < in.size(); ++i)
      if (node.has(i)) operands_[i - 1] = {true, in[i].shape, row_.rank() == 1 && in[i].shape.elements() == row_[0]};
  }

  std::size_t scratch_bytes() const {
    std::size_t floats = Chunks::kMost;
    for (const Operand& operand : operands_)
      if (operand.given && !operand.lies) floats += static_cast<std::size_t>(row_.elements());
    return floats * sizeof(float);
  }

  void operator()(Inputs in, Outputs out, const Box& box, std::byte* scratch) const {
    if (box.shape().elements() == 0) return;
    auto* room = reinterpret_cast<float*>(scratch);
    float* copied = room + Chunks::kMost;
    Standardization by;
    by.scale = row_of(operands_[0], in, 1, copied);
    by.bias = row_of(operands_[1], in, 2, copied);
    const Index x_strides = last_axes(in[0].strides()), y_strides = last_axes(out[0].strides());
    Nest<3> lines(row_, {x_strides, y_strides, strides_of(Layout::Planar, row_)});
    lines.want_unit_strides();
    if (centered_ && out.size() == 1 && lines.is_row() && first_ > 0 && row_.elements() <= Chunks::kMost) {
      norm_rows(in[0], out[0], heads(box), by);
      return;
    }
    const Chunks chunks(in[0].strides(), box.shape(), order_);
    for_each(heads(box), [&](const Index& head) {
      const float* x = in[0].as<float>(head);
      const double inverse = measure(chunks, x, room, by);
      float* y = out[0].as<float>(head);
      lines.for_each_plane([&](const auto& at) {
        for (Dim i = 0; i < lines.outer().extent; ++i) {
          const auto& step = lines.outer().strides;
          Standardization line = by;
          const Dim flat = at[2] + i * step[2];
          if (by.scale != nullptr) line.scale += flat;
          if (by.bias != nullptr) line.bias += flat;
          moments_.standardize(x + at[0] + i * step[0], y + at[1] + i * step[1],
                               static_cast<std::size_t>(lines.inner().extent), line);
        }
      });
      if (out.size() > 1) put_number(out[1], head, double{by.mean} + double{by.rest});
      if (out.size() > 2) put_number(out[2], head, inverse);
    });
  }

 private:
  struct Operand {
    bool given = false;
    Shape shape{};
    bool lies = false;  // as a row, side by side
  };

  Box heads(Box box) const {
    for (std::size_t axis = first_; axis < box.rank(); ++axis) box[axis] = {0, 1};
    return box;
  }
  // Rows that are one chunk each, along the innermost of the other axes. Some at a time: what a processor waits for in
  // one row it can spend on others.
  void norm_rows(const View& x, View& y, Box heads, const Standardization& by) const {
    struct Row {
      const float* from;
      float *to, shift;
      Moments moments;
      Standardization by;
    };
    std::array<Row, 8> room;
    const std::size_t axis = first_ - 1, n = static_cast<std::size_t>(row_.elements());
    const Dim count = heads[axis].extent();
    heads[axis].end = heads[axis].begin + 1;
    for_each(heads, [&](const Index& head) {
      const float* from = x.as<float>(head);
      float* to = y.as<float>(head);
      for (Dim i = 0; i < count;) {
        std::size_t used = 0;
        for (; i < count && used < room.size(); ++i, from += x.strides()[axis], to += y.strides()[axis]) {
          const float shift = shift_by(from[0]);
          room[used++] = {from, to, shift, moments_.along(from, n, shift), by};
        }
        const std::span<Row> rows(room.data(), used);
        for (Row& row : rows) standardize_by(spread_of(static_cast<double>(n), row.shift, row.moments), row.by);
        for (const Row& row : rows) moments_.standardize(row.from, row.to, n, row.by);
      }
    });
  }

  Index last_axes(const Index& all) const { return Index(std::span<const Dim>(all.begin() + first_, all.end())); }

  // Scale or bias, an element for each of a row, copied where they do not lie so.
  const float* row_of(const Operand& operand, Inputs in, std::size_t i, float*& room) const {
    if (!operand.given) return nullptr;
    const auto* first = reinterpret_cast<const float*>(in[i].at(in[i].origin()));
    if (operand.lies) return first;
    const Index strides = broadcast_strides(in[i], operand.shape, in[0].shape().rank());
    move_elements(DType::f32, reinterpret_cast<const std::byte*>(first), last_axes(strides),
                  reinterpret_cast<std::byte*>(room), strides_of(Layout::Planar, row_), row_);
    const float* copy = room;
    room += row_.elements();
    return copy;
  }

  // 1 / deviation.
  double measure(const Chunks& chunks, const float* x, float* room, Standardization& by) const {
    if (centered_) return standardize_by(spread_of(moments_, chunks, x, room), by);
    double squares = 0;
    chunks.for_each(x, room, [&](const float* chunk, std::size_t n) { squares += squares_(chunk, n, 0); });
    return scale_by(squares / static_cast<double>(chunks.elements()), by);
  }
  double standardize_by(const Spread& spread, Standardization& by) const {
    by.mean = static_cast<float>(spread.mean);
    by.rest = rest_of(spread.mean);
    return scale_by(spread.variance(), by);
  }
  double scale_by(double variance, Standardization& by) const {
    const double inverse = 1 / std::sqrt(variance + double{epsilon_});
    by.factor = static_cast<float>(inverse);
    return inverse;
  }

  MomentKernels moments_;
  double (*squares_)(const float*, std::size_t, float);
  std::size_t first_;
  bool centered_;
  float epsilon_;
  Shape row_;                   // the normalized axes
  PerAxis<std::size_t> order_;  // the same, as axes of x
  std::array<Operand, 2> operands_{};
};

// Whether scale and bias are the same for each row.
inline bool operands_are_rows(const Node& node, const Types& in) {
  const std::size_t rank = in[0].shape.rank(), first = first_normalized(node, in[0].shape);
  bool rows = true;
  for (std::size_t i = 1; i < in.size(); ++i)
    for (std::size_t axis = 0; node.has(i) && axis < in[i].shape.rank(); ++axis)
      rows = rows && (axis + rank - in[i].shape.rank() >= first || in[i].shape[axis] == 1);
  return rows;
}

// Whether rows lie along the last axis alone, with a scale and a bias for each of their numbers.
inline bool is_plain_layer_norm(const Node& node, const Types& in) {
  const Shape& x = in[0].shape;
  const std::size_t last = x.rank() - 1;
  if (!centers(node) || node.outputs.size() > 1 || !node.has(2) || last == 0) return false;
  return first_normalized(node, x) == last && in[1].shape.elements() == x[last] && in[2].shape.elements() == x[last];
}

inline std::vector<Step> plan_layer_norm(const Node& node, const Types& in, Constants, const PlanContext& context) {
  const Shape& x = in[0].shape;
  const std::size_t first = first_normalized(node, x);
  // Of nothing there is a mean, of which a box of the first output says nothing.
  if (!operands_are_rows(node, in) || (x.elements() == 0 && node.outputs.size() > 1)) return {};
  for (std::size_t i = 0; i < in.size(); ++i)
    if (node.has(i) && in[i].dtype != DType::f32) return {};
  std::vector<Cut> cuts;
  for (std::size_t axis = 0; axis < first; ++axis) cuts.push_back({axis});
  const RowNorm run(node, in, context);
  constexpr double kPasses = 2, kRow = 40;  // nanoseconds that each row costs, however short it is
  const auto rows = static_cast<double>(row_shape(x, first).elements());
  Step step{.kernel = centers(node) ? "layer_norm" : "rms_norm",
            .cuts = std::move(cuts),
            .scratch_bytes = run.scratch_bytes(),
            .nanoseconds = kPasses * pass_nanoseconds(in[0].bytes()) + kRow * rows,
            .in_place = 0,
            .run = run};
  auto candidates = in_each_layout(in.size(), node.outputs.size(), std::move(step));
  if (!same_order(x)) candidates.pop_back();
  if (context.bf16 && is_plain_layer_norm(node, in))
    for (Step& narrow : narrow_norms(candidates.front(), x, node.attr("epsilon", 1e-5f), context.kernels.moments)) {
      narrow.magnitudes = [node](Inputs from, Outputs to) { norm_magnitudes(node, from, to, 1); };
      candidates.push_back(std::move(narrow));
    }
  return candidates;
}

// Roundings: of the factor, of the distance twice, of three operations, and of the reference; the variance, summed in
// double around one of its numbers, adds less than one.
inline double layer_norm_tolerance(const Node&, const Types&) { return 8 * 0x1p-24; }

// Scale and bias of which rows have different ones come after the norm.
inline std::optional<Graph> expand_layer_norm(const Node& node, const Types& in, Constants constants) {
  if (auto graph = widened(node, in, layer_norm_type(node, in, constants))) return graph;
  if (operands_are_rows(node, in)) return std::nullopt;
  Graph graph = graph_for(node, in);
  Node plain = node;
  plain.name = "normalized";
  plain.inputs = {graph.inputs[0], graph.constant(Tensor({1}, {1.0f}))};
  for (ValueId& v : plain.outputs) v = graph.add({.name = "normalized"});
  graph.outputs = plain.outputs;
  graph.nodes.push_back(plain);
  graph.outputs[0] = graph.append("Mul", "scaled", {plain.outputs[0], graph.inputs[1]});
  if (node.has(2)) graph.outputs[0] = graph.append("Add", "moved", {graph.outputs[0], graph.inputs[2]});
  return graph;
}

inline std::vector<Case> row_norm_cases(const std::string& op) {
  const auto axis = [](Dim a) { return Attributes{{"axis", a}, {"epsilon", 0.01f}}; };
  const auto half = [](DType dtype, const Shape& shape) { return data(TensorType{dtype, shape}); };
  std::vector<Case> cases{{op, {}, {data({2, 5, 7}), weights({7})}},
                          {op, axis(-1), {data({1, 3, 64}), data({64})}},
                          {op, axis(1), {data({3, 2, 19}), weights({2, 19})}},
                          {op, axis(2), {data({2, 3, 5, 9}), weights({1, 1, 5, 9})}},
                          {op, axis(1), {data({2, 3, 4, 5}), weights({3, 1, 1})}},
                          {op, axis(0), {data({3, 11}), weights({})}},
                          {op, {}, {data({2, 3, 1}), weights({1})}},
                          {op, {}, {data({17}), weights({17})}},
                          {op, {}, {data({2, 3, 5}), weights({3, 1})}},
                          {op, {}, {data({2, 0}), weights({0})}},
                          {op, axis(1), {data({2, 70, 131}), weights({70, 131})}},
                          {op, {}, {far_from_zero({3, 300}), weights({300})}},
                          {op, {}, {half(DType::f16, {2, 3, 9}), half(DType::f16, {9})}},
                          {op, axis(1), {half(DType::bf16, {2, 3, 9}), half(DType::bf16, {3, 9})}},
                          {op, {}, {data({1, 197, 768}), weights({768})}, true}};
  return cases;
}

inline std::vector<Case> rms_norm_cases() { return row_norm_cases("RMSNormalization"); }

inline std::vector<Case> layer_norm_cases() {
  const std::string op = "LayerNormalization";
  std::vector<Case> cases = row_norm_cases(op);
  for (const Dim n : {16, 21, 64, 133}) cases.push_back({op, {}, {data({2, 9, n}), weights({n}), weights({n})}});
  cases.push_back({op, {}, {far_from_zero({17, 40}), weights({40}), weights({40})}});
  cases.push_back({op, {}, {far_from_zero({17, 37}, 300), weights({37}), weights({37})}});  // in bf16 not all the same
  cases.push_back({op, {{"axis", Dim{1}}}, {data({2, 5, 7}), weights({5, 7}), weights({7})}});
  cases.push_back({op, {}, {data({2, 5, 7}), weights({7}), weights({2, 5, 7})}});
  cases.push_back({op, {}, {data({2, 3, 19}), data({3, 1}), data({2, 1, 1})}, false, 3});
  for (const std::size_t outputs : {2, 3}) {
    cases.push_back({op, {}, {data({2, 5, 7}), weights({7}), weights({7})}, false, outputs});
    cases.push_back({op, {{"axis", Dim{1}}}, {far_from_zero({2, 5, 7}), weights({7})}, false, outputs});
    const TensorType bf16{DType::bf16, {2, 33}}, row{DType::bf16, {33}};
    cases.push_back({op, {{"stash_type", Dim{16}}}, {data(bf16), data(row), data(row)}, false, outputs});
  }
  return cases;
}

inline constexpr OpDef kLayerNorm[] = {
    {.name = "LayerNormalization",
     .infer = layer_norm_type,
     .needed = layer_norm_needed,
     .reference = layer_norm,
     .plan = plan_layer_norm,
     .tolerance = layer_norm_tolerance,
     .magnitudes = layer_norm_magnitudes,
     .cases = layer_norm_cases,
     .expand = expand_layer_norm},
    {.name = "RMSNormalization",
     .infer = layer_norm_type,
     .needed = layer_norm_needed,
     .reference = layer_norm,
     .plan = plan_layer_norm,
     .tolerance = layer_norm_tolerance,
     .magnitudes = layer_norm_magnitudes,
     .cases = rms_norm_cases,
     .expand = expand_layer_norm},
};

}  // namespace coverslip::inline v0::ops
