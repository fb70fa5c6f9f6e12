// Seeded random graphs: what planning shares, reorders and cuts must not show in the answers.
#include <tbb/global_control.h>

#include <cmath>
#include <random>

#include "coverslip/coverslip.hpp"
#include "coverslip/ops/registry.hpp"
#include "coverslip/run/executor.hpp"
#include "plan/lowered.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

// A graph of pictures, grown node by node from values that are there; of several samples some nodes mix them.
class RandomGraph {
 public:
  RandomGraph(unsigned seed, int nodes, Dim samples = 1) : random_(seed), samples_(samples) {
    add(graph_.input({DType::f32, {samples, pick(1, 20), pick(6, 30), pick(6, 30)}}));
    for (int i = 0; i < nodes; ++i) grow(i);
    for (int i = pick(1, 3); i > 0; --i)
      graph_.outputs.push_back(values_[static_cast<std::size_t>(pick(1, size() - 1))].id);
    graph_.outputs.push_back(values_.back().id);
  }
  const Graph& graph() const { return graph_; }

 private:
  struct Made {
    ValueId id;
    Shape shape;
  };

  int pick(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  int size() const { return static_cast<int>(values_.size()); }
  // Late values more often than early ones, so that graphs are deep and still have skips.
  const Made& any() { return values_[static_cast<std::size_t>(std::max(pick(0, size() - 1), pick(0, size() - 1)))]; }
  void add(ValueId id) { values_.push_back({id, type_of(id)}); }
  Shape type_of(ValueId id) const { return graph_.values[id].type.shape; }

  Tensor noise(const Shape& shape, float size) {
    Tensor t({DType::f32, shape});
    std::uniform_real_distribution<float> uniform(-size, size);
    for (float& x : t.values<float>()) x = uniform(random_);
    return t;
  }
  ValueId integers(std::vector<std::int64_t> list) {
    Tensor t({DType::i64, {static_cast<Dim>(list.size())}});
    std::ranges::copy(list, t.values<std::int64_t>().begin());
    return graph_.constant(std::move(t));
  }
  void append(const char* op, int i, std::vector<ValueId> from, const Shape& shape, Attributes attributes = {}) {
    const ValueId id = graph_.append(op, op + std::to_string(i), std::move(from), std::move(attributes));
    graph_.values[id].type = {DType::f32, shape};  // the plan compares this with what it infers
    values_.push_back({id, shape});
  }

  void grow(int i) {
    const Made x = any();
    const Dim n = x.shape[0], c = x.shape[1], h = x.shape[2], w = x.shape[3];
    switch (pick(0, samples_ > 1 ? 11 : 9)) {
      case 0: return append("LeakyRelu", i, {x.id}, x.shape);
      case 1: return append("Sigmoid", i, {x.id}, x.shape);
      case 2: return conv(i, x);
      case 3: return concat(i, x);
      case 4: return binary(i, x);
      case 5:
        if (h < 4 || w < 4) return append("Identity", i, {x.id}, x.shape);
        return append("Slice", i, {x.id, integers({1, 2}), integers({h - 1, w}), integers({2, 3})},
                      {n, c, h - 2, w - 2});
      case 6: return append("Reshape", i, {x.id, integers({n, c, w, h})}, {n, c, w, h});
      case 7: return append("Transpose", i, {x.id}, {n, w, c, h}, {{"perm", std::vector<Dim>{0, 3, 1, 2}}});
      case 8:
        return append("MaxPool", i, {x.id}, {n, c, (h + 1) / 2, (w + 1) / 2},
                      {{"kernel_shape", std::vector<Dim>{3, 3}},
                       {"strides", std::vector<Dim>{2, 2}},
                       {"pads", std::vector<Dim>{1, 1, 1, 1}}});
      case 9:
        if (n == 1) return append("Identity", i, {x.id}, x.shape);
        return append("ReduceMean", i, {x.id, integers({0})}, {1, c, h, w});
      case 10:
        if (n == 1) return append("Identity", i, {x.id}, x.shape);
        return append("Slice", i, {x.id, integers({-1}), integers({-n - 1}), integers({0}), integers({-1})}, x.shape);
      default: return append("Add", i, {x.id, graph_.constant(noise({1, c, 1, 1}, 1))}, x.shape);
    }
  }

  void conv(int i, const Made& x) {
    const Dim k = pick(1, 40), taps = pick(0, 1) == 0 ? 1 : 3, c = x.shape[1];
    const float size = 1 / std::sqrt(static_cast<float>(c * taps * taps));
    append("Conv", i, {x.id, graph_.constant(noise({k, c, taps, taps}, size)), graph_.constant(noise({k}, 1))},
           {x.shape[0], k, x.shape[2], x.shape[3]}, {{"pads", std::vector<Dim>(4, taps / 2)}});
  }

  void concat(int i, const Made& x) {
    std::vector<ValueId> parts{x.id};
    Shape shape = x.shape;
    for (const Made& other : values_)
      if (parts.size() < 4 && other.shape[0] == shape[0] && other.shape[2] == shape[2] && other.shape[3] == shape[3] &&
          shape[1] < 100 && pick(0, 2) > 0) {
        parts.push_back(other.id);
        shape[1] += other.shape[1];
      }
    append("Concat", i, parts, shape, {{"axis", Dim{1}}});
  }

  void binary(int i, const Made& x) {
    for (const Made& other : values_)
      if (std::equal(other.shape.begin() + 1, other.shape.end(), x.shape.begin() + 1) &&
          (other.shape[0] == 1 || other.shape[0] == x.shape[0]) && pick(0, 1) == 0)
        return append("Add", i, {x.id, other.id}, x.shape);
    append("Mul", i, {x.id, x.id}, x.shape);
  }

  std::mt19937 random_;
  Dim samples_;
  Graph graph_;
  std::vector<Made> values_;
};

// Every node by its reference, every value with memory of its own.
std::vector<Tensor> by_references(const Graph& graph, const Tensor& x) {
  std::vector<Tensor> values(graph.values.size());
  for (ValueId v = 0; v < values.size(); ++v)
    if (graph.values[v].constant) values[v] = *graph.values[v].constant;
  values[graph.inputs[0]] = x;
  for (const Node& node : graph.nodes) {
    std::vector<View> in;
    for (const ValueId v : node.inputs) in.push_back(values[v].view());
    values[node.outputs[0]] = Tensor(graph.values[node.outputs[0]].type);
    View out = values[node.outputs[0]].view();
    find_op(node.op)->reference(node, in, {&out, 1});
  }
  std::vector<Tensor> outputs;
  for (const ValueId v : graph.outputs) outputs.push_back(values[v]);
  return outputs;
}

double relative_error(const Tensor& got, const Tensor& want) {
  double off = 0, all = 0;
  for (std::size_t i = 0; i < want.values<float>().size(); ++i) {
    const double d = double{got.values<float>()[i]} - double{want.values<float>()[i]};
    off += d * d;
    all += double{want.values<float>()[i]} * double{want.values<float>()[i]};
  }
  return all == 0 ? off : std::sqrt(off / all);
}

}  // namespace

