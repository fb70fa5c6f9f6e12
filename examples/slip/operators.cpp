// Implements operators.hpp; the only part of the tool that sees the registry.
#include "operators.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "coverslip/coverslip.hpp"
#include "coverslip/ops/registry.hpp"
#include "json.hpp"

namespace coverslip::tool {
namespace {

// What the samples of an operator show. They are what its tests run, so nothing is claimed that is not tested.
struct Abilities {
  struct Samples {
    int all = 0, fast = 0;
    std::string_view speed() const { return fast == all ? "fast" : fast == 0 ? "reference" : "partly"; }
  };
  std::string_view group;
  std::map<std::string_view, Samples> types{};  // by the element type of the first input
  std::set<std::size_t> ranks{};                // of the first input
};

bool has_kernels(const Case& sample) {
  const std::vector<StepInfo> steps = Session(Model(graph_of(sample)), {.threads = 1}).steps();
  return std::ranges::none_of(steps, [](const StepInfo& step) { return step.kernel == "reference"; });
}

Abilities abilities_of(const OpDef& op, std::string_view group) {
  Abilities all{.group = group};
  for (const Case& sample : samples_of(op)) {
    const auto first = std::ranges::find_if(
        sample.operands, [](const Operand& operand) { return operand.kind != Operand::Kind::Absent; });
    if (first == sample.operands.end()) continue;
    Abilities::Samples& samples = all.types[to_string(first->type.dtype)];
    ++samples.all;
    samples.fast += has_kernels(sample) ? 1 : 0;
    all.ranks.insert(first->type.shape.rank());
  }
  return all;
}

template <class F>
void for_each_by_name(const F& f) {
  std::map<std::string_view, std::pair<const OpDef*, std::string_view>> all;
  for (const Group* group : kGroups)
    for (const Family& family : group->families)
      for (const OpDef& op : family)
        if (!is_internal(op)) all[op.name] = {&op, group->name};
  for (const auto& [name, op] : all) f(*op.first, op.second);
}

}  // namespace

std::string operators_text() {
  std::string text;
  for_each_by_name([&](const OpDef& op, std::string_view) { text += std::string(op.name) + "\n"; });
  return text;
}

std::string operators_json() {
  Json json;
  json.open_object().key("operators").open_object();
  for_each_by_name([&](const OpDef& op, std::string_view group) {
    const Abilities abilities = abilities_of(op, group);
    json.key(op.name).open_object().member("group", abilities.group).key("types").open_object();
    for (const auto& [type, samples] : abilities.types) json.member(type, samples.speed());
    json.close().member("ranks", abilities.ranks).close();
  });
  json.close().key("targets").open_array();
  for (const Target target : cpu().targets) json.value(to_string(target));
  return json.close().close().take();
}

}  // namespace coverslip::tool
