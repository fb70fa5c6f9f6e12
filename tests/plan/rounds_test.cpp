// Rounds: which steps of a batch run sample by sample, what is held meanwhile, and that no bit shows it.
#include <tbb/global_control.h>

#include "plan/lowered.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

const TensorType kBatch{DType::f32, {6, 8, 24, 20}};

Tensor constants(Shape shape) { return ramp({DType::f32, std::move(shape)}); }

// Two convolutions whose values lie in a Concat, a residual, and a product of all pixels that mixes no samples either.
Graph network(Dim classes = 3) {
  Graph g;
  const std::vector<Dim> same{1, 1, 1, 1};
  const ValueId x = g.append("Conv", "first", {g.input(kBatch), g.constant(constants({8, 8, 3, 3}))}, {{"pads", same}});
  const ValueId a = g.append("Conv", "left", {x, g.constant(constants({8, 8, 1, 1}))});
  const ValueId b = g.append("Sigmoid", "right", {a});
  const ValueId both = g.append("Concat", "both", {a, b}, {{"axis", Dim{1}}});
  ValueId v = g.append("Conv", "mix", {both, g.constant(constants({8, 16, 3, 3}))}, {{"pads", same}});
  v = g.append("Add", "residual", {v, x});
  v = g.append("Flatten", "flat", {v});
  g.outputs = {g.append("Gemm", "last", {v, g.constant(constants({8 * 24 * 20, classes}))})};
  return g;
}

CacheRules rules(std::size_t threads, std::size_t cache = 8 << 10) {
  return {.cache_bytes = cache, .threads = threads, .value_bytes_per_nanosecond = 0.1};
}

std::size_t steps_of(const Plan& plan) {
  std::size_t steps = 0;
  for (const Round& round : plan.rounds) steps += round.end - round.begin;
  return steps;
}

const PlannedValue& made_by(const Plan& plan, std::string_view name) {
  for (const PlannedStep& step : plan.steps)
    if (step.node.name == name) return plan.values[step.node.outputs[0]];
  throw Error(Errc::BadInput, "test", "no such step");
}

}  // namespace

TEST_CASE("a batch whose values leave the cache runs sample by sample, with the same bits for all threads") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  const Graph graph = network();
  PackStore packs;
  const Plan plan = lowered(graph, packs), whole = with_slabs(plan, 0);
  const Tensor x = ramp(kBatch), want = run(whole, 1, x);
  for (const std::size_t threads : {1u, 2u, 3u, 6u, 16u}) {
    const Plan batch = with_slabs(plan, 0, rules(threads));
    if (threads <= 6) {
      REQUIRE(batch.rounds.size() == 1);
      CHECK(batch.rounds[0].samples == 6);
      CHECK(steps_of(batch) >= 6);
      CHECK(batch.arena_bytes < whole.arena_bytes / 2);
    }
    CHECK(same_bits(run(batch, static_cast<int>(threads), x), want));
  }
}

TEST_CASE("between the steps of a round is memory for one sample, of what lies inside other values too") {
  const Graph graph = network();
  PackStore packs;
  const Plan plan = with_slabs(lowered(graph, packs), 0, {.threads = 1, .least_memory = true});
  for (const char* name : {"first", "left", "right", "both"}) {
    CAPTURE(name);
    const PlannedValue& value = made_by(plan, name);
    CHECK(value.home == Home::Sample);
    CHECK(plan.values[value.inside].bytes == plan.values[value.inside].type.bytes() / 6);
  }
  CHECK(made_by(plan, "left").inside == made_by(plan, "both").inside);
}

TEST_CASE("small values, heavy weights and threads without a sample keep a batch whole") {
  PackStore packs;
  const Graph small = network(), heavy = network(4000);
  CHECK(with_slabs(lowered(small, packs), 0, {}).rounds.empty());
  const auto cut_by_samples = [&](Plan plan, std::string_view name, const CacheRules& by) {
    for (PlannedStep& step : plan.steps)
      if (step.node.name == "last") step.step.cuts = {{0}};
    plan = with_slabs(plan, 0, by);
    return std::ranges::any_of(plan.rounds, [&](const Round& round) {
      for (std::size_t s = round.begin; s < round.end; ++s)
        if (plan.steps[s].node.name == name) return true;
      return false;
    });
  };
  const Plan plan = lowered(heavy, packs);
  CHECK(cut_by_samples(plan, "last", {.threads = 1, .least_memory = true}));
  CHECK(cut_by_samples(plan, "mix", rules(1)));
  CHECK(!cut_by_samples(plan, "last", rules(1)));
  CHECK(!cut_by_samples(plan, "mix", {.cache_bytes = 8 << 10, .threads = 64, .value_bytes_per_nanosecond = 40}));
}

TEST_CASE("a round ends where a step mixes samples") {
  Graph g;
  ValueId v = g.append("Sigmoid", "before", {g.input(kBatch)});
  v = g.append("Sigmoid", "before too", {v});
  const ValueId mean = g.append("ReduceMean", "mean", {v, g.constant(Tensor({1}, {std::int64_t{0}}))});
  v = g.append("Add", "mixed", {v, mean});
  v = g.append("Sigmoid", "after", {v});
  g.outputs = {g.append("Sigmoid", "after too", {v})};
  PackStore packs;
  const Plan plan = lowered(g, packs), rounds = with_slabs(plan, 0, {.threads = 1, .least_memory = true});
  for (const Round& round : rounds.rounds)
    for (std::size_t s = round.begin; s < round.end; ++s) {
      CHECK(rounds.steps[s].node.name != "mean");
      CHECK(rounds.steps[s].node.name != "mixed");
    }
  CHECK(rounds.rounds.size() == 2);
  const Tensor x = ramp(kBatch);
  CHECK(same_bits(run(rounds, 2, x), run(with_slabs(plan, 0), 1, x)));
}

TEST_CASE("a round stops when asked, says how far it is, and shares its time among its steps") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  const Graph graph = network();
  PackStore packs;
  const Plan plan = with_slabs(lowered(graph, packs), 0, rules(2));
  REQUIRE(!plan.rounds.empty());
  const Tensor x = ramp(kBatch);
  std::atomic<double> progress = 0;
  std::vector<double> milliseconds(plan.steps.size(), 0.0);
  run(plan, 2, x, {.progress = &progress}, milliseconds);
  CHECK(progress == doctest::Approx(1.0));
  for (std::size_t s = 0; s < plan.steps.size(); ++s) CHECK((plan.steps[s].saved || milliseconds[s] > 0));
  const std::atomic<bool> stop = true;
  CHECK_THROWS_AS(run(plan, 2, x, {.stop = &stop}), Error);
}

TEST_CASE("under a memory limit a batch runs sample by sample before it runs slab by slab") {
  Graph g;
  const TensorType big{DType::f32, {16, 4, 32, 32}};
  ValueId v = g.input(big);
  for (int i = 0; i < 3; ++i)
    v = g.append("Conv", "step" + std::to_string(i), {v, g.constant(constants({8, i == 0 ? 4 : 8, 3, 3}))});
  g.outputs = {g.append("GlobalAveragePool", "pool", {v})};
  const Model model(g);
  const Tensor x = ramp(big);
  Session free(model, {.threads = 1});
  CHECK(free.describe().find("(by sample)") == std::string::npos);
  const Tensor want = free.run(x);
  const std::size_t limit = free.memory().peak() - free.memory().values / 2;
  Session session(model, {.threads = 1, .max_memory = limit});
  CHECK(session.memory().peak() <= limit);
  CHECK(session.describe().find("(by sample)") != std::string::npos);
  CHECK(same_bits(session.run(x), want));
}
