// The elementwise operators on all pairs of odd numbers: zeros, limits of the type, denormals, infinities, NaN.
#include <set>

#include "answers.hpp"
#include "coverslip/coverslip.hpp"
#include "coverslip/ops/convert.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

template <class T>
std::vector<T> odd_numbers() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<T, bool>) {
    return {false, true};
  } else if constexpr (std::is_integral_v<T>) {
    std::vector<T> all{0, 1, 2, 3, 7, Limits::max(), Limits::max() - 1, Limits::max() / 2 + 1, Limits::min()};
    for (const std::int64_t x : {-1, -2, -3, -8}) all.push_back(static_cast<T>(x));
    for (const int bits : {24, 31, 32, 53, 62}) all.push_back(static_cast<T>((std::int64_t{1} << bits) + 1));
    return all;
  } else {
    std::vector<T> all;
    constexpr float kMost = std::numeric_limits<float>::max(), kLeast = std::numeric_limits<float>::denorm_min();
    for (const float x : {0.f,
                          1.f,
                          0.5f,
                          1.5f,
                          2.5f,
                          3.f,
                          20.f,
                          88.8f,
                          104.f,
                          65504.f,
                          65520.f,
                          8388607.5f,
                          16777215.f,
                          3e9f,
                          1e19f,
                          kMost,
                          1e-40f,
                          kLeast,
                          1.17549435e-38f,
                          6e-8f,
                          0x1p-25f,
                          std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()})
      for (const float y : {x, -x}) all.push_back(ops::convert<T>(y));
    return all;
  }
}

// Operand i of some: in operands 0 and 1 every odd number meets every other. Two types may have different many.
Tensor odd_operand(DType dtype, std::size_t i) {
  constexpr std::size_t kSide = 47;
  Tensor t(TensorType{dtype, {kSide * kSide}});
  visit(dtype, [&]<class T>(T) {
    const std::vector<T> all = odd_numbers<T>();
    const std::span<T> to = t.values<T>();
    for (std::size_t at = 0; at < to.size(); ++at)
      to[at] = all[(i == 0 ? at / kSide : i == 1 ? at % kSide : at / 3) % all.size()];
  });
  return t;
}

// The operator's samples, without their shapes, on odd numbers; each but once. Bounds of Clip stay single numbers.
std::vector<Case> odd_cases(const OpDef& op) {
  std::vector<Case> cases;
  std::set<std::string> seen;
  for (Case c : op.cases()) {
    if (c.attributes.contains("activation")) continue;  // of a sum that is infinite in f32 and not in double
    for (std::size_t i = 0; i < c.operands.size(); ++i) {
      Operand& operand = c.operands[i];
      if (operand.kind == Operand::Kind::Absent) continue;
      if (i > 0 && op.name == "Clip")
        operand = operand.value ? operand : given(numbers({operand.type.dtype, {}}, 0.1f * static_cast<float>(i)));
      else
        operand = given(odd_operand(operand.type.dtype, i));
    }
    if (seen.insert(describe(c)).second) cases.push_back(std::move(c));
  }
  return cases;
}

// Sums of many numbers in f32 may be infinite on the way.
bool may_overflow(const OpDef& op) { return op.name == "Sum" || op.name == "Mean"; }

void check_odd(const Case& c, Target target, const Sample& sample, const Tensor& want, const Tensor& magnitudes) {
  Graph graph = graph_of(c, ~0u);
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < c.operands.size(); ++i)
    if (sample.node().has(i)) inputs.push_back(sample.inputs()[i]);
  const Tensor got = Session(Model(std::move(graph)), {.threads = 1, .target = target}).run(inputs).front();
  CHECK(mismatch(sample.tolerance(), got.view(), want, magnitudes) == "");
}

}  // namespace

TEST_CASE("odd numbers are taken as the references take them, on every target") {
  const std::vector<Target> targets = cpu().targets;
  for (const Group* group : kGroups) {
    if (group->name != "activations" && group->name != "elementwise") continue;
    for (const Family& family : group->families)
      for (const OpDef& op : family) {
        if (is_internal(op) || may_overflow(op) || op.name.ends_with("max")) continue;
        for (const Case& c : odd_cases(op)) {
          INFO(describe(c));
          const Sample sample(op, c);
          const Tensor want = sample.reference(), magnitudes = sample.magnitudes().front();
          for (const Target target : targets) {
            INFO(std::string(to_string(target)));
            check_odd(c, target, sample, want, magnitudes);
          }
        }
      }
  }
}

}  // namespace v0
}  // namespace coverslip