TEST_CASE("random graphs answer as their references do, with the same bits for all threads and memory limits") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);  // also on a machine of two cores
  for (unsigned seed = 0; seed < 80; ++seed) {
    CAPTURE(seed);
    const RandomGraph random(seed, 4 + static_cast<int>(seed % 25));
    const Model model(random.graph());
    const Tensor x = ramp(random.graph().values[random.graph().inputs[0]].type);
    const std::vector<Tensor> want = by_references(random.graph(), x);
    Session first(model, {.threads = 1});
    const std::vector<Tensor> got = first.run({&x, 1});
    CAPTURE(first.describe());
    for (std::size_t i = 0; i < want.size(); ++i) REQUIRE(relative_error(got[i], want[i]) < 1e-4);
    const auto same = [&](Session session) {
      for (int again = 0; again < 2; ++again) {
        const std::vector<Tensor> y = session.run({&x, 1});
        for (std::size_t i = 0; i < want.size(); ++i) REQUIRE(same_bits(y[i], got[i]));
      }
    };
    for (const int threads : {2, 3, 16}) same(Session(model, {.threads = threads}));
    for (const std::size_t share : {95u, 80u, 60u}) {
      try {
        same(Session(model, {.threads = 2, .max_memory = first.memory().peak() * share / 100}));
      } catch (const Error& error) {
        REQUIRE(error.code() == Errc::OverBudget);
      }
    }
  }
}

