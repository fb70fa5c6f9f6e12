// CPU time that Linux control groups grant to this process. See cgroups(7).
#pragma once
#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

namespace coverslip {
inline namespace v0 {

// Quota over period of one group; 0: no limit. `directory` of version 2 (cpu.max) or 1 (cpu.cfs_quota_us).
inline double quota_in(const std::string& directory) {
  std::string quota;
  double period = 0;
  if (std::ifstream file(directory + "/cpu.max"); file >> quota >> period)
    return quota == "max" || period <= 0 ? 0 : std::atof(quota.c_str()) / period;
  double microseconds = 0;
  std::ifstream(directory + "/cpu.cfs_quota_us") >> microseconds;
  std::ifstream(directory + "/cpu.cfs_period_us") >> period;
  return microseconds > 0 && period > 0 ? microseconds / period : 0;
}

// The smallest quota of this process' group and of those above it; 0: no limit.
inline double cgroup_quota(const std::string& root = "/sys/fs/cgroup",
                           const std::string& groups = "/proc/self/cgroup") {
  double least = 0;
  const auto take = [&](double quota) { least = quota > 0 && (least == 0 || quota < least) ? quota : least; };
  std::ifstream file(groups);
  for (std::string line; std::getline(file, line);) {  // hierarchy:controllers:path
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
    std::string path = line.substr(second + 1);
    for (;;) {
      take(quota_in(root + (controllers.empty() ? "" : "/" + controllers) + path));
      if (path.empty() || path == "/") break;
      path.resize(path.rfind('/'));
    }
  }
  take(quota_in(root));
  return least;
}

inline int default_threads(int allowed, double quota) {
  if (quota <= 0) return allowed;
  return std::clamp(static_cast<int>(std::ceil(quota)), 1, allowed);
}

}  // namespace v0
}  // namespace coverslip
