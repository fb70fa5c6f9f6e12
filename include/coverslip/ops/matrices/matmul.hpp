// MatMul: A [...,M,K] times B [...,K,N], leading axes broadcast against each other; a vector is a matrix of one row or
// column. With a bias [N], a residual and an activation of ours.
#pragma once
#include "coverslip/ops/fused.hpp"
#include "coverslip/ops/matrices/arithmetic.hpp"
#include "coverslip/ops/matrices/matmul_bf16.hpp"
#include "coverslip/ops/matrices/matrix_product.hpp"

namespace coverslip::inline v0::ops {

inline Types matmul_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 2, 4);
  want_arithmetic(node, in);
  const MatMul matmul(node, in[0].shape, in[1].shape);
  matmul.output.elements();
  if (node.has(2) && (matmul.b.rank() < 2 || in[2].shape != Shape{matmul.n}))
    throw Error(Errc::BadShape, node.label(), "bias is ", in[2].shape, ", wants one number a column of ", matmul.b);
  if (node.has(3) && in[3].shape != matmul.output)
    throw Error(Errc::BadShape, node.label(), "residual is ", in[3].shape, ", wants ", matmul.output);
  if (epilogue_of(node).activation != Activation::None && (in[0].dtype == DType::i32 || in[0].dtype == DType::i64))
    throw Error(Errc::Unsupported, node.label(), "integers with an activation");
  return {{in[0].dtype, matmul.output}};
}

// A quantized product asks for its operands alone, whatever else the node has.
inline std::vector<Box> matmul_needed(const Node& node, const Types& in, const Box& y) {
  const MatMul matmul(node, in[0].shape, in[1].shape);
  std::vector<Box> boxes{Box(matmul.a), Box(matmul.b)};
  for (Box& box : boxes) {
    const std::size_t own = box.rank() > 2 ? box.rank() - 2 : 0;
    for (std::size_t axis = 0; axis < own; ++axis)
      if (box[axis].end != 1) box[axis] = y[axis + matmul.batch - own];
  }
  if (matmul.a.rank() > 1) boxes[0][matmul.a.rank() - 2] = matmul.rows(y);
  if (matmul.b.rank() > 1) boxes[1][matmul.b.rank() - 1] = matmul.columns(y);
  boxes.resize(in.size());
  if (in.size() > 2 && node.has(2)) boxes[2] = {matmul.columns(y)};
  if (in.size() > 3 && node.has(3)) boxes[3] = y;
  return boxes;
}

inline void matmul(const Node& node, Inputs in, Outputs out) {
  const MatMul product(node, in[0].shape(), in[1].shape());
  const Epilogue epilogue = epilogue_of(node);
  visit_arithmetic(out[0].dtype(), [&]<class T>(T) {
    for_each(out[0].held(), [&](const Index& y) {
      const Dim m = product.a.rank() > 1 ? y[product.batch] : 0, n = product.b.rank() > 1 ? y[y.rank() - 1] : 0;
      Wide<T> sum = 0;
      for (Dim k = 0; k < product.k; ++k)
        sum += widen(*in[0].as<T>(product.a_place(y, m, k))) * widen(*in[1].as<T>(product.b_place(y, k, n)));
      if (node.has(2)) sum += widen(*in[2].as<T>({n}));
      if (node.has(3)) sum += widen(*in[3].as<T>(y));
      if constexpr (!std::is_integral_v<T>) sum = activate(epilogue, sum);
      *out[0].as<T>(y) = narrow<T>(sum);
    });
  });
}

// The reference of the inputs' magnitudes, before the activation that `plain` lacks.
inline void product_magnitudes(const Node& plain, Inputs in, Outputs out, decltype(OpDef::reference) reference) {
  std::vector<Tensor> values(in.size());
  std::vector<View> views(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!plain.has(i)) continue;
    values[i] = Tensor({in[i].dtype(), in[i].shape()});
    views[i] = values[i].view();
    visit_arithmetic(in[i].dtype(), [&]<class T>(T) {
      const auto size = [](T x) { return narrow<T>(static_cast<Wide<T>>(std::abs(static_cast<Signed<T>>(widen(x))))); };
      for_each(in[i].held(), [&](const Index& at) { *views[i].as<T>(at) = size(*in[i].as<T>(at)); });
    });
  }
  reference(plain, views, out);
}

