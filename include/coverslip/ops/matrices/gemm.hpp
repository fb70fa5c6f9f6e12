// Gemm: alpha A' B' + beta C, where ' may transpose; with a residual and an activation of ours.
#pragma once
#include <bit>

#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/matrices/matmul.hpp"

namespace coverslip::inline v0::ops {

struct Gemm {
  bool trans_a, trans_b;
  float alpha, beta;
  Dim m, n, k;

  Gemm(const Node& node, const Shape& a, const Shape& b)
      : trans_a(node.attr<Dim>("transA", 0) != 0),
        trans_b(node.attr<Dim>("transB", 0) != 0),
        alpha(node.attr("alpha", 1.0f)),
        beta(node.attr("beta", 1.0f)) {
    if (a.rank() != 2 || b.rank() != 2)
      throw Error(Errc::BadShape, node.label(), "inputs ", a, " and ", b, ": wants two matrices");
    m = a[trans_a ? 1 : 0];
    k = a[trans_a ? 0 : 1];
    n = b[trans_b ? 0 : 1];
    if (b[trans_b ? 1 : 0] != k)
      throw Error(Errc::BadShape, node.label(), "inputs ", a, " and ", b, " do not fit each other");
  }
};

// The place in C, which is broadcast, that output y reads.
inline Index gemm_c_place(const Shape& c, const Index& y) {
  Index at(c.rank(), 0);
  for (std::size_t i = 0; i < c.rank(); ++i) at[i] = c[i] == 1 ? 0 : y[2 - c.rank() + i];
  return at;
}

inline Types gemm_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 4);
  want_arithmetic(node, in);
  const Gemm gemm(node, in[0].shape, in[1].shape);
  const auto is_whole = [](float x) { return std::abs(x) < 0x1p24f && std::trunc(x) == x; };
  if ((in[0].dtype == DType::i32 || in[0].dtype == DType::i64) &&
      (!is_whole(gemm.alpha) || !is_whole(gemm.beta) || node.attributes.contains("activation")))
    throw Error(Errc::Unsupported, node.label(), "integers with an activation, or alpha or beta that is none");
  const Shape y{gemm.m, gemm.n};
  y.elements();
  if (node.has(2)) {
    const Shape& c = in[2].shape;
    bool fits = c.rank() <= 2;
    for (std::size_t i = 0; fits && i < c.rank(); ++i) fits = c[i] == 1 || c[i] == y[2 - c.rank() + i];
    if (!fits) throw Error(Errc::BadShape, node.label(), "input C is ", c, ", which cannot be broadcast to ", y);
  }
  if (node.has(3) && in[3].shape != y)
    throw Error(Errc::BadShape, node.label(), "residual is ", in[3].shape, ", wants ", y);
  epilogue_of(node);
  return {{in[0].dtype, y}};
}

inline std::vector<Box> gemm_needed(const Node& node, const Types& in, const Box& y) {
  const Gemm gemm(node, in[0].shape, in[1].shape);
  const Range k{0, gemm.k};
  std::vector<Box> boxes(in.size());
  boxes[0] = gemm.trans_a ? Box{k, y[0]} : Box{y[0], k};
  boxes[1] = gemm.trans_b ? Box{y[1], k} : Box{k, y[1]};
  if (node.has(2)) {
    const Shape& c = in[2].shape;
    boxes[2] = Box(c);
    for (std::size_t i = 0; i < c.rank(); ++i)
      if (c[i] != 1) boxes[2][i] = y[2 - c.rank() + i];
  }
  if (node.has(3)) boxes[3] = y;
  return boxes;
}

