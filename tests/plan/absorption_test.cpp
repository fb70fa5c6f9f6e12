// What planning makes a part of the convolution that reads it, and what it leaves alone; the answers stay right.
#include <cmath>

#include "coverslip/coverslip.hpp"
#include "coverslip/ops/op.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

const Attributes kSame{{"pads", std::vector<Dim>{1, 1, 1, 1}}};
const TensorType kMap{DType::f32, {1, 64, 24, 24}};

ValueId numbers(Graph& g, const Shape& shape, float size) {
  Tensor t = ramp({DType::f32, shape}, size);
  for (float& x : t.values<float>()) x *= size;
  return g.constant(std::move(t));
}

ValueId conv(Graph& g, const char* name, ValueId v, Dim from, Dim to) {
  return g.append("Conv", name, {v, numbers(g, {to, from, 3, 3}, 1 / std::sqrt(9 * static_cast<float>(from)))}, kSame);
}

// With a mean and an epsilon that cannot be left out.
ValueId norm(Graph& g, ValueId v, const Attributes& activation = {{"activation", std::string("Relu")}}) {
  Tensor variance = ramp({DType::f32, {64}});
  for (float& x : variance.values<float>()) x = std::abs(x) + 0.1f;
  Attributes attributes{{"epsilon", 1.0f}};
  attributes.insert(activation.begin(), activation.end());
  return g.append("BatchNormalization", "norm",
                  {v, numbers(g, {64}, 1), numbers(g, {64}, 0.9f), numbers(g, {64}, 0.8f), g.constant(variance)},
                  std::move(attributes));
}

ValueId concat(Graph& g, std::vector<ValueId> parts, Dim axis) {
  return g.append("Concat", "concat", std::move(parts), {{"axis", axis}});
}

double relative_error(const Tensor& got, const Tensor& want) {
  double off = 0, all = 0;
  for (std::size_t i = 0; i < want.values<float>().size(); ++i) {
    const double x = want.values<float>()[i], apart = double{got.values<float>()[i]} - x;
    off += apart * apart;
    all += x * x;
  }
  return std::sqrt(off / all);
}

bool holds(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// On targets that can absorb: what a Session in bf16 does, and that it answers as one in f32.
void check(const Graph& graph, bool scaled, bool joined) {
  const Model model(graph);
  std::vector<Tensor> inputs;
  for (const ValueId v : graph.inputs) inputs.push_back(ramp(graph.values[v].type, 0.1f * static_cast<float>(v)));
  for (const KernelTable* kernels : supported_kernels()) {
    if (!has_bf16(*kernels) || kernels->gemm_bf16.tiles == nullptr) continue;
    const auto target = static_cast<Target>(std::ranges::find(kTargetNames, kernels->name) - std::begin(kTargetNames));
    Session session(model, {.threads = 1, .precision = Precision::Bfloat16, .target = target});
    Session wide(model, {.threads = 1, .target = target});
    CAPTURE(session.describe());
    CHECK(holds(session.describe(), "_scaled") == scaled);
    CHECK(holds(session.describe(), "_joined") == joined);
    CHECK(!holds(wide.describe(), "_scaled"));
    CHECK(!holds(wide.describe(), "_joined"));
    const std::vector<Tensor> got = session.run(inputs), want = wide.run(inputs);
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(relative_error(got[i], want[i]) < 0.01);
  }
}

}  // namespace

TEST_CASE("a batch norm with a Relu becomes a part of the one convolution that reads it") {
  Graph g;
  const ValueId x = g.input(kMap), w = numbers(g, {64, 64, 3, 3}, 0.04f);
  g.outputs = {g.append("Conv", "conv", {norm(g, x), w, numbers(g, {64}, 1), x}, kSame)};
  check(g, true, false);
}

TEST_CASE("a Concat of channels becomes a part of the one convolution that reads it") {
  for (const Dim axis : {1, -3}) {
    CAPTURE(axis);
    Graph g;
    const ValueId x = g.input(kMap);
    g.outputs = {conv(g, "conv", concat(g, {conv(g, "a", x, 64, 20), x, conv(g, "b", x, 64, 33)}, axis), 117, 48)};
    check(g, false, true);
  }
}

TEST_CASE("what another step or the caller reads too is made") {
  Graph g;
  ValueId v = norm(g, g.input(kMap));
  g.outputs = {g.append("Add", "sum", {conv(g, "conv", v, 64, 64), v})};
  check(g, false, false);

  Graph seen;
  v = norm(seen, seen.input(kMap));
  seen.outputs = {v, conv(seen, "conv", v, 64, 64)};
  check(seen, false, false);
}

TEST_CASE("a convolution absorbs no other norms, and those alone whose parameters are known") {
  Graph g;
  g.outputs = {conv(g, "conv", norm(g, g.input(kMap), {}), 64, 64)};
  check(g, false, false);

  Graph fed;
  const ValueId x = fed.input(kMap), scale = fed.input({DType::f32, {64}}, "scale"), one = numbers(fed, {64}, 1);
  const ValueId v = fed.append("BatchNormalization", "norm", {x, scale, one, one, numbers(fed, {64}, 0)},
                               {{"epsilon", 1.0f}, {"activation", std::string("Relu")}});
  fed.outputs = {conv(fed, "conv", v, 64, 64)};
  check(fed, false, false);
}

TEST_CASE("a convolution absorbs no Concat of rows, of a constant, or of what it reads in groups") {
  Graph rows;
  ValueId x = rows.input(kMap);
  rows.outputs = {conv(rows, "conv", concat(rows, {x, rows.append("Sigmoid", "bend", {x})}, 2), 64, 64)};
  check(rows, false, false);

  Graph constant;
  x = constant.input(kMap);
  constant.outputs = {conv(constant, "conv", concat(constant, {x, numbers(constant, kMap.shape, 1)}, 1), 128, 64)};
  check(constant, false, false);

  Graph groups;
  x = groups.input(kMap);
  const ValueId both = concat(groups, {x, groups.append("Sigmoid", "bend", {x})}, 1);
  Attributes attributes = kSame;
  attributes["group"] = Dim{2};
  groups.outputs = {groups.append("Conv", "conv", {both, numbers(groups, {64, 64, 3, 3}, 0.04f)}, attributes)};
  check(groups, false, false);
}

TEST_CASE("what is dearer together stays apart") {
  Graph pixels;
  const ValueId v = norm(pixels, pixels.input({DType::f32, {576, 64, 1, 1}}));
  pixels.outputs = {pixels.append("Conv", "conv", {v, numbers(pixels, {64, 64, 1, 1}, 0.1f)})};
  check(pixels, false, false);
}
