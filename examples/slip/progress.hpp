// One line on stderr that says how far a long task is: on a terminal alone, and only after a second.
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace coverslip::tool {

class Progress {
 public:
  explicit Progress(std::string what);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // wipes the line away

  void now(std::string what);                       // the task goes on to something else
  std::atomic<double>* share() { return &share_; }  // for RunControl: 0 to 1; below 0: not known

 private:
  void show(std::stop_token stop);

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::string what_;
  std::atomic<double> share_{-1};
  std::jthread thread_;  // last: it uses the others. None where stderr is no terminal.
};

}  // namespace coverslip::tool