inline void gemm(const Node& node, Inputs in, Outputs out) {
  const Gemm gemm(node, in[0].shape(), in[1].shape());
  const Epilogue epilogue = epilogue_of(node);
  visit_arithmetic(out[0].dtype(), [&]<class T>(T) {
    const auto factor = [](float x) { return static_cast<Wide<T>>(static_cast<Signed<T>>(x)); };
    for_each(out[0].held(), [&](const Index& y) {
      Wide<T> sum = 0;
      for (Dim k = 0; k < gemm.k; ++k)
        sum += widen(*in[0].as<T>(gemm.trans_a ? Index{k, y[0]} : Index{y[0], k})) *
               widen(*in[1].as<T>(gemm.trans_b ? Index{y[1], k} : Index{k, y[1]}));
      sum *= factor(gemm.alpha);
      if (node.has(2)) sum += factor(gemm.beta) * widen(*in[2].as<T>(gemm_c_place(in[2].shape(), y)));
      if (node.has(3)) sum += widen(*in[3].as<T>(y));
      if constexpr (!std::is_integral_v<T>) sum = activate(epilogue, sum);
      *out[0].as<T>(y) = narrow<T>(sum);
    });
  });
}

// The reference of magnitudes, as alpha and beta may be negative.
inline void gemm_magnitudes(const Node& node, Inputs in, Outputs out) {
  Node plain = node;
  plain.attributes["alpha"] = std::abs(node.attr("alpha", 1.0f));
  plain.attributes["beta"] = std::abs(node.attr("beta", 1.0f));
  plain.attributes.erase("activation");
  product_magnitudes(plain, in, out, gemm);
}

inline double gemm_tolerance(const Node& node, const Types& in) {
  return product_tolerance(Gemm(node, in[0].shape, in[1].shape).k, epilogue_of(node));
}

// C as one row: of as many elements as there are columns, or of one.
inline bool is_row(const Shape& c) { return c.rank() < 2 || c[0] == 1; }

inline Form gemm_bias_form(const Gemm& gemm, Dim width) {
  const Panels panels{1, gemm.n, 1, width};
  return {.packing = "gemm bias for " + std::to_string(gemm.n) + " times " +
                     std::to_string(std::bit_cast<std::uint32_t>(gemm.beta)) + ", " + to_string(panels),
          .pack =
              [panels, beta = gemm.beta](const Tensor& c, Tensor& packed) {
                const auto from = c.values<float>();
                const auto to = packed.values<float>();
                const auto columns = static_cast<std::size_t>(panels.columns);
                for (std::size_t i = 0; i < to.size(); ++i)
                  to[i] = i < columns ? beta * from[from.size() == 1 ? 0 : i] : 0.0f;
              },
          .packed = panels.type()};
}

inline FillPanel gemm_weights(const Gemm& gemm, const Panels& panels, const TransposeKernels& transpose) {
  const Panels::Source source{
      .column = gemm.trans_b ? gemm.k : 1, .inner = gemm.trans_b ? 1 : gemm.n, .inner_rows = gemm.k};
  return [panels, source, transpose, alpha = gemm.alpha](const float* weights, std::size_t, Dim panel, float* to) {
    panels.fill_panel(weights, panel, to, source, transpose);
    if (alpha != 1) std::transform(to, to + panels.rows * panels.width, to, [&](float x) { return x * alpha; });
  };
}

inline Form gemm_weights_form(const Gemm& gemm, Dim width, const TransposeKernels& transpose) {
  const Panels panels{1, gemm.n, gemm.k, width};
  return panels_form(std::string("gemm ") + (gemm.trans_b ? "transposed" : "straight") + " times " +
                         std::to_string(std::bit_cast<std::uint32_t>(gemm.alpha)) + ", " + to_string(panels),
                     panels, gemm_weights(gemm, panels, transpose));
}

