// Thousands of generated samples: every candidate on every target against the reference, whole and in a random box.
#include <doctest/doctest.h>

#include "answers.hpp"
#include "coverslip/coverslip.hpp"
#include "generators.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

Box random_box(Choices& choices, const Step& step, const Shape& shape) {
  Box box(shape);
  for (const Cut& cut : step.cuts) {
    const Dim units = (shape[cut.axis] + cut.multiple - 1) / cut.multiple;
    if (units < 1) continue;
    const Dim begin = choices.pick(0, units - 1), end = choices.pick(begin + 1, units);
    box[cut.axis] = {begin * cut.multiple, std::min(end * cut.multiple, shape[cut.axis])};
  }
  return box;
}

// What is wrong with a candidate; empty: nothing.
std::string problem_of(const Sample& s, const Step& step, std::span<const Tensor> want, Choices& choices) {
  const std::vector<Tensor> magnitudes = s.magnitudes(step);
  const Box all(s.output().shape), part = random_box(choices, step, s.output().shape);
  std::list<Buffer> others = s.make_others(step, Room::Padded);
  Buffer whole = s.make_output(step, all, Room::Padded);
  s.run(step, s.feed(step, all, Room::Padded).views, whole.view, others, all);
  std::string wrong = mismatch(s.tolerance(step), whole.view, want[0], magnitudes[0]);
  std::size_t i = 0;
  for (const Buffer& other : others) {
    ++i;
    if (wrong.empty()) wrong = mismatch(s.tolerance(step), other.view, want[i], magnitudes[i]);
    if (!other.untouched()) wrong += " wrote beside output " + std::to_string(i);
  }
  if (!whole.untouched()) wrong += " wrote beside the output";
  for (const Room room : {Room::Exact, Room::Padded}) {
    const Buffer cut = s.run(step, part, room);
    if (!same_elements(cut.view, whole.view, part)) wrong += " other bits in a box";
    if (!cut.untouched()) wrong += " wrote beside a box";
  }
  return wrong;
}

std::string problem_when_planned(const Case& c, const Sample& s, std::span<const Tensor> want,
                                 std::span<const Tensor> magnitudes, Choices& choices) {
  Graph graph = graph_of(c, s.op().of_contents);
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    if (!s.node().has(i)) continue;
    const ValueId v = graph.nodes[0].inputs[i];
    if (graph.values[v].constant)
      graph.values[v].constant = std::make_shared<const Tensor>(s.inputs()[i]);
    else
      inputs.push_back(s.inputs()[i]);
  }
  const std::vector<Target> targets = cpu().targets;
  Session session(Model(std::move(graph)),
                  {.threads = static_cast<int>(choices.pick(1, 3)), .target = choices.one_of(targets)});
  const std::vector<Tensor> got = session.run(inputs);
  for (std::size_t i = 0; i < got.size(); ++i)
    if (const std::string wrong = mismatch_when_planned(s, i, got[i], want[i], magnitudes[i]); !wrong.empty())
      return "planned: " + wrong;
  return {};
}

// None: the sample is no valid one.
std::optional<std::string> problem_of(const Case& c, Choices& choices) {
  const OpDef* op = find_op(c.op);
  if (op == nullptr) return "there is no operator " + c.op;
  std::optional<Sample> sample;
  try {
    sample.emplace(*op, c);
  } catch (const Error&) {
    return std::nullopt;
  }
  const std::vector<Tensor> want = sample->references(), magnitudes = sample->magnitudes();
  for (const KernelTable* kernels : supported_kernels())
    for (const Step& step : sample->candidates(*kernels))
      if (const std::string wrong = problem_of(*sample, step, want, choices); !wrong.empty())
        return std::string(kernels->name) + " " + step.kernel + ":" + wrong;
  return problem_when_planned(c, *sample, want, magnitudes, choices);
}

using Generator = Case (*)(Choices&);

void check(const std::string& name, Generator generate, int wanted) {
  int valid = 0;
  for (unsigned seed = 1; valid < wanted && seed < 8u * static_cast<unsigned>(wanted); ++seed) {
    Choices choices(seed);
    const Case sample = generate(choices);
    INFO(name << ", seed " << seed << ": " << describe(sample));  // in case it crashes
    const std::optional<std::string> problem = problem_of(sample, choices);
    if (!problem) continue;
    ++valid;
    if (problem->empty()) continue;
    Choices least(shrunk(choices.made(), [&](const std::vector<Dim>& made) {
      Choices replay(made);
      const auto again = problem_of(generate(replay), replay);
      return again && !again->empty();
    }));
    const Case smallest = generate(least);
    FAIL(name << ", seed " << seed << ": " << describe(smallest) << ": " << problem_of(smallest, least).value_or(""));
  }
  CHECK(valid == wanted);
}

}  // namespace

TEST_CASE("generated convolutions agree with the reference") {
  check("conv", conv, 1200);
  check("conv_transpose", conv_transpose, 500);
}

TEST_CASE("generated poolings and resizes agree with the reference") {
  check("pooling", pooling, 700);
  check("global_pooling", global_pooling, 100);
  check("resize", resize, 500);
}

TEST_CASE("generated norms and reductions agree with the reference") {
  check("channel_norm", channel_norm, 350);
  check("row_norm", row_norm, 350);
  check("local_norm", local_norm, 100);
  check("softmax", softmax, 300);
  check("reduction", reduction, 600);
  check("arg_reduction", arg_reduction, 150);
  check("best", best, 100);
  check("running", running, 150);
}

TEST_CASE("generated slices and other moves agree with the reference") {
  check("slice", slice, 400);
  check("pad", pad, 300);
  check("transpose", transpose, 150);
  check("concat", concat, 150);
}

TEST_CASE("generated products and sums agree with the reference") {
  check("matmul", matmul, 250);
  check("arithmetic", arithmetic, 400);
  check("elementwise", elementwise, 800);
}

TEST_CASE("a failing sample is shrunk to the least that fails") {
  const auto fails = [](const std::vector<Dim>& made) {
    Choices choices(made);
    return choices.pick(1, 100) * choices.pick(1, 100) > 200;
  };
  Choices choices(std::vector<Dim>{77, 60, 12});
  REQUIRE(fails({77, 60, 12}));
  const std::vector<Dim> least = shrunk({77, 60, 12}, fails);
  CHECK(least.size() == 2);
  CHECK((least[0] + 1) * (least[1] + 1) > 200);
  CHECK(least[0] * (least[1] + 1) <= 200);
}

}  // namespace v0
}  // namespace coverslip