inline void matmul_magnitudes(const Node& node, Inputs in, Outputs out) {
  Node plain = node;
  plain.attributes.erase("activation");
  product_magnitudes(plain, in, out, matmul);
}

inline double matmul_tolerance(const Node& node, const Types& in) {
  return product_tolerance(MatMul(node, in[0].shape, in[1].shape).k, epilogue_of(node));
}

inline Panels::Source matmul_weights_source(const Panels& panels) {
  return {.group = panels.rows * panels.columns, .inner = panels.columns, .inner_rows = panels.rows};
}

inline FillPanel matmul_weights(const Panels& panels) {
  return [panels, source = matmul_weights_source(panels)](const float* weights, std::size_t, Dim panel, float* to) {
    panels.fill_panel(weights, panel, to, source, {});
  };
}

inline Form matmul_weights_form(const MatMul& matmul, Dim width) {
  const Panels panels{matmul.b_count(), matmul.n, matmul.k, width};
  return {.packing = "matmul, " + to_string(panels),
          .pack =
              [panels, source = matmul_weights_source(panels)](const Tensor& weights, Tensor& packed) {
                panels.fill(weights.values<float>().data(), packed.values<float>().data(), source);
              },
          .packed = panels.type()};
}

// `bias` and `residual`: their views, or null.
inline void run_matmul(const MatMul& matmul, const MatrixProduct& product, Inputs from, const View* bias,
                       const View* residual, View& to, const Box& box, std::byte* scratch) {
  if (box.shape().elements() == 0) return;
  const Range m = matmul.rows(box), n = matmul.columns(box);
  const Panels panels{matmul.b_count(), matmul.n, product.panel_rows, product.width};
  MatrixProduct::Rows rows(product, n, scratch);
  Box samples = box;  // one index for each matrix of the output
  for (std::size_t axis = matmul.batch; axis < box.rank(); ++axis) samples[axis].end = samples[axis].begin + 1;
  const float* const added = bias != nullptr ? packed_floats(*bias) + n.begin : nullptr;
  const Dim a_step = matmul.k > 0 ? matmul.a_step(from[0]) : 0, c_step = matmul.y_step(to),
            init_step = residual != nullptr ? matmul.y_step(*residual) : 0;
  Dim used = -1;
  for_each(samples, [&](const Index& y) {
    if (const Dim index = matmul.b_index(y); index != used) {
      if (product.packed) {
        rows.use(packed_floats(from[1]) + index * panels.group_floats(), {}, added);
      } else {
        const View& b = from[1];
        const Dim row = b.strides()[b.shape().rank() > 1 ? b.shape().rank() - 2 : 0];
        const float* data = matmul.k > 0 ? b.as<float>(matmul.b_place(y, 0, n.begin)) : nullptr;
        rows.use(nullptr, {data, row, b.shape().rank() > 1 ? b.strides()[b.shape().rank() - 1] : 0}, added);
      }
      used = index;
    }
    const Index first = matmul.y_place(y, m.begin, n.begin);
    const float *a = matmul.k > 0 ? from[0].as<float>(matmul.a_place(y, m.begin, 0)) : nullptr,
                *init = residual != nullptr ? residual->as<float>(first) : nullptr;
    float* c = to.as<float>(first);
    for (Dim i = m.begin; i < m.end; ++i, a += a_step, c += c_step, init += init_step) rows.add(a, 1, c, init);
  });
  rows.flush();
}