inline Step gemm_step(const Node& node, const Types& in, const Gemm& gemm, const MatrixProduct& product, bool row_bias,
                      const KernelTable& kernels) {
  const double outputs = static_cast<double>(gemm.m) * static_cast<double>(gemm.n);
  const bool wide = gemm.n > gemm.m;  // each piece reads the whole of the other operand
  const Cut by_rows{0, product.least_rows}, by_columns{1, product.width};
  Step step{
      .kernel = product.packed ? "gemm" : "gemm_unpacked",
      .inputs = {{Layout::Planar},
                 product.packed ? gemm_weights_form(gemm, product.width, kernels.transpose) : Form{Layout::Planar}},
      .outputs = {Layout::Planar},
      .cuts = wide ? std::vector{by_columns, by_rows} : std::vector{by_rows, by_columns},
      .scratch_bytes = product.scratch_bytes(gemm.n),
      .nanoseconds = product.nanoseconds(outputs, in[0].bytes() + in[1].bytes(), kernels),
      .multiply_adds = outputs * static_cast<double>(gemm.k),
      .run = {}};
  if (in.size() > 2) step.inputs.push_back(row_bias ? gemm_bias_form(gemm, product.width) : Form{Layout::Planar});
  if (in.size() > 3) step.inputs.push_back({Layout::Planar});
  if (node.has(3)) step.in_place = 3;
  step.run = [gemm, product, row_bias, has_residual = node.has(3), c_shape = node.has(2) ? in[2].shape : Shape{}](
                 Inputs from, Outputs to, const Box& box, std::byte* scratch) {
    if (box.shape().elements() == 0) return;
    const View* c = product.computes_init ? &from[2] : nullptr;
    const View* residual = has_residual ? &from[3] : nullptr;
    MatrixProduct::Rows rows(product, box[1], scratch);
    const float* bias = row_bias ? packed_floats(from[2]) + box[1].begin : nullptr;
    if (product.packed) {
      rows.use(packed_floats(from[1]), {}, bias);
    } else {
      const View& b = from[1];
      const Index first = gemm.trans_b ? Index{box[1].begin, 0} : Index{0, box[1].begin};
      const float* data = gemm.k > 0 ? b.as<float>(first) : nullptr;
      const Dim s0 = b.strides()[0], s1 = b.strides()[1];
      rows.use(nullptr, gemm.trans_b ? MatrixView{data, s1, s0, gemm.alpha} : MatrixView{data, s0, s1, gemm.alpha},
               bias);
    }
    for (Dim m = box[0].begin; m < box[0].end; ++m) {
      const float* init = residual != nullptr ? residual->as<float>({m, box[1].begin}) : nullptr;
      if (c != nullptr) {
        float* sums = rows.next_init();
        for (Dim n = box[1].begin; n < box[1].end; ++n)
          sums[n - box[1].begin] = gemm.beta * *c->as<float>(gemm_c_place(c_shape, {m, n})) +
                                   (init != nullptr ? init[n - box[1].begin] : 0.0f);
        init = sums;
      }
      const View& a = from[0];
      const float* row = gemm.k > 0 ? a.as<float>(gemm.trans_a ? Index{0, m} : Index{m, 0}) : nullptr;
      rows.add(row, a.strides()[gemm.trans_a ? 0 : 1], to[0].as<float>({m, box[1].begin}), init);
    }
    rows.flush();
  };
  return step;
}

inline std::vector<Step> plan_gemm(const Node& node, const Types& in, Constants constants, const PlanContext& context) {
  if (in[0].dtype != DType::f32) return {};
  const Gemm gemm(node, in[0].shape, in[1].shape);
  const bool row_bias = node.has(2) && constants[2] != nullptr && is_row(in[2].shape);
  MatrixProduct product{.terms = gemm.k,
                        .packed = constants[1] != nullptr,
                        .copies_a = gemm.trans_a,
                        .computes_init = node.has(2) && !row_bias,
                        .epilogue = epilogue_of(node)};
  product.use(context.kernels.gemm_f32);
  std::vector<Step> steps{gemm_step(node, in, gemm, product, row_bias, context.kernels)};
  if (!context.bf16 || !product.packed || gemm.k == 0) return steps;
  product.use(context.kernels.gemm_bf16);
  const Panels panels{1, gemm.n, gemm.k, product.width};
  Step step = gemm_step(node, in, gemm, product, row_bias, context.kernels);
  step.kernel += "_bf16";
  step.bf16 = true;
  step.inputs[1] = bf16_form({{panels}}, step.inputs[1].packing, gemm_weights(gemm, panels, context.kernels.transpose),
                             context.kernels.gemm_bf16);
  step.nanoseconds = bf16_nanoseconds(static_cast<double>(gemm.m), panels, context.kernels);
  step.tolerance = bf16_tolerance(gemm.k, product.epilogue);
  steps.push_back(std::move(step));
  return steps;
}

