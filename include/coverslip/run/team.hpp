// The threads of a run: the one that calls, and helpers that come and go while it lasts.
#pragma once
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include "coverslip/core/shape.hpp"

namespace coverslip {
inline namespace v0 {

// Nobody is waited for that has not come: who is there takes pieces. Steps follow each other within microseconds, less
// than it takes to wake a thread, so a helper looks for more before it leaves.
class Team {
 public:
  explicit Team(int threads)
      : arena_(threads), threads_(static_cast<std::size_t>(threads)), shares_(static_cast<std::size_t>(threads)) {}

  // Calls f(), which may call share(); passes on what it throws.
  template <class F>
  void run(const F& f) {
    if (threads_ == 1) return f();
    arena_.execute([&] {
      tbb::task_group helpers;
      helpers_ = &helpers;
      const Dismissal dismissal{*this};
      f();
    });
  }

  // piece(i, slot) for 0 <= i < n, which must not throw; no two at the same time have the same slot. Slots are below
  // the number of threads.
  template <class F>
  void share(Dim n, const F& piece) {
    if (threads_ == 1 || n < 2) {
      for (Dim i = 0; i < n; ++i) piece(i, std::size_t{0});
      return;
    }
    call_helpers(static_cast<std::size_t>(n) - 1);
    work_ = {&piece, [](const void* f, Dim i, std::size_t slot) { (*static_cast<const F*>(f))(i, slot); }, n};
    unfinished_.store(n, std::memory_order_relaxed);
    for (std::size_t s = 0; s < threads_; ++s)
      shares_[s].left.store(begin_of(s + 1) - begin_of(s), std::memory_order_release);
    announced_.fetch_add(1, std::memory_order_release);
    take_pieces(this_slot());
    while (unfinished_.load(std::memory_order_acquire) > 0) look_again();
  }

 private:
  struct Work {
    const void* f = nullptr;
    void (*call)(const void* f, Dim i, std::size_t slot) = nullptr;
    Dim pieces = 0;
  };
  // Neighbours go to one thread, the same in each step as far as it keeps up: what it made lies in its cache.
  struct alignas(64) Share {
    std::atomic<Dim> left = 0;  // pieces that nobody has taken, the last ones of the share
  };
  struct Dismissal {
    Team& team;
    ~Dismissal() {
      team.over_.store(true, std::memory_order_relaxed);
      team.helpers_->wait();  // runs those that never came, which find it over
      team.over_.store(false, std::memory_order_relaxed);
    }
  };

  static std::size_t this_slot() { return static_cast<std::size_t>(tbb::this_task_arena::current_thread_index()); }

  // A few loads cost less than the system call.
  void look_again() const {
    constexpr int kLooks = 32;
    const std::size_t seen = announced_.load(std::memory_order_relaxed);
    for (int i = 0; i < kLooks; ++i)
      if (announced_.load(std::memory_order_relaxed) != seen) return;
    std::this_thread::yield();
  }

  Dim begin_of(std::size_t share) const { return work_.pieces * static_cast<Dim>(share) / static_cast<Dim>(threads_); }

  void call_helpers(std::size_t useful) {
    for (std::size_t have = called_.load(std::memory_order_relaxed); have < std::min(threads_ - 1, useful); ++have) {
      called_.fetch_add(1, std::memory_order_relaxed);
      helpers_->run([this] { help(); });
    }
  }

  void help() {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds kPatience(1);
    const std::size_t slot = this_slot();
    std::size_t seen = announced_.load(std::memory_order_acquire);
    take_pieces(slot);
    Clock::time_point since = Clock::now();
    while (!over_.load(std::memory_order_relaxed)) {
      if (const std::size_t now = announced_.load(std::memory_order_acquire); now != seen) {
        seen = now;
        take_pieces(slot);
        since = Clock::now();
      } else if (Clock::now() - since > kPatience) {
        break;
      } else {
        look_again();
      }
    }
    called_.fetch_sub(1, std::memory_order_relaxed);
  }

  // Own pieces first, then those of the others. Work does not change before all that were taken are done.
  void take_pieces(std::size_t slot) {
    for (std::size_t i = 0; i < threads_; ++i) {
      const std::size_t share = (slot + i) % threads_;
      std::atomic<Dim>& left = shares_[share].left;
      for (Dim have = left.load(std::memory_order_relaxed); have > 0;) {
        if (!left.compare_exchange_weak(have, have - 1, std::memory_order_acquire, std::memory_order_relaxed)) continue;
        work_.call(work_.f, begin_of(share + 1) - have, slot);
        unfinished_.fetch_sub(1, std::memory_order_release);
        have = left.load(std::memory_order_relaxed);
      }
    }
  }

  tbb::task_arena arena_;
  std::size_t threads_;
  tbb::task_group* helpers_ = nullptr;  // of the run
  Work work_;
  std::vector<Share> shares_;
  std::atomic<Dim> unfinished_ = 0;
  std::atomic<std::size_t> announced_ = 0;  // works so far
  std::atomic<std::size_t> called_ = 0;     // helpers that have not left
  std::atomic<bool> over_ = false;
};

}  // namespace v0
}  // namespace coverslip
