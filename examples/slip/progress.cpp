// Implements progress.hpp.
#include "progress.hpp"

#include <chrono>
#include <cstdio>
#include <utility>

#ifdef _WIN32
#include <io.h>
#define COVERSLIP_ISATTY(file) _isatty(_fileno(file))
#else
#include <unistd.h>
#define COVERSLIP_ISATTY(file) isatty(fileno(file))
#endif

#include "text.hpp"

namespace coverslip::tool {

Progress::Progress(std::string what) : what_(std::move(what)) {
  if (COVERSLIP_ISATTY(stderr)) thread_ = std::jthread([this](std::stop_token stop) { show(std::move(stop)); });
}

Progress::~Progress() = default;

void Progress::now(std::string what) {
  const std::lock_guard lock(mutex_);
  what_ = std::move(what);
  share_ = -1;
}

void Progress::show(std::stop_token stop) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  auto wait = std::chrono::milliseconds(1000);
  bool shown = false;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, wait, [&] { return stop.stop_requested(); })) {
    if (stop.stop_requested()) break;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const double done = share_;
    const std::string share = done < 0 ? "" : " " + fixed(100 * done, 0) + " %";
    const std::string line = "\r\x1b[K" + safe(what_) + share + " (" + fixed(seconds, 0) + " s)";
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
    shown = true;
    wait = std::chrono::milliseconds(200);
  }
  if (shown) std::fputs("\r\x1b[K", stderr);
}

}  // namespace coverslip::tool