inline Step matmul_step(const Node& node, const Types& in, const MatMul& matmul, const MatrixProduct& product,
                        const KernelTable& kernels) {
  const auto outputs = static_cast<double>(matmul.output.elements());
  std::vector<Cut> cuts;
  for (std::size_t axis = 0; axis < matmul.batch; ++axis) cuts.push_back({axis});
  if (matmul.a.rank() > 1) cuts.push_back({matmul.batch, product.least_rows});
  if (matmul.b.rank() > 1) {
    // Each piece reads the whole of the other operand: better that which is smaller.
    const bool wide = in[1].shape.elements() > in[0].shape.elements() && matmul.b_count() == 1;
    cuts.insert(wide ? cuts.begin() : cuts.end(), {matmul.output.rank() - 1, product.width});
  }
  Step step{
      .kernel = product.packed ? "matmul" : "matmul_unpacked",
      .inputs = {{Layout::Planar}, product.packed ? matmul_weights_form(matmul, product.width) : Form{Layout::Planar}},
      .outputs = {Layout::Planar},
      .cuts = cuts,
      .scratch_bytes = product.scratch_bytes(matmul.n),
      .nanoseconds = product.nanoseconds(outputs, in[0].bytes() + in[1].bytes(), kernels),
      .multiply_adds = outputs * static_cast<double>(matmul.k),
      .run = {}};
  if (in.size() > 2) step.inputs.push_back(node.has(2) ? bias_form({1, matmul.n, 1, product.width}) : Form{});
  if (in.size() > 3) step.inputs.push_back({Layout::Planar});
  if (node.has(3)) step.in_place = 3;
  step.run = [matmul, product, has_bias = node.has(2), has_residual = node.has(3)](Inputs from, Outputs to,
                                                                                   const Box& box, std::byte* scratch) {
    run_matmul(matmul, product, from, has_bias ? &from[2] : nullptr, has_residual ? &from[3] : nullptr, to[0], box,
               scratch);
  };
  return step;
}

inline std::vector<Step> plan_matmul(const Node& node, const Types& in, Constants constants,
                                     const PlanContext& context) {
  if (in[0].dtype != DType::f32) return {};
  const MatMul matmul(node, in[0].shape, in[1].shape);
  if (node.has(2) && constants[2] == nullptr) return {};
  MatrixProduct product{.terms = matmul.k, .packed = constants[1] != nullptr, .epilogue = epilogue_of(node)};
  product.use(context.kernels.gemm_f32);
  std::vector<Step> steps{matmul_step(node, in, matmul, product, context.kernels)};
  if (!context.bf16 || !product.packed || matmul.k == 0) return steps;
  const GemmBf16Kernels& kernels = context.kernels.gemm_bf16;
  product.use(kernels);
  Step step = matmul_step(node, in, matmul, product, context.kernels);
  const Panels panels{matmul.b_count(), matmul.n, matmul.k, product.width};
  step.kernel += "_bf16";
  step.bf16 = true;
  step.inputs[1] = bf16_form({{panels}}, step.inputs[1].packing, matmul_weights(panels), kernels);
  step.tolerance = bf16_tolerance(matmul.k, product.epilogue);
  // Of each matrix of B.
  const double rows = static_cast<double>(matmul.output.elements()) /
                      static_cast<double>(std::max<Dim>(matmul.n * matmul.b_count(), 1));
  if (kernels.tiles == nullptr) {
    step.nanoseconds = bf16_nanoseconds(rows, panels, context.kernels);
    steps.push_back(std::move(step));
    return steps;
  }
  const MatMulBf16 run(matmul, panels, kernels, product.epilogue);
  step.scratch_bytes = run.scratch_bytes();
  step.run = [run, has_bias = node.has(2), has_residual = node.has(3)](Inputs from, Outputs to, const Box& box,
                                                                       std::byte* scratch) {
    run(from, has_bias ? &from[2] : nullptr, has_residual ? &from[3] : nullptr, to[0], box, scratch);
  };
  for (const bool narrow_in : {false, true})
    for (const bool narrow_out : {false, true}) {
      steps.push_back(with_narrow(step, narrow_in, narrow_out));
      steps.back().nanoseconds = bf16_nanoseconds(rows, panels, context.kernels, narrow_in, narrow_out);
    }
  return steps;
}

