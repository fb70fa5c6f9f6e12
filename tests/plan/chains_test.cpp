// Chains: which steps run box by box, where their values lie, and that no bit shows it.
#include <tbb/global_control.h>

#include "plan/lowered.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

const TensorType kPicture{DType::f32, {1, 8, 60, 37}};

Tensor weights(Shape shape) { return ramp({DType::f32, std::move(shape)}); }

// expand, depthwise with a halo, project and add, as in MobileNet. A plan points into it.
const Graph& inverted_residual() {
  static const Graph graph = [] {
    Graph g;
    const ValueId x = g.input(kPicture);
    ValueId v = g.append("Conv", "expand", {x, g.constant(weights({48, 8, 1, 1}))});
    v = g.append("LeakyRelu", "activation", {v});
    v = g.append("Conv", "depthwise", {v, g.constant(weights({48, 1, 3, 3}))},
                 {{"group", Dim{48}}, {"pads", std::vector<Dim>{1, 1, 1, 1}}});
    v = g.append("Conv", "project", {v, g.constant(weights({8, 48, 1, 1}))});
    g.outputs = {g.append("Add", "residual", {v, x})};
    return g;
  }();
  return graph;
}

CacheRules rules(std::size_t threads, std::size_t cache = 32 << 10) {
  return {
      .cache_bytes = cache, .threads = threads, .value_bytes_per_nanosecond = 0.1, .bare_bytes_per_nanosecond = 0.1};
}

std::size_t chained_steps(const Plan& plan) {
  std::size_t steps = 0;
  for (const Stretch& stretch : plan.stretches)
    if (stretch.chained) steps += stretch.end - stretch.begin;
  return steps;
}

}  // namespace

TEST_CASE("an inverted residual is one chain, with the same bits for all threads and caches") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  PackStore packs;
  const Plan plan = lowered(inverted_residual(), packs);
  const Tensor x = ramp(kPicture);
  const Plan whole = with_slabs(plan, 0);
  const Tensor want = run(whole, 1, x);
  for (const std::size_t threads : {1u, 2u, 3u, 16u})
    for (const std::size_t cache : {8u << 10, 32u << 10, 100u << 10}) {
      const Plan chained = with_slabs(plan, 0, rules(threads, cache));
      CHECK(chained_steps(chained) >= 4);
      CHECK(chained.arena_bytes < whole.arena_bytes);
      CHECK(chained.scratch_bytes > whole.scratch_bytes);
      CHECK(same_bits(run(chained, static_cast<int>(threads), x), want));
    }
}

TEST_CASE("boxes of a chain cover its output once, and inner values lie in scratch") {
  PackStore packs;
  const Plan plan = with_slabs(lowered(inverted_residual(), packs), 0, rules(1));
  std::size_t next = 0;
  for (const Stretch& stretch : plan.stretches) {
    CHECK(stretch.begin == next);
    next = stretch.end;
    Dim elements = 0;
    for (const std::vector<Box>& boxes : stretch.slabs) elements += boxes.back().shape().elements();
    CHECK(elements == shape_made(plan, stretch.end - 1).elements());
    if (stretch.chained)
      for (std::size_t s = stretch.begin; s < stretch.end; ++s) {
        const PlannedValue& made = plan.values[plan.steps[s].node.outputs[0]];
        CHECK((made.home == Home::Scratch) == (s + 1 < stretch.end));
        if (s + 1 < stretch.end) CHECK(plan.values[made.inside].offset + made.bytes <= plan.scratch_bytes);
      }
  }
  CHECK(next == plan.steps.size());
}

TEST_CASE("values that fit the cache, or that others read too, do not become inner ones") {
  PackStore packs;
  CHECK(chained_steps(with_slabs(lowered(inverted_residual(), packs), 0, {})) == 0);
  Graph g;
  const ValueId a = g.append("LeakyRelu", "a", {g.input(kPicture)}), b = g.append("LeakyRelu", "b", {a});
  g.outputs = {a, g.append("LeakyRelu", "c", {b})};
  const Plan plan = with_slabs(lowered(g, packs), 0, rules(1));
  CHECK(std::ranges::count(plan.values, Home::Scratch, &PlannedValue::home) <= 1);
}

TEST_CASE("a chain keeps what is read later too, if its boxes make each element once") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  const TensorType picture{DType::f32, {1, 8, 64, 48}};
  const auto encoder = [&](Dim window) {  // a skip connection around a pool
    Graph g;
    const ValueId x = g.append("Conv", "conv", {g.input(picture), g.constant(ramp({DType::f32, {16, 8, 3, 3}}))},
                               {{"pads", std::vector<Dim>{1, 1, 1, 1}}});
    const ValueId pool =
        g.append("MaxPool", "pool", {x},
                 {{"kernel_shape", std::vector<Dim>{window, window}}, {"strides", std::vector<Dim>{2, 2}}});
    const ValueId wide = g.append("Sigmoid", "wide", {x});
    g.outputs = {pool, g.append("Concat", "skip", {wide, x}, {{"axis", Dim{1}}})};
    return g;
  };
  const Graph apart = encoder(2), overlapping = encoder(3);
  PackStore packs;
  CacheRules by = rules(1, 128 << 10);
  for (const Graph* graph : {&apart, &overlapping}) {
    const Plan plan = lowered(*graph, packs), chained = with_slabs(plan, 0, by);
    const auto keeps = [&](const Stretch& stretch) {
      for (std::size_t s = stretch.begin; s + 1 < stretch.end; ++s)
        if (chained.steps[s].node.name == "conv") return !is_inner(chained, stretch, s);
      return false;
    };
    CHECK(std::ranges::any_of(chained.stretches, keeps) == (graph == &apart));
    const Tensor x = ramp(picture);
    const auto both = [&](const Plan& placed, int threads) {
      std::vector<Tensor> y;
      for (const ValueId v : placed.outputs) y.emplace_back(placed.values[v].type);
      Executor(std::make_shared<const Plan>(placed), threads).run({&x, 1}, y, {});
      return y;
    };
    const std::vector<Tensor> want = both(with_slabs(plan, 0), 1);
    for (const int threads : {1, 2, 3, 16}) {
      by.threads = static_cast<std::size_t>(threads);
      const std::vector<Tensor> got = both(with_slabs(plan, 0, by), threads);
      for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
    }
  }
}

