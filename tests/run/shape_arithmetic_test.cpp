// Networks that work out their shapes: from those of their inputs when planning, or from what data hold, on the way.
#include "coverslip/coverslip.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

ValueId number(Graph& g, std::int64_t n) { return g.constant(Tensor({}, {n})); }
ValueId list(Graph& g, std::vector<std::int64_t> numbers) {
  Tensor t({DType::i64, {static_cast<Dim>(numbers.size())}});
  std::ranges::copy(numbers, t.values<std::int64_t>().begin());
  return g.constant(std::move(t));
}

// Rows of pixels, as exporters write it: x.reshape(n, c, h * w), with n, h and w from Shape.
Graph rows() {
  Graph g;
  const ValueId x = g.input({DType::f32, {kFree, 3, kFree, kFree}});
  const ValueId shape = g.append("Shape", "shape", {x});
  const auto axis = [&](std::int64_t i) { return g.append("Gather", "axis", {shape, number(g, i)}); };
  const auto as_list = [&](ValueId v) { return g.append("Unsqueeze", "list", {v, list(g, {0})}); };
  const ValueId pixels = g.append("Mul", "pixels", {axis(2), axis(3)});
  const ValueId wanted =
      g.append("Concat", "wanted", {as_list(axis(0)), list(g, {3}), as_list(pixels)}, {{"axis", Dim{0}}});
  g.outputs = {g.append("Reshape", "rows", {x, wanted})};
  return g;
}

}  // namespace

TEST_CASE("a network with a free batch and picture size works out its shapes when it is planned") {
  Session session{Model(rows())};
  for (const Shape& shape : {Shape{1, 3, 4, 5}, Shape{2, 3, 7, 1}, Shape{5, 3, 16, 9}, Shape{1, 3, 0, 5}}) {
    const Tensor x = ramp({DType::f32, shape});
    const Tensor y = session.run(x);
    CHECK(y.shape() == Shape{shape[0], 3, shape[2] * shape[3]});
    CHECK(std::memcmp(x.data(), y.data(), x.type().bytes()) == 0);
  }
}

TEST_CASE("nothing of a network's shape arithmetic is left to the run") {
  Session session{Model(rows())};
  session.run(ramp({DType::f32, {2, 3, 4, 5}}));
  Graph fixed = rows();
  fixed.values[fixed.inputs[0]].type.shape = {2, 3, 4, 5};
  const std::string plan = Session(Model(std::move(fixed))).describe();
  CAPTURE(plan);
  for (const char* op : {"Shape", "Gather", "Unsqueeze", "Mul", "Concat"})
    CHECK(plan.find(std::string(op) + " '") == std::string::npos);
}

TEST_CASE("halves of a picture of any size are crops whose places are worked out") {
  Graph g;
  const ValueId x = g.input({DType::f32, {1, 2, kFree}});
  const ValueId width = g.append("Gather", "width", {g.append("Shape", "shape", {x}), list(g, {2})});
  const ValueId half = g.append("Div", "half", {width, number(g, 2)});
  const ValueId left = g.append("Slice", "left", {x, list(g, {0}), half, list(g, {2})});
  const ValueId right = g.append("Slice", "right", {x, half, width, list(g, {2})});
  g.outputs = {g.append("Concat", "swapped", {right, left}, {{"axis", Dim{2}}})};
  Session session{Model(std::move(g))};
  const Tensor y = session.run(Tensor({1, 2, 3}, {1.f, 2.f, 3.f, 4.f, 5.f, 6.f}));
  CHECK(same_bits(y, Tensor({1, 2, 3}, {2.f, 3.f, 1.f, 5.f, 6.f, 4.f})));
  CHECK(session.run(ramp({DType::f32, {1, 2, 10}})).shape() == Shape{1, 2, 10});
}

TEST_CASE("what data hold decides how much comes out") {
  Graph g;
  const ValueId x = g.input({DType::f32, {kFree}});
  const ValueId places = g.append("NonZero", "places", {x});
  const ValueId row = g.append("Squeeze", "row", {places, list(g, {0})});
  g.outputs = {g.append("Gather", "found", {x, row}), g.append("Size", "count", {row})};
  Session session{Model(std::move(g))};
  const auto run = [&](const Tensor& numbers) { return session.run({&numbers, 1}); };
  const std::vector<Tensor> some = run(Tensor({5}, {0.f, 7.f, 0.f, -2.f, 3.f}));
  CHECK(same_bits(some[0], Tensor({3}, {7.f, -2.f, 3.f})));
  CHECK(same_bits(some[1], Tensor({}, {std::int64_t{3}})));
  CHECK(run(Tensor({2}, {0.f, 0.f}))[0].shape() == Shape{0});
  CHECK(same_bits(run(Tensor({2}, {0.f, 1.f}))[0], Tensor({1}, {1.f})));
}

TEST_CASE("plans are kept apart by which values have which shape, not by the shapes alone") {
  Graph g;
  std::vector<ValueId> zeros;
  for (const char* name : {"first", "second"}) {
    const ValueId x = g.input({DType::f32, {kFree}}, name);
    zeros.push_back(g.append("ConstantOfShape", "zeros", {g.append("Shape", "shape", {x})}));
  }
  const ValueId x = g.input({DType::f32, {2}}, "third");
  g.outputs = {zeros[0], zeros[1], g.append("NonZero", "places", {x})};
  Session session{Model(std::move(g))};
  // Few zeros are worked out when planning, many are not.
  for (const Dim first : {3, 5000}) {
    const Tensor a({DType::f32, {first}}), b({DType::f32, {5003 - first}}), c({2}, {0.f, 1.f});
    const std::vector<Tensor> got = session.run(std::array{a, b, c});
    CHECK(got[0].shape() == a.shape());
    CHECK(got[1].shape() == b.shape());
  }
}

TEST_CASE("numbers from data that ask for too much are refused, and the next run works") {
  Graph g;
  const ValueId shape = g.input({DType::i64, {1}});
  g.outputs = {g.append("ConstantOfShape", "zeros", {shape})};
  Session session{Model(std::move(g))};
  for (const std::int64_t n : {std::int64_t{1'000'000'000'000}, std::int64_t{-1}, std::int64_t{1} << 62}) {
    try {
      session.run(Tensor({1}, {n}));
      FAIL("made " << n << " elements");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::BadShape);
    }
  }
  CHECK(session.run(Tensor({1}, {std::int64_t{2}})).shape() == Shape{2});
}