inline std::vector<Case> gemm_cases() {
  struct Row {
    Dim m, n, k;
    Shape c;
    Attributes attributes;
    bool constant, residual;
    DType dtype = DType::f32;
  };
  const Row rows[] = {
      {1, 1, 1, {}, {}, true, false},
      {3, 17, 5, {17}, {{"transB", Dim{1}}}, true, false},
      {15, 33, 7, {1, 33}, {{"alpha", -0.5f}, {"beta", 2.0f}, {"activation", std::string("Relu")}}, true, true},
      {7, 70, 1030, {1}, {{"activation", std::string("Sigmoid")}}, true, false},
      {29, 31, 6, {29, 1}, {{"transA", Dim{1}}, {"beta", -0.25f}}, true, false},
      {14, 32, 9, {14, 32}, {{"transB", Dim{1}}}, true, true},
      {5, 40, 8, {40}, {{"transA", Dim{1}}, {"transB", Dim{1}}}, false, false},
      {13, 15, 8, {}, {{"activation", std::string("LeakyRelu")}, {"activation_alpha", 0.1f}}, false, true},
      {1, 65, 3, {65}, {}, false, false},
      {7, 18, 11, {7, 1}, {{"alpha", -1.5f}, {"beta", 0.5f}, {"transB", Dim{1}}}, false, true},
      {9, 17, 5, {9, 17}, {{"alpha", 0.25f}, {"transA", Dim{1}}}, false, true},
      {4, 3, 0, {3}, {}, false, false},
      {0, 3, 2, {}, {}, false, false},
      {3, 5, 4, {5}, {{"alpha", 2.0f}, {"beta", -1.0f}}, false, false, DType::i32},
      {3, 5, 4, {}, {{"transA", Dim{1}}}, false, false, DType::i64},
      {3, 5, 4, {1}, {{"alpha", 0.5f}}, false, false, DType::f16},
      {3, 5, 4, {}, {{"transB", Dim{1}}}, false, false, DType::bf16},
  };
  std::vector<Case> cases;
  for (const Row& row : rows) {
    const bool a = row.attributes.contains("transA"), b = row.attributes.contains("transB");
    const Shape x = a ? Shape{row.k, row.m} : Shape{row.m, row.k}, w = b ? Shape{row.n, row.k} : Shape{row.k, row.n};
    Case c{"Gemm", row.attributes, {data(x), row.constant ? weights(w) : data(w)}};
    if (row.c.rank() > 0)
      c.operands.push_back(row.constant && row.c.rank() == 1 ? weights(row.c) : data(row.c));
    else if (row.residual)
      c.operands.push_back(absent());
    if (row.residual) c.operands.push_back(data({row.m, row.n}));
    for (Operand& operand : c.operands) operand.type.dtype = row.dtype;
    cases.push_back(c);
  }
  for (const auto& [m, n, k] : {std::array<Dim, 3>{1, 1000, 2048}, {1, 1000, 1280}, {197, 768, 192}})
    cases.push_back({"Gemm", {{"transB", Dim{1}}}, {data({m, k}), weights({n, k}), weights({n})}, true});
  return cases;
}

inline constexpr OpDef kGemm[] = {
    {.name = "Gemm",
     .infer = gemm_type,
     .needed = gemm_needed,
     .reference = gemm,
     .plan = plan_gemm,
     .tolerance = gemm_tolerance,
     .magnitudes = gemm_magnitudes,
     .cases = gemm_cases,
     .expand = planned_in_f32<gemm_type>},
    {.name = "MatMul",
     .infer = matmul_type,
     .needed = matmul_needed,
     .reference = matmul,
     .plan = plan_matmul,
     .tolerance = matmul_tolerance,
     .magnitudes = matmul_magnitudes,
     .cases = matmul_cases,
     .expand = planned_in_f32<matmul_type>},
};

}  // namespace coverslip::inline v0::ops