TEST_CASE("a convolution reads from the cache what a resize before it makes, in one pass") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  const TensorType picture{DType::f32, {1, 16, 24, 20}};
  Graph g;
  Tensor scales({DType::f32, {4}});
  std::ranges::copy(std::array{1.f, 1.f, 2.f, 2.f}, scales.values<float>().begin());
  const ValueId x = g.append("Resize", "up", {g.input(picture), kNoValue, g.constant(std::move(scales))},
                             {{"mode", std::string("linear")}});
  g.outputs = {g.append("Conv", "conv", {x, g.constant(ramp({DType::f32, {8, 16, 3, 3}}))},
                        {{"pads", std::vector<Dim>{1, 1, 1, 1}}})};
  PackStore packs;
  const Plan plan = lowered(g, packs);
  const Tensor in = ramp(picture), want = run(with_slabs(plan, 0), 1, in);
  for (const std::size_t threads : {1u, 2u, 3u, 16u}) {
    CacheRules by = rules(threads);
    by.value_bytes_per_nanosecond = 1e6;  // what the convolution reads costs nothing; what the resize writes does
    const Plan chained = with_slabs(plan, 0, by);
    const auto up = std::ranges::find(chained.steps, "up", [](const PlannedStep& s) { return s.node.name; });
    CHECK(chained.values[up->node.outputs[0]].home == Home::Scratch);
    CHECK(same_bits(run(chained, static_cast<int>(threads), in), want));
  }
}

TEST_CASE("a step writes over a value only if no other box of its chain reads it") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  Graph g;  // the residual's value is read with a halo by the same chain
  const ValueId x = g.append("LeakyRelu", "first", {g.input(kPicture)}, {{"alpha", 0.5f}});
  ValueId v = g.append("MaxPool", "pool", {x},
                       {{"kernel_shape", std::vector<Dim>{3, 3}}, {"pads", std::vector<Dim>{1, 1, 1, 1}}});
  v = g.append("LeakyRelu", "second", {v}, {{"alpha", 0.25f}});
  v = g.append("Add", "residual", {x, v});
  g.outputs = {g.append("Transpose", "last", {v}, {{"perm", std::vector<Dim>{0, 2, 3, 1}}})};
  PackStore packs;
  const Plan plan = lowered(g, packs);
  const Tensor in = ramp(kPicture), want = run(with_slabs(plan, 0), 1, in);
  for (const int threads : {1, 2, 3})
    for (const std::size_t cache : {4u << 10, 16u << 10, 64u << 10}) {
      const Plan chained = with_slabs(plan, 0, rules(static_cast<std::size_t>(threads), cache));
      CHECK(chained_steps(chained) >= 2);
      CHECK(same_bits(run(chained, threads, in), want));
    }
}

TEST_CASE("a chain stops when asked, says how far it is, and shares its time among its steps") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  PackStore packs;
  const Plan plan = with_slabs(lowered(inverted_residual(), packs), 0, rules(2));
  REQUIRE(chained_steps(plan) > 1);
  const Tensor x = ramp(kPicture);
  std::atomic<double> progress = 0;
  std::vector<double> milliseconds(plan.steps.size(), 0.0);
  run(plan, 2, x, {.progress = &progress}, milliseconds);
  CHECK(progress == doctest::Approx(1.0));
  for (const Stretch& stretch : plan.stretches)
    if (stretch.chained)
      for (std::size_t s = stretch.begin; s < stretch.end; ++s) CHECK(milliseconds[s] > 0);
  const std::atomic<bool> stop = true;
  CHECK_THROWS_AS(run(plan, 2, x, {.stop = &stop}), Error);
}

TEST_CASE("scratch of chains counts against max_memory, which changes no bit") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  Graph g;
  const TensorType big{DType::f32, {1, 16, 256, 256}};
  ValueId v = g.input(big);
  for (int i = 0; i < 6; ++i) v = g.append("Sigmoid", "step" + std::to_string(i), {v});
  g.outputs = {v};
  const Model model(g);
  const Tensor x = ramp(big);
  Session free(model, {.threads = 2});
  CHECK(free.describe().find("(chained)") != std::string::npos);
  const Tensor want = free.run(x);
  for (const std::size_t share : {100u, 99u, 96u}) {
    Session session(model, {.threads = 2, .max_memory = free.memory().peak() * share / 100});
    CHECK(session.memory().peak() <= free.memory().peak() * share / 100);
    CHECK(same_bits(session.run(x), want));
  }
}
