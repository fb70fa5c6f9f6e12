// Boxes: pieces for threads and slabs for memory begin and end only where a step allows it.
#include <tbb/global_control.h>

#include "coverslip/plan/split.hpp"
#include "plan/lowered.hpp"
#include "support.hpp"
using namespace coverslip;

namespace {

const TensorType kPicture{DType::f32, {1, 3, 40, 37}};

Graph chain(int length) {
  Graph g;
  ValueId v = g.input(kPicture);
  for (int i = 0; i < length; ++i) v = g.append("LeakyRelu", "step" + std::to_string(i), {v}, {{"alpha", 0.5f}});
  g.outputs = {v};
  return g;
}

}  // namespace

TEST_CASE("a box begins only at multiples of its step's cuts, whatever threads and slabs ask for") {
  const tbb::global_control three(tbb::global_control::max_allowed_parallelism, 3);  // also on a machine of two cores
  const Graph graph = chain(3);
  PackStore packs;
  const Tensor x = ramp(kPicture);
  const auto changed = [&](std::size_t step, const std::vector<Cut>& cuts) {
    Plan plan = lowered(graph, packs);
    Step& s = plan.steps.at(step).step;
    s.cuts = cuts;
    s.nanoseconds = 1e6;  // worth splitting
    s.in_place.reset();
    s.run = [](Inputs in, Outputs out, const Box& box, std::byte*) {  // bits that show where the box begins
      for_each(box, [&](const Index& at) {
        *out[0].as<float>(at) = *in[0].as<float>(at) + static_cast<float>((at[kSlabAxis] - box[kSlabAxis].begin) % 4);
      });
    };
    return plan;
  };
  for (const std::size_t step : {0u, 1u, 2u}) {
    const Tensor want = run(with_slabs(changed(step, {}), 0), 1, x);
    for (const int threads : {1, 2, 3})
      for (const Dim rows : {0, 1, 2, 3, 5})
        CHECK(same_bits(run(with_slabs(changed(step, {{kSlabAxis, 4}}), rows), threads, x), want));
  }
}

TEST_CASE("slabs change no bit, run the same steps and need less memory") {
  const tbb::global_control three(tbb::global_control::max_allowed_parallelism, 3);
  const Graph graph = chain(6);
  PackStore packs;
  const Plan plan = lowered(graph, packs);
  const Tensor x = ramp(kPicture);
  const Plan whole = with_slabs(plan, 0);
  const Tensor want = run(whole, 1, x);
  for (const Dim rows : {1, 2, 3, 5, 40, 100}) {
    const Plan slabbed = with_slabs(plan, rows);
    CHECK(slabbed.stretches.size() == 1);
    CHECK(slabbed.steps.size() == whole.steps.size());
    if (rows < 6) CHECK(slabbed.arena_bytes < kPicture.bytes() / 2);
    for (const int threads : {1, 2, 3}) CHECK(same_bits(run(slabbed, threads, x), want));
  }
}

TEST_CASE("the pieces of a box cover it once, at multiples, about as many as wanted") {
  const Box box(Shape{2, 50, 31, 7});
  for (const std::vector<Cut>& cuts : {std::vector<Cut>{{2, 4}, {1, 16}}, {{1, 16}}, {{0}, {3, 2}}, {}})
    for (const double wanted : {1.0, 2.0, 7.0, 16.0, 1000.0}) {
      const Split split(box, cuts, wanted);
      std::vector<int> seen(static_cast<std::size_t>(box.shape().elements()), 0);
      const View all(reinterpret_cast<std::byte*>(seen.data()), DType::i32, Layout::Planar, box);
      for (Dim i = 0; i < split.pieces(); ++i) {
        const Box piece = split.piece(i);
        for (const Cut& cut : cuts) {
          CHECK(piece[cut.axis].begin % cut.multiple == 0);
          CHECK((piece[cut.axis].end % cut.multiple == 0 || piece[cut.axis].end == box[cut.axis].end));
        }
        for_each(piece, [&](const Index& at) { ++*const_cast<View&>(all).as<std::int32_t>(at); });
      }
      CHECK(std::ranges::count(seen, 1) == box.shape().elements());
      if (wanted == 1) CHECK(split.pieces() == 1);
      if (!cuts.empty() && wanted >= 2) CHECK(split.pieces() > 1);
    }
}