// Of the steps of random graphs run at once and as the rules say; `f` looks at each plan.
template <class F>
void check_rules(unsigned seed, Dim samples, CacheRules rules, const F& f) {
  CAPTURE(seed);
  const RandomGraph random(seed, 4 + static_cast<int>(seed % 25), samples);
  PackStore packs;
  const Plan plan = lowered(random.graph(), packs);
  const Tensor x = ramp(plan.values[plan.inputs[0]].type);
  const auto run = [&](const Plan& placed, int threads) {
    std::vector<Tensor> y;
    for (const ValueId v : placed.outputs) y.emplace_back(placed.values[v].type);
    Executor(std::make_shared<const Plan>(placed), threads).run({&x, 1}, y, {});
    return y;
  };
  const std::vector<Tensor> want = run(with_slabs(plan, 0), 1);
  for (const std::size_t threads : {1u, 2u, 3u, 16u})
    for (const std::size_t cache : {std::size_t{1} << 11, std::size_t{1} << 14}) {
      rules.threads = threads;
      rules.cache_bytes = cache;
      const Plan placed = with_slabs(plan, 0, rules);
      f(placed);
      const std::vector<Tensor> got = run(placed, static_cast<int>(threads));
      for (std::size_t i = 0; i < want.size(); ++i) REQUIRE(same_bits(got[i], want[i]));
    }
}

TEST_CASE("chains of all steps that can be chained change no bit") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  std::size_t chained = 0, kept = 0;
  for (unsigned seed = 0; seed < 160; ++seed)
    check_rules(seed, 1, {.value_bytes_per_nanosecond = 1e-6, .bare_bytes_per_nanosecond = 1e-6},
                [&](const Plan& plan) {
                  for (const Stretch& stretch : plan.stretches) {
                    if (!stretch.chained) continue;
                    ++chained;
                    for (std::size_t s = stretch.begin; s + 1 < stretch.end; ++s)
                      if (!is_inner(plan, stretch, s)) ++kept;
                  }
                });
  CHECK(chained > 200);
  CHECK(kept > 100);
}

TEST_CASE("rounds of all steps that keep samples apart change no bit, with chains within or without") {
  const tbb::global_control many(tbb::global_control::max_allowed_parallelism, 16);
  std::size_t rounds = 0, held = 0, chained = 0;
  for (unsigned seed = 0; seed < 160; ++seed)
    for (const double chains : {1e6, 1e-6})
      check_rules(seed, 2 + seed % 4,
                  {.value_bytes_per_nanosecond = chains, .bare_bytes_per_nanosecond = chains, .least_memory = true},
                  [&](const Plan& plan) {
                    rounds += plan.rounds.size();
                    held +=
                        static_cast<std::size_t>(std::ranges::count(plan.values, Home::Sample, &PlannedValue::home));
                    for (const Round& round : plan.rounds)
                      for (const Stretch& s : plan.stretches)
                        if (s.chained && round.begin <= s.begin && s.end <= round.end) ++chained;
                  });
  CHECK(rounds > 1000);
  CHECK(held > 1000);
  CHECK(chained > 200);
}

TEST_CASE("every target answers within rounding of the others") {
  for (unsigned seed = 100; seed < 110; ++seed) {
    const RandomGraph random(seed, 12);
    const Model model(random.graph());
    const Tensor x = ramp(random.graph().values[random.graph().inputs[0]].type);
    const std::vector<Tensor> want = Session(model).run({&x, 1});
    for (const Target target : cpu().targets) {
      CAPTURE(to_string(target));
      const std::vector<Tensor> got = Session(model, {.target = target}).run({&x, 1});
      for (std::size_t i = 0; i < want.size(); ++i) REQUIRE(relative_error(got[i], want[i]) < 1e-4);
    }
  }
}
