// Every allocation of loading, planning and running fails once: a typed error, no leak, and the next try works.
#include <fstream>
#include <iterator>
#include <memory>

#include "allocations.hpp"
#include "run/small_network.hpp"

using namespace coverslip;
using namespace coverslip::test;

namespace {

const std::string kGolden = COVERSLIP_SOURCE_DIR "/tests/data/golden/v1.slip";

enum class Outcome { Right, Wrong, OutOfMemory, OtherError };

// Runs f, which returns whether its answer is right, while the n-th allocation fails.
template <class F>
Outcome outcome_of(const F& f, std::size_t n, Fail how, bool& failed) {
  const FailingAllocation failing(n, how);
  Outcome outcome = Outcome::OtherError;
  try {
    outcome = f() ? Outcome::Right : Outcome::Wrong;
  } catch (const Error& error) {
    if (error.code() == Errc::OutOfMemory) outcome = Outcome::OutOfMemory;
  } catch (const std::bad_alloc&) {  // there may be no memory for the message either
    if (how == Fail::FromThenOn) outcome = Outcome::OutOfMemory;
  }
  failed = failing.failed();
  return outcome;
}

// g++ 11 does not destroy the members of an aggregate when a later one throws (GCC bug 66139; g++ 12 does).
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 12
constexpr bool kCompilerLoses = true;
#else
constexpr bool kCompilerLoses = false;
#endif

// Lets each allocation of f(object) fail, alone and with all that follow. f says that there is no memory, or does
// without (a sort may). Then f(object) must work, and nothing be left when the object is gone.
template <class M, class F>
void fail_each(const M& make, const F& f) {
  {
    auto object = make();
    REQUIRE(f(object));  // what happens once in a program has happened then, in oneTBB for example
  }
  for (const Fail how : {Fail::Once, Fail::FromThenOn}) {
    CAPTURE(how == Fail::Once);
    std::size_t errors = 0;
    bool failed = true;
    for (std::size_t n = 0; failed; ++n) {
      const Allocations before = allocations();
      Outcome outcome{};
      bool still_right = false;
      {
        auto object = make();
        outcome = outcome_of([&] { return f(object); }, n, how, failed);
        still_right = f(object);
      }
      const std::ptrdiff_t left = since(before).live;
      CAPTURE(n);
      REQUIRE((outcome == Outcome::OutOfMemory || outcome == Outcome::Right));
      REQUIRE(still_right);
      if (!kCompilerLoses) REQUIRE(left == 0);
      errors += outcome == Outcome::OutOfMemory;
    }
    CHECK(errors > 0);
  }
}

std::vector<char> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("allocations are counted, and fail when they should") {
  const Allocations begin = allocations();
  const auto made = std::make_unique<char[]>(100);
  CHECK(made != nullptr);
  CHECK(since(begin).count == 1);
  CHECK(since(begin).bytes == 100);
  CHECK(since(begin).live == 1);
  bool failed = false;
  CHECK(outcome_of([] { return allocate(64) != nullptr; }, 0, Fail::Once, failed) == Outcome::OutOfMemory);
  CHECK(failed);
}

TEST_CASE("each allocation of loading a file may fail") {
  const std::vector<char> file = bytes_of(kGolden);
  const Bytes bytes = allocate(file.size());
  std::memcpy(bytes.get(), file.data(), file.size());
  const std::size_t weights = Model::load(kGolden).weight_bytes();
  REQUIRE(weights > 0);
  fail_each([] { return kGolden; },
            [&](const std::string& path) { return Model::load(path).weight_bytes() == weights; });
  fail_each([&] { return bytes; },
            [&](const Bytes& data) { return Model::load(data, file.size()).weight_bytes() == weights; });
}

TEST_CASE("each allocation of planning may fail, and the Model still serves") {
  const Graph graph = small_network();
  fail_each([&] { return Model(graph); },
            [](const Model& model) { return Session(model, {.threads = 2}).threads() > 0; });
}

TEST_CASE("each allocation of a run may fail, and the Session still runs") {
  const Model model(small_network());
  const Tensor x = ramp(kSmallPicture);
  const std::vector<Tensor> want = Session(model).run({&x, 1});
  for (const int threads : {1, 2}) {
    const auto make = [&] { return Session(model, {.threads = threads}); };
    fail_each(make, [&](Session& session) { return same_bits(session.run({&x, 1}), want); });
    fail_each(make, [&](Session& session) { return !session.profile({&x, 1}).empty(); });
    fail_each(make, [&](Session& session) { return !session.describe().empty() && session.memory().peak() > 0; });
    fail_each(make, [&](Session& session) { return Session(session).threads() > 0; });
  }
}

TEST_CASE("each allocation of a run with a new shape may fail, and the Session still runs both shapes") {
  const Model model(small_network({1, 3, kFree, kFree}));
  const Tensor x = ramp(kSmallPicture), other = ramp({DType::f32, {1, 3, 12, 16}});
  const std::vector<Tensor> want = Session(model).run({&x, 1}), want_other = Session(model).run({&other, 1});
  const auto make = [&] {
    Session session(model, {.threads = 2});
    session.run({&x, 1});
    return session;
  };
  fail_each(make, [&](Session& session) {
    return same_bits(session.run({&other, 1}), want_other) && same_bits(session.run({&x, 1}), want);
  });
}

TEST_CASE("each allocation of a run that plans on when data is known may fail") {
  Graph g;
  const ValueId x = g.input({DType::f32, {2, 3}}, "x"), shape = g.input({DType::i64, {2}}, "shape");
  g.outputs = {g.append("LeakyRelu", "bend", {g.append("Reshape", "turned", {x, shape})})};
  const Model model(g);
  const std::vector<Tensor> inputs{ramp({DType::f32, {2, 3}}), Tensor({2}, {std::int64_t{3}, std::int64_t{2}})};
  const std::vector<Tensor> want = Session(model).run(inputs);
  fail_each([&] { return Session(model); }, [&](Session& session) { return same_bits(session.run(inputs), want); });
}

TEST_CASE("each allocation of verify may fail") {
  fail_each([] { return Model::load(kGolden); }, [](const Model& model) { return model.verify().passed; });
}
