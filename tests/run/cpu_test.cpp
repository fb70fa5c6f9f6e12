// What the machine grants: cgroup quotas of both versions, read from folders made here.
#include <filesystem>

#include "coverslip/coverslip.hpp"
#include "coverslip/run/quota.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

// A folder that is gone at the end of the test.
class Folder {
 public:
  explicit Folder(const char* name) : path_(std::filesystem::temp_directory_path() / name) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("the smallest quota of all groups above the process counts") {
  const Folder folder("coverslip_cgroup2_test");
  folder.write("groups", "0::/a/b\n");
  folder.write("a/cpu.max", "150000 100000\n");
  folder.write("a/b/cpu.max", "max 100000\n");
  CHECK(cgroup_quota(folder.path(), folder.path() + "/groups") == doctest::Approx(1.5));
  folder.write("a/b/cpu.max", "50000 100000\n");
  CHECK(cgroup_quota(folder.path(), folder.path() + "/groups") == doctest::Approx(0.5));
}

TEST_CASE("version 1 quotas are read too, and none is no limit") {
  const Folder folder("coverslip_cgroup1_test");
  folder.write("groups", "3:memory:/m\n4:cpu,cpuacct:/a\n");
  CHECK(cgroup_quota(folder.path(), folder.path() + "/groups") == 0);
  folder.write("cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
  folder.write("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  CHECK(cgroup_quota(folder.path(), folder.path() + "/groups") == 0);
  folder.write("cpu,cpuacct/a/cpu.cfs_quota_us", "300000\n");
  CHECK(cgroup_quota(folder.path(), folder.path() + "/groups") == doctest::Approx(3));
}

TEST_CASE("threads follow the quota, rounded up, and never exceed the allowed CPUs") {
  CHECK(default_threads(8, 0) == 8);
  CHECK(default_threads(8, 1.5) == 2);
  CHECK(default_threads(2, 16) == 2);
  CHECK(default_threads(4, 0.1) == 1);
}

TEST_CASE("this machine has a core and an instruction set") {
  const Cpu here = cpu();
  CHECK(here.cores >= 1);
  CHECK(here.allowed >= 1);
  CHECK(here.threads >= 1);
  CHECK(here.threads <= here.allowed);
  CHECK(!here.targets.empty());
}
