// What this machine grants: instruction sets, cores, and the CPU time that affinity, cpuset and cgroup quota allow.
#pragma once
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

#include "coverslip/coverslip.hpp"
#include "coverslip/kernels/table.hpp"
#include "coverslip/run/quota.hpp"

namespace coverslip {
inline namespace v0 {

inline std::optional<Target> target_named(std::string_view name) {
  const auto at = std::find(std::begin(kTargetNames), std::end(kTargetNames), name);
  if (at == std::end(kTargetNames)) return std::nullopt;
  return static_cast<Target>(at - std::begin(kTargetNames));
}

// CPUs that this process may run on.
inline int allowed_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(CPU_COUNT(&set), 1);
#endif
  return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
}

// Throws Error(Unsupported) where the build lacks the target, or this CPU does.
inline const KernelTable& kernels_for(std::optional<Target> target) {
  const auto tables = supported_kernels();
  if (!target) return *tables.front();
  std::string have;
  for (const KernelTable* table : tables) {
    if (target_named(table->name) == target) return *table;
    have += (have.empty() ? "" : ", ") + std::string(table->name);
  }
  throw Error(Errc::Unsupported, "target", "this build on this CPU has ", have, ", not ", to_string(*target));
}

Cpu cpu() {
  Cpu found;
  for (const KernelTable* table : supported_kernels())
    if (const auto target = target_named(table->name)) found.targets.push_back(*target);
  found.cores = static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
  found.allowed = allowed_cpus();
  found.quota = cgroup_quota();
  found.threads = default_threads(found.allowed, found.quota);
  return found;
}

}  // namespace v0
}  // namespace coverslip
