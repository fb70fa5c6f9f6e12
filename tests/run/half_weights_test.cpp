// Weights stored as 16-bit floats behind a Cast: the plan, the bits and the memory of the same weights in f32.
#include <functional>

#include "coverslip/coverslip.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

using Dims = std::vector<Dim>;
// Adds weights of a shape to a graph, in f32.
using Weights = std::function<ValueId(Graph&, const Shape&)>;
using Build = std::function<Graph(const Weights&)>;

Tensor narrow(const Tensor& from, DType to) {
  Tensor made({to, from.shape()});
  for (std::size_t i = 0; i < from.values<float>().size(); ++i)
    if (to == DType::f16)
      made.values<Float16>()[i] = to_float16(from.values<float>()[i]);
    else
      made.values<BFloat16>()[i] = to_bfloat16(from.values<float>()[i]);
  return made;
}

Tensor wide(const Tensor& from) {
  Tensor made({DType::f32, from.shape()});
  for (std::size_t i = 0; i < made.values<float>().size(); ++i)
    made.values<float>()[i] =
        from.dtype() == DType::f16 ? to_float(from.values<Float16>()[i]) : to_float(from.values<BFloat16>()[i]);
  return made;
}

ValueId cast(Graph& g, ValueId from) { return g.append("Cast", "widened", {from}, {{"to", Dim{1}}}); }

// The numbers of `dtype`, as it stores them or widened before the graph is made.
Weights stored(DType dtype) {
  return [dtype](Graph& g, const Shape& shape) {
    return cast(g, g.constant(narrow(ramp({DType::f32, shape}), dtype)));
  };
}
Weights in_f32(DType dtype) {
  return [dtype](Graph& g, const Shape& shape) { return g.constant(wide(narrow(ramp({DType::f32, shape}), dtype))); };
}

Graph one(const Weights& weights, const char* op, const Shape& x, std::vector<Shape> constants,
          const Attributes& attributes = {}) {
  Graph g;
  std::vector<ValueId> inputs{g.input({DType::f32, x})};
  for (const Shape& shape : constants) inputs.push_back(weights(g, shape));
  g.outputs = {g.append(op, "node", inputs, attributes)};
  return g;
}

Tensor indices(const Shape& shape, Dim below) {
  Tensor t({DType::i64, shape});
  std::int64_t i = 0;
  for (std::int64_t& at : t.values<std::int64_t>()) at = (i += 7) % below;
  return t;
}

const Attributes kPadded{{"pads", Dims{1, 1, 1, 1}}};

struct Named {
  std::string name;
  Build build;
};
const std::vector<Named> kNetworks{
    {"indirect",
     [](auto& w) {
       return one(w, "Conv", {1, 3, 9, 7}, {{67, 3, 5, 5}, {67}});
     }},
    {"Winograd",
     [](auto& w) {
       return one(w, "Conv", {1, 64, 28, 28}, {{64, 64, 3, 3}}, kPadded);
     }},
    {"planar",
     [](auto& w) {
       return one(w, "Conv", {1, 5, 20, 40}, {{24, 5, 3, 3}}, kPadded);
     }},
    {"pointwise",
     [](auto& w) {
       return one(w, "Conv", {1, 48, 9, 9}, {{33, 48, 1, 1}, {33}});
     }},
    {"depthwise",
     [](auto& w) {
       Attributes attributes = kPadded;
       attributes["group"] = Dim{150};
       return one(w, "Conv", {1, 150, 9, 11}, {{150, 1, 3, 3}}, attributes);
     }},
    {"groups",
     [](auto& w) {
       return one(w, "Conv", {1, 32, 9, 9}, {{32, 8, 3, 3}}, {{"group", Dim{4}}});
     }},
    {"transposed",
     [](auto& w) {
       return one(w, "ConvTranspose", {1, 16, 5, 6}, {{16, 20, 2, 2}});
     }},
    {"Gemm",
     [](auto& w) {
       return one(w, "Gemm", {3, 100}, {{33, 100}, {33}}, {{"transB", Dim{1}}});
     }},
    {"one row",
     [](auto& w) {
       return one(w, "Gemm", {1, 100}, {{100, 33}});
     }},
    {"MatMul",
     [](auto& w) {
       return one(w, "MatMul", {2, 7, 40}, {{40, 50}});
     }},
    {"matrices",
     [](auto& w) {
       return one(w, "MatMul", {3, 7, 40}, {{3, 40, 20}});
     }},
    {"the left of a product",
     [](auto& w) {
       Graph g;
       const ValueId left = w(g, {40, 50});
       g.outputs = {g.append("MatMul", "node", {left, g.input({DType::f32, {50, 6}})})};
       return g;
     }},
    {"added",
     [](auto& w) {
       return one(w, "Add", {2, 30, 8, 9}, {{1, 30, 8, 9}});
     }},
    {"rows",
     [](auto& w) {
       Graph g;
       const ValueId table = w(g, {90, 20});
       g.outputs = {g.append("Gather", "rows", {table, g.input({DType::i64, {5}})}),
                    g.append("Gather", "known", {table, g.constant(indices({4}, 90))})};
       return g;
     }},
    {"used twice",
     [](auto& w) {
       Graph g;
       const ValueId x = g.input({DType::f32, {40, 40}}), table = w(g, {40, 40});
       const ValueId y = g.append("MatMul", "first", {x, table});
       g.outputs = {g.append("MatMul", "second", {y, table}), g.append("Add", "sum", {y, table})};
       return g;
     }},
    {"an output",
     [](auto& w) {
       Graph g;
       const ValueId x = g.input({DType::f32, {2, 3}});
       g.outputs = {g.append("Relu", "relu", {x}), w(g, {50, 50})};
       return g;
     }},
    {"small",
     [](auto& w) {
       return one(w, "Conv", {1, 4, 9, 9}, {{8, 4, 3, 3}, {8}});
     }},
    {"looked at when planning",
     [](auto& w) {
       Graph g;
       const ValueId x = g.input({DType::f32, {40, 50}});
       g.outputs = {g.append("Add", "sum", {x, w(g, {40, 50})}), g.append("NonZero", "places", {w(g, {30, 40})})};
       return g;
     }},
    {"known again after a stop",
     [](auto& w) {
       Graph g;
       const ValueId x = g.input({DType::f32, {9, 40}}), table = w(g, {40, 40});
       const ValueId y = g.append("MatMul", "first", {x, table});
       const ValueId places = g.append("NonZero", "places", {y});
       const ValueId rows =
           g.append("Slice", "rows",
                    {places, g.constant(Tensor({1}, {std::int64_t{0}})), g.constant(Tensor({1}, {std::int64_t{1}}))});
       const ValueId some = g.append("Gather", "some", {y, rows});
       g.outputs = {g.append("MatMul", "second", {some, table})};
       return g;
     }},
};