inline std::vector<Case> matmul_cases() {
  struct Row {
    Shape a, b;
    bool constant;
    DType dtype = DType::f32;
    bool bias = false, residual = false;
    const char* activation = "";
  };
  constexpr DType f32 = DType::f32;
  const Row rows[] = {
      {{1, 1}, {1, 1}, true},
      {{5, 7}, {7, 33}, true},
      {{2, 5, 7}, {7, 31}, true},
      {{2, 15, 1030}, {1030, 17}, true},
      {{2, 3, 4, 5}, {3, 5, 16}, true},
      {{3, 14, 6}, {3, 6, 32}, false},
      {{2, 1, 13, 6}, {1, 3, 6, 34}, false},
      {{7}, {7, 9}, true},
      {{4, 7}, {7}, true},
      {{6, 4, 7}, {7}, false},
      {{7}, {2, 7, 9}, false},
      {{5}, {5}, false},
      {{2, 3, 1, 0}, {3, 0, 5}, false},
      {{2, 0, 4}, {4, 5}, true},
      {{3, 1, 2, 5, 4}, {6, 1, 4, 3}, false},
      {{2, 3, 4}, {2, 4, 5}, false, DType::f16},
      {{3, 4}, {2, 4, 5}, true, DType::bf16},
      {{3, 4}, {4}, false, DType::i32},
      {{2, 3, 4}, {4, 2}, false, DType::i64},
      {{2, 15, 7}, {7, 33}, true, f32, true, true},
      {{29, 6}, {6, 31}, true, f32, false, true, "Relu"},
      {{2, 3, 1030}, {1030, 17}, true, f32, true, true, "Sigmoid"},
      {{7}, {7, 35}, true, f32, true, false, "LeakyRelu"},
      {{2, 5, 9}, {2, 9, 70}, false, f32, true, true, "Clip"},
      {{2, 14, 9}, {2, 9, 32}, true, f32, true, false},
      {{2, 3, 0}, {0, 5}, true, f32, true, true},
      {{6, 4, 7}, {7}, false, f32, false, true},
      {{2, 3, 4}, {4, 2}, false, DType::i32, true, true},
      {{2, 15, 7}, {7, 33}, true, f32, true, false, "Gelu"},
      {{3, 19}, {19, 50}, false, f32, true, true, "Swish"},
      {{40, 97}, {97, 50}, true, f32, true, true, "Swish"},
      {{35, 300}, {300, 17}, true, f32, true, false, "Gelu"},
      {{70, 512}, {512, 33}, true, f32, true, true},
      {{17, 64}, {64, 33}, true, f32, false, false, "GeluTanh"},
      {{3, 70}, {70, 32}, true, f32, true, false, "Tanh"},
      {{2, 3, 4}, {4, 2}, true, DType::f16, true, true, "HardSigmoid"},
  };
  std::vector<Case> cases;
  for (const Row& row : rows) {
    Case c{"MatMul",
           {},
           {data(TensorType{row.dtype, row.a}),
            {row.constant ? Operand::Kind::Constant : Operand::Kind::Data, {row.dtype, row.b}, {}}}};
    if (*row.activation != 0) c.attributes["activation"] = std::string(row.activation);
    if (row.bias || row.residual) c.operands.push_back(row.bias ? weights({row.b[row.b.rank() - 1]}) : absent());
    if (row.residual) c.operands.push_back(data(MatMul({}, row.a, row.b).output));
    for (std::size_t i = 2; i < c.operands.size(); ++i) c.operands[i].type.dtype = row.dtype;
    cases.push_back(c);
  }
  cases.push_back({"MatMul", {}, {data({1, 197, 192}), weights({192, 768})}, true});
  cases.push_back(
      {"MatMul", {}, {data({1, 197, 768}), weights({768, 192}), weights({192}), data({1, 197, 192})}, true});
  cases.push_back({"MatMul", {}, {data({1, 3, 197, 64}), data({1, 3, 64, 197})}, true});
  return cases;
}

}  // namespace coverslip::inline v0::ops
