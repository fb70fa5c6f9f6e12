// slip cpu: what this machine offers to the engine.
#include "json.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace coverslip::tool {

Exit show_cpu(Words words) {
  bool json = false;
  Arguments arguments(
      "cpu", "", "Shows the instruction sets that this build has and this CPU runs, and the CPUs that may be used.");
  arguments.flag("--json", json, "print one JSON document");
  if (!arguments.parse(words)) return Exit::Ok;
  if (!arguments.words().empty()) throw UsageError("slip cpu takes no '" + arguments.words()[0] + "'");

  const Cpu cpu = coverslip::cpu();
  std::vector<std::string> targets;
  std::string names;
  for (const Target target : cpu.targets) {
    targets.emplace_back(to_string(target));
    names += (names.empty() ? "" : ", ") + targets.back();
  }
  if (json) {
    Json document;
    document.open_object().member("targets", targets).member("cores", cpu.cores).member("allowed", cpu.allowed);
    document.key("quota");
    cpu.quota > 0 ? document.value(cpu.quota) : document.null();
    print(document.member("threads", cpu.threads).close().take());
    return Exit::Ok;
  }
  Table table({{"targets"}, {names + (targets.size() > 1 ? " (best first)" : "")}});
  table.add({"cores", std::to_string(cpu.cores)});
  table.add({"allowed", std::to_string(cpu.allowed) + " (cpuset and affinity)"});
  table.add({"quota", cpu.quota > 0 ? fixed(cpu.quota, 2) + " CPUs (cgroup)" : "none"});
  table.add({"threads", std::to_string(cpu.threads) + " (the default)"});
  print(table.text());
  return Exit::Ok;
}

}  // namespace coverslip::tool
