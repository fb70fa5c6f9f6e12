// Sessions: same bits for any number of threads and any slab, copies, cancel, and errors that say what is wrong.
#include <optional>
#include <thread>

#include "allocations.hpp"
#include "coverslip/coverslip.hpp"
#include "support.hpp"
using namespace coverslip;
using namespace coverslip::test;

namespace {

const TensorType kPicture{DType::f32, {1, 3, 40, 37}};

// Elementwise steps after a reorder: enough for a stretch of several steps.
Graph chain(int length, const TensorType& type = kPicture) {
  Graph g;
  ValueId v = g.input(type);
  for (int i = 0; i < length; ++i) v = g.append("LeakyRelu", "step" + std::to_string(i), {v}, {{"alpha", 0.5f}});
  g.outputs = {v};
  return g;
}

}  // namespace

TEST_CASE("a Session computes what the operators say") {
  Session session{Model(chain(2, {DType::f32, {4}}))};
  CHECK(same_bits(session.run(Tensor({4}, {-8.f, 0.f, 2.f, -1.f})), Tensor({4}, {-2.f, 0.f, 2.f, -0.25f})));
}

TEST_CASE("a copy shares plan and packed weights, and both run at the same time") {
  const Model model(chain(3));
  Session first(model, {.threads = 2});
  const Tensor x = ramp(kPicture);
  const Tensor want = first.run(x);
  Session second = first;
  Tensor got;
  std::thread other([&] { got = second.run(x); });
  const Tensor again = first.run(x);
  other.join();
  CHECK(same_bits(got, want));
  CHECK(same_bits(again, want));
}

TEST_CASE("a Session runs every shape that free dimensions allow") {
  const Model model(chain(1, {DType::f32, {kFree, 2, kFree}}));
  Session session(model);
  for (const Dim n : {1, 2, 3, 1, 9, 4, 5, 6, 7, 8, 10, 1}) {
    const Tensor y = session.run(ramp({DType::f32, {n, 2, 5 + n}}));
    CHECK(y.shape() == Shape{n, 2, 5 + n});
  }
  CHECK_THROWS_WITH_AS(session.run(ramp({DType::f32, {1, 3, 5}})), "input 'x': the model wants f32 ?x2x?, got 1x3x5",
                       Error);
  CHECK_THROWS_AS(session.describe(), Error);  // which shape?
}

TEST_CASE("the memory of an answer that was let go serves the next one, and no other") {
  std::optional<Session> session{Model(chain(2))};
  const Tensor x = ramp(kPicture);
  const Tensor held = session->run(x), want = held;
  std::thread([last = session->run(x)] {}).join();  // let go by another thread
  const Allocations begin = allocations();
  const Tensor again = session->run(x);
  CHECK(since(begin).bytes < kPicture.bytes());
  CHECK(again.data() != held.data());
  const Tensor other = session->run(x);
  CHECK(since(begin).bytes > kPicture.bytes());
  CHECK(other.data() != again.data());
  session.reset();
  CHECK(same_bits(held, want));
  CHECK(same_bits(again, want));
}

TEST_CASE("a stopped run says so, and the next one runs") {
  Session session{Model(chain(3))};
  const std::atomic<bool> stop = true;
  const Tensor x = ramp(kPicture);
  const Tensor want = session.run(x);
  try {
    session.run(x, {.stop = &stop});
    FAIL("ran on");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::Cancelled);
  }
  CHECK(same_bits(session.run(x), want));
}

TEST_CASE("progress ends at one") {
  Session session{Model(chain(5))};
  std::atomic<double> progress = 0;
  session.run(ramp(kPicture), {.progress = &progress});
  CHECK(progress == doctest::Approx(1));
}

TEST_CASE("errors name the operator, the node, what was wanted and what was there") {
  Graph g;
  g.outputs = {g.append("Foo", "n", {g.append("Bar", "m", {g.input(kPicture)})})};
  CHECK_THROWS_WITH_AS(Session(Model(g)),
                       "operators: these nodes have none in this version: Bar 'm', Foo 'n'; "
                       "`slip info --operators` lists those that it has",
                       Error);
  Session session{Model(chain(1))};
  CHECK_THROWS_WITH_AS(session.run(Tensor({2}, {1.f, 2.f})), "input 'x': the model wants f32 1x3x40x37, got 2", Error);
  CHECK_THROWS_WITH_AS(Session(Model(chain(1)), {.threads = -1}), "threads: wants 0 to 1024, got -1", Error);
}