TEST_CASE("few multiples are shared evenly by means of another cut") {
  const Box box(Shape{1, 3, 40});
  for (const auto& [wanted, pieces] : {std::pair{2.0, 6}, {3.0, 3}, {4.0, 9}}) {
    const Split split(box, {{1}, {2, 4}}, wanted);
    CHECK(split.pieces() == pieces);
    CHECK(split.piece(0).shape()[1] == 1);
  }
  CHECK(Split(box, {{2, 4}, {1}}, 2).pieces() == 2);
}

TEST_CASE("threads share by another cut where the best leaves one of them more to do") {
  const auto shared_axis = [](const Box& box, const std::vector<Cut>& cuts, std::size_t threads) {
    const Split split = even_split(box, cuts, static_cast<double>(threads), threads);
    CHECK(split.pieces() >= static_cast<Dim>(threads));
    return split.piece(0).shape()[1] < box.shape()[1] ? 1 : 2;
  };
  const std::vector<Cut> cuts{{1, 48}, {2}};
  CHECK(shared_axis(Box(Shape{1, 256, 14, 14}), cuts, 2) == 2);  // 144 and 112 channels, or 7 and 7 rows
  CHECK(shared_axis(Box(Shape{1, 768, 14, 14}), cuts, 2) == 1);  // 384 and 384
  CHECK(shared_axis(Box(Shape{1, 256, 1, 1}), cuts, 2) == 1);    // no other way
  CHECK(shared_axis(Box(Shape{1, 240, 2, 14}), cuts, 5) == 1);
  CHECK(Split(Box(Shape{1, 256, 14, 14}), cuts, 2).largest_share(2) == 144 * 14 * 14);
}

TEST_CASE("a piece is worth its handing over, and few where each repeats work") {
  constexpr double kMicrosecond = 1e3, kMillisecond = 1e6;
  for (const bool repeats : {false, true}) {
    CHECK(pieces_for(1, kMillisecond, repeats) == 1);
    CHECK(pieces_for(8, 5 * kMicrosecond, repeats) == 1);
    CHECK(pieces_for(8, 30 * kMicrosecond, repeats) == 3);
    CHECK(pieces_for(8, 200 * kMicrosecond, repeats) == 8);
    CHECK(pieces_for(2, 1000 * kMillisecond, repeats) >= 100);
  }
  CHECK(pieces_for(2, 2 * kMillisecond, false) == 8);
  CHECK(pieces_for(2, 2 * kMillisecond, true) == 2);
}

TEST_CASE("values between two slabbed stretches stay whole") {
  Graph g;
  const auto extend = [&](ValueId v, int length) {
    for (int i = 0; i < length; ++i) v = g.append("LeakyRelu", "chain", {v}, {{"alpha", 0.5f}});
    return v;
  };
  const ValueId first = extend(g.input(kPicture), 2), second = extend(first, 4);
  g.outputs = {g.append("Identity", "a", {first}), g.append("Identity", "b", {second}),
               g.append("Identity", "c", {second})};
  PackStore packs;
  const Plan plan = lowered(g, packs);
  const Tensor x = ramp(kPicture);
  const auto all = [&](Dim rows) {
    std::vector<Tensor> y(3, Tensor(kPicture));
    Executor(std::make_shared<const Plan>(with_slabs(plan, rows)), 2).run({&x, 1}, y, {});
    return y;
  };
  const auto want = all(0), got = all(2);
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
  CHECK(same_bits(want[1], want[2]));
}
