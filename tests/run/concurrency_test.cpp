// Many threads: Sessions of one Model made, run and destroyed at once; runs stopped from outside; a Session used twice.
#include <functional>
#include <thread>

#include "run/small_network.hpp"

using namespace coverslip;
using namespace coverslip::test;

namespace {

// Runs f(0) ... f(count - 1), each on a thread of its own, and waits. f returns whether all was right.
template <class F>
int right_of(int count, const F& f) {
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      try {
        right += f(i) ? 1 : 0;
      } catch (const std::exception&) {  // counted as wrong
      }
    });
  for (std::thread& thread : threads) thread.join();
  return right;
}

// So many equal steps that no run of it ends before another thread had its turn.
Graph long_chain(int steps, const TensorType& type) {
  Graph g;
  ValueId v = g.input(type);
  for (int i = 0; i < steps; ++i) v = g.append("Sigmoid", "step" + std::to_string(i), {v});
  g.outputs = {v};
  return g;
}

std::optional<Errc> code_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

const TensorType kLong{DType::f32, {1, 4, 64, 64}};
constexpr int kSteps = 400;

// A long run on a thread of its own, which has begun when the constructor returns.
class RunningSession {
 public:
  RunningSession(Session& session, const Tensor& x) {
    thread_ = std::thread([this, &session, &x] {
      // Again and again, until it is stopped: a fast machine may end one run before anybody looks.
      do {
        progress_ = 0;
        ended_ = code_of([&] { session.run(x, {.stop = &stop_, .progress = &progress_}); });
      } while (!ended_ || *ended_ == Errc::Busy);
      over_ = true;
    });
    while (progress_ == 0 && !over_) std::this_thread::yield();
  }
  RunningSession(const RunningSession&) = delete;
  RunningSession& operator=(const RunningSession&) = delete;
  ~RunningSession() { stop(); }

  // How far the run had come when it was told to stop.
  double stop() {
    stop_ = true;
    const double at = progress_;
    if (thread_.joinable()) thread_.join();
    return at;
  }
  double progress() const { return progress_; }
  std::optional<Errc> ended() const { return ended_; }  // after stop()

 private:
  std::atomic<bool> stop_ = false, over_ = false;
  std::atomic<double> progress_ = 0;
  std::optional<Errc> ended_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("64 threads share a Model, each with Sessions of its own, made and destroyed meanwhile") {
  const Tensor x = ramp(kSmallPicture);
  const std::vector<Tensor> want = Session(Model(small_network())).run({&x, 1});
  const Model shared(small_network());
  CHECK(right_of(64, [&](int i) {
          const Model copy = shared;
          for (int round = 0; round < 3; ++round) {
            Session session(copy, {.threads = 1 + i % 3});  // packs the weights, or waits for who does
            for (int again = 0; again < 2; ++again)
              if (!same_bits(session.run({&x, 1}), want)) return false;
          }
          return copy.packed_bytes() > 0;
        }) == 64);
}

TEST_CASE("64 threads run copies of one Session, each with shapes of its own") {
  const Model model(small_network({1, 3, kFree, kFree}));
  Session first(model, {.threads = 2});
  const auto picture = [](int i) { return ramp({DType::f32, {1, 3, 8 + i % 11, 12}}); };  // more than plans are kept
  std::vector<std::vector<Tensor>> want;
  for (int i = 0; i < 11; ++i) {
    const Tensor x = picture(i);
    want.push_back(first.run({&x, 1}));
  }
  CHECK(right_of(64, [&](int i) {
          for (int round = 0; round < 3; ++round) {
            Session copy = first;
            const Tensor x = picture(i + round);
            if (!same_bits(copy.run({&x, 1}), want[static_cast<std::size_t>((i + round) % 11)])) return false;
          }
          return true;
        }) == 64);
}

TEST_CASE("64 threads load a file and verify it") {
  CHECK(right_of(64, [](int i) {
          const Model model = Model::load(COVERSLIP_SOURCE_DIR "/tests/data/golden/v1.slip");
          return model.verify({.threads = 1 + i % 2}).passed;
        }) == 64);
}

TEST_CASE("a Session goes from thread to thread") {
  const Tensor x = ramp(kSmallPicture);
  Session session(Model(small_network()), {.threads = 2});
  const std::vector<Tensor> want = session.run({&x, 1});
  for (int i = 0; i < 8; ++i) {
    bool right = false;
    std::thread([&, moved = std::move(session)]() mutable {
      right = same_bits(moved.run({&x, 1}), want);
      session = std::move(moved);
    }).join();
    CHECK(right);
  }
}

TEST_CASE("a run that another thread stops ends within one box, and the Session runs on") {
  const Tensor x = ramp(kLong);
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    Session session(Model(long_chain(kSteps, kLong)), {.threads = threads});
    const Tensor want = session.run(x);
    RunningSession running(session, x);
    const double at = running.stop();
    CHECK(running.ended() == Errc::Cancelled);
    // One box may end, and be told of, after `at` was read; the next one does not begin.
    CHECK(running.progress() <= at + 1.01 / kSteps);
    CHECK(coverslip::same_bits(session.run(x), want));
  }
}

TEST_CASE("a Session that is used twice at once says that it is busy, and what to do") {
  const Tensor x = ramp(kLong);
  Session session(Model(long_chain(kSteps, kLong)), {.threads = 2});
  const Tensor want = session.run(x);
  {
    RunningSession running(session, x);
    const auto while_it_runs = [](const std::function<void()>& use) {
      // Between two runs of the other thread the Session is free, so that one try may succeed.
      for (int tries = 0; tries < 1000; ++tries)
        if (const auto code = code_of(use)) return *code == Errc::Busy;
      return false;
    };
    CHECK(while_it_runs([&] { session.run(x); }));
    CHECK(while_it_runs([&] { session.describe(); }));
    CHECK(while_it_runs([&] { session.steps(); }));
    CHECK(while_it_runs([&] { session.memory(); }));
    CHECK(while_it_runs([&] { session.profile({&x, 1}); }));
    Session copy = session;  // who needs a second one copies it, also now
    CHECK(coverslip::same_bits(copy.run(x), want));
  }
  CHECK(coverslip::same_bits(session.run(x), want));
}