TEST_CASE("what does not fit into max_memory is refused before it starts, with the least that would do") {
  const Model model(chain(6));
  const std::size_t io = 2 * kPicture.bytes();
  try {
    Session session(model, {.threads = 1, .max_memory = io});
    FAIL("was planned");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::OverBudget);
    const std::size_t least = std::stoul(error.message().substr(std::string("this needs at least ").size()));
    CHECK(least > io);
    Session session(model, {.threads = 1, .max_memory = least});
    CHECK(session.memory().peak() == least);
    CHECK(same_bits(session.run(ramp(kPicture)), Session(model).run(ramp(kPicture))));
  }
}

TEST_CASE("a node without outputs, or with what is the engine's own, is refused") {
  Graph none;
  none.outputs = {none.append("Relu", "r", {none.input({DType::f32, {4}})})};
  none.nodes.push_back({.op = "Unique", .name = "u", .inputs = {none.constant(Tensor({}, {1.f}))}, .outputs = {}});
  CHECK_THROWS_WITH_AS(Session(Model(none)), "Unique 'u': names no output; at least one wanted", Error);
  Graph own;
  own.outputs = {own.append("ReduceSum", "sum", {own.input({DType::f32, {4}})},
                            {{"coverslip.blocks", std::vector<Dim>(1000, 1)}})};
  CHECK_THROWS_WITH_AS(Session(Model(own)),
                       "ReduceSum 'sum': attribute 'coverslip.blocks' is for the engine's own use; leave it out",
                       Error);
}

TEST_CASE("where a shape depends on data, a run plans on when the data is there") {
  Graph g;
  const ValueId x = g.input({DType::f32, {2, 6}}, "x"), shape = g.input({DType::i64, {2}}, "shape");
  const ValueId minus_one = g.constant(Tensor({1}, {std::int64_t{-1}}));
  const ValueId half = g.append("LeakyRelu", "half", {x}, {{"alpha", 0.5f}});
  const ValueId reshaped = g.append("Reshape", "reshape", {half, shape});
  const ValueId flat = g.append("Reshape", "flat", {reshaped, minus_one});
  const ValueId again = g.append("Reshape", "again", {flat, g.append("Shape", "size", {reshaped})});
  g.outputs = {again, half, shape};
  const Model model(g);
  Session session(model, {.threads = 2});
  const Tensor picture = ramp({DType::f32, {2, 6}});
  const Tensor want = Session(model).run(std::array{picture, Tensor({2}, {std::int64_t{2}, std::int64_t{6}})})[1];
  for (const Shape& to : {Shape{3, 4}, {4, 3}, {12, 1}, {3, 4}, {1, 12}}) {
    const Tensor list({2}, {to[0], to[1]});
    const std::vector<Tensor> got = session.run(std::array{picture, list});
    REQUIRE(got.size() == 3);
    CHECK(got[0].shape() == to);
    CHECK(std::ranges::equal(got[0].values<float>(), want.values<float>()));
    CHECK(same_bits(got[1], want));
    CHECK(same_bits(got[2], list));
  }
  CHECK(session.describe().find("Reshape 'reshape': planned, with all after it, when its input is known") !=
        std::string::npos);
  CHECK(session.profile(std::array{picture, Tensor({2}, {std::int64_t{3}, std::int64_t{4}})}).size() > 2);
  CHECK_THROWS_AS(session.run(std::array{picture, Tensor({2}, {std::int64_t{5}, std::int64_t{4}})}), Error);
  CHECK(session.run(std::array{picture, Tensor({2}, {std::int64_t{6}, std::int64_t{2}})})[0].shape() == Shape{6, 2});
}

TEST_CASE("what a plan works out is packed for that plan alone") {
  Graph g;
  const ValueId x = g.input({DType::f32, {1, kFree, 4, 4}}, "x");
  const ValueId sizes = g.append("Cast", "sizes", {g.append("Shape", "shape", {x})}, {{"to", Dim{1}}});
  const ValueId column = g.constant(Tensor({2}, {std::int64_t{4}, std::int64_t{1}}));
  g.outputs = {g.append("MatMul", "product", {x, g.append("Reshape", "weights", {sizes, column})})};
  Session session{Model(g)};
  for (Dim c = 1; c < 40; ++c) {  // more plans than are kept
    const Tensor picture = ramp({DType::f32, {1, c, 4, 4}}), y = session.run(picture);
    for (std::size_t i = 0; i < y.values<float>().size(); ++i) {
      const auto row = picture.values<float>().subspan(4 * i, 4);
      REQUIRE(y.values<float>()[i] ==
              doctest::Approx(row[0] + row[1] * static_cast<float>(c) + 4 * row[2] + 4 * row[3]));
    }
  }
}