std::vector<Tensor> inputs_of(const Graph& g) {
  std::vector<Tensor> made;
  for (const ValueId v : g.inputs) {
    const TensorType& type = g.values[v].type;
    made.push_back(type.dtype == DType::f32 ? ramp(type, 0.3f) : indices(type.shape, 90));
  }
  return made;
}

std::vector<std::string> kernels(Session& session) {
  std::vector<std::string> names;
  for (const StepInfo& step : session.steps({})) names.push_back(step.kernel);
  return names;
}

}  // namespace

TEST_CASE("weights in 16 bits are planned as those in f32 are, and give the same bits") {
  for (const DType dtype : {DType::f16, DType::bf16})
    for (const Named& network : kNetworks) {
      CAPTURE(network.name);
      const Graph graph = network.build(stored(dtype)), plain = network.build(in_f32(dtype));
      const std::vector<Tensor> inputs = inputs_of(plain);
      for (const Target target : cpu().targets)
        for (const Precision precision : {Precision::AsFile, Precision::Bfloat16}) {
          const Options options{.threads = 2, .precision = precision, .target = target};
          Session half(Model(graph), options), full(Model(plain), options);
          const std::vector<Tensor> got = half.run(inputs), want = full.run(inputs);
          CHECK(std::ranges::equal(got, want, [](const Tensor& a, const Tensor& b) { return same_bits(a, b); }));
          CHECK(kernels(half) == kernels(full));
        }
    }
}

TEST_CASE("weights in 16 bits take half of the file, and no more memory") {
  for (const Named& network : kNetworks) {
    CAPTURE(network.name);
    const std::string& name = network.name;
    if (name == "small" || name == "looked at when planning" || name == "an output") continue;
    const Model half(network.build(stored(DType::f16))), full(network.build(in_f32(DType::f16)));
    const MemoryUse less = Session(half).memory(), more = Session(full).memory();
    CHECK(less.values == more.values);
    CHECK(less.scratch == more.scratch);
    CHECK(less.packed <= more.packed + more.weights);  // what f32 reads from the file is widened once
    CHECK(half.packed_bytes() <= less.packed);
    CHECK(less.weights < more.weights);
  }
  const Model conv(kNetworks[1].build(stored(DType::bf16))), full(kNetworks[1].build(in_f32(DType::bf16)));
  CHECK(2 * conv.weight_bytes() == full.weight_bytes());
  CHECK(Session(conv).memory().packed == Session(full).memory().packed);
}

TEST_CASE("a network of 16-bit floats packs its weights once") {
  Graph g;
  const ValueId x = g.input({DType::f16, {1, 32, 9, 9}});
  const ValueId w = g.constant(narrow(ramp({DType::f32, {40, 32, 3, 3}}), DType::f16));
  g.outputs = {g.append("Conv", "conv", {x, w})};
  Session session{Model(g)};
  CHECK(session.memory().packed >= 40 * 32 * 9 * sizeof(float));
  for (const StepInfo& step : session.steps()) CHECK(step.kernel.find("_packing") == std::string::npos);
}
