// Every candidate against its reference: all operators, cases, targets, cuts and strides, and what steps claim.
#include <doctest/doctest.h>

#include "answers.hpp"
#include "coverslip/coverslip.hpp"
#include "coverslip/ops/registry.hpp"
#include "coverslip/ops/windows/conv.hpp"

namespace coverslip {
inline namespace v0 {
namespace {

void check_bounds(const Sample& s, const Step& step, const Box& box) {
  const std::vector<Box> boxes = s.needed(step, box);
  REQUIRE(boxes.size() == s.types().size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (!s.node().has(i)) continue;
    REQUIRE(boxes[i].rank() == s.types()[i].shape.rank());
    for (std::size_t axis = 0; axis < boxes[i].rank(); ++axis) {
      REQUIRE(boxes[i][axis].begin >= 0);
      REQUIRE(boxes[i][axis].begin <= boxes[i][axis].end);
      REQUIRE(boxes[i][axis].end <= s.types()[i].shape[axis]);
    }
  }
}

// A step and its whole output, from inputs that hold everything.
struct Whole {
  Sample::Fed inputs;
  Buffer output;
  Whole(const Sample& s, const Step& step)
      : inputs(s.feed(step, Box(s.output().shape), Room::Exact)),
        output(s.make_output(step, Box(s.output().shape), Room::Exact)) {
    s.run(step, inputs.views, output.view, output.view.held());
  }
};

bool poisoned(const View& view, const Index& at) {
  const std::byte* bytes = view.at(at);
  return std::all_of(bytes, bytes + size_of(view.dtype()), [](std::byte b) { return b == kPoison; });
}

// The same bits from buffers that hold just what the box needs, and inside those of the whole value, of which no more
// than the box is written, and of which the output has other strides than dense inputs.
void check_part(const Sample& s, const Step& step, const Whole& whole, const Box& part) {
  check_bounds(s, step, part);
  for (const Room room : {Room::Exact, Room::Padded}) {
    const Buffer cut = s.run(step, part, room);
    REQUIRE(same_elements(cut.view, whole.output.view, part));
    REQUIRE(cut.untouched());
  }
  Buffer inside = s.make_output(step, Box(s.output().shape), Room::Padded);
  s.run(step, whole.inputs.views, inside.view, part);
  bool kept = true;
  for_each(inside.view.held(),
           [&](const Index& at) { kept = kept && (part.contains(at) || poisoned(inside.view, at)); });
  REQUIRE(kept);
  REQUIRE(same_elements(inside.view, whole.output.view, part));
}

Range unit(const Cut& cut, Dim i, Dim end) { return {i * cut.multiple, std::min((i + 1) * cut.multiple, end)}; }

Dim units(const Cut& cut, Dim end) { return (end + cut.multiple - 1) / cut.multiple; }

// Along each axis alone every piece of one multiple; along two axes, and along all, the corners and the middle.
void check_cuts(const Sample& s, const Step& step, const Whole& whole) {
  const Box all = whole.output.view.held();
  for (const Cut& a : step.cuts) {
    REQUIRE(a.axis < all.rank());
    REQUIRE(a.multiple > 0);
    const Dim along_a = units(a, all[a.axis].end);
    for (Dim i = 0; i < along_a; ++i) {
      Box part = all;
      part[a.axis] = unit(a, i, all[a.axis].end);
      check_part(s, step, whole, part);
    }
    for (const Cut& b : step.cuts) {
      if (b.axis <= a.axis) continue;
      const Dim along_b = units(b, all[b.axis].end);
      if (along_a < 2 || along_b < 2) continue;
      for (const Dim i : {Dim{0}, along_a / 2, along_a - 1})
        for (const Dim j : {Dim{0}, along_b / 2, along_b - 1}) {
          Box part = all;
          part[a.axis] = unit(a, i, all[a.axis].end);
          part[b.axis] = unit(b, j, all[b.axis].end);
          check_part(s, step, whole, part);
        }
    }
  }
  Box middle = all;
  for (const Cut& cut : step.cuts) {
    const Dim end = all[cut.axis].end, n = units(cut, end);
    middle[cut.axis] = {std::min((n + 1) / 3 * cut.multiple, end), std::min((2 * n + 2) / 3 * cut.multiple, end)};
  }
  if (middle.shape().elements() > 0) check_part(s, step, whole, middle);
}

// in_place: the output in an input's memory.
void check_in_place(const Sample& s, const Step& step, const View& whole, const Box& box) {
  if (!step.in_place || box.shape().elements() == 0) return;
  const std::size_t i = *step.in_place;
  REQUIRE(s.node().has(i));
  REQUIRE(s.types()[i].shape == s.output().shape);
  REQUIRE(size_of(s.input_of(step, i).dtype) == size_of(s.output_of(step).dtype));
  REQUIRE(!step.inputs.at(i).pack);
  REQUIRE(step.inputs[i].layout == step.outputs.at(0));
  REQUIRE(s.needed(step, box)[i] == box);
  for (const Room room : {Room::Exact, Room::Padded}) {
    const Sample::Fed fed = s.feed(step, box, room);
    const View& in = fed.views[i];
    View out(const_cast<std::byte*>(in.at(box.origin())), s.output_of(step).dtype, in.strides(), box);
    s.run(step, fed.views, out, box);
    REQUIRE(same_elements(out, whole, box));
    for (const Buffer& buffer : fed.buffers) REQUIRE(buffer.untouched());
  }
}

// same_bytes: dense, one looks like the other, and run() leaves bytes alone that already lie there.
void check_same_bytes(const Sample& s, const Step& step, const View& whole) {
  if (!step.same_bytes || whole.shape().elements() == 0) return;
  REQUIRE(!step.inputs.at(0).pack);
  REQUIRE(size_of(s.input_of(step, 0).dtype) == size_of(s.output_of(step).dtype));
  const Box all = whole.held();
  const std::size_t bytes = s.output_of(step).bytes();
  REQUIRE(s.input_of(step, 0).bytes() == bytes);
  const Sample::Fed fed = s.feed(step, all, Room::Exact);
  const Box from(s.types()[0].shape);
  REQUIRE(s.needed(step, all)[0] == from);
  std::byte* data = const_cast<std::byte*>(fed.views[0].at(from.origin()));
  REQUIRE(std::memcmp(data, whole.at(all.origin()), bytes) == 0);
  View out(data, s.output_of(step).dtype, step.outputs.at(0), all);
  s.run(step, fed.views, out, all);
  REQUIRE(std::memcmp(data, whole.at(all.origin()), bytes) == 0);
}

Box moved(Box box, const Index& by) {
  for (std::size_t axis = 0; axis < box.rank(); ++axis)
    box[axis] = {box[axis].begin + by[axis], box[axis].end + by[axis]};
  return box;
}

// window: the output is a part of input 0.
void check_window(const Sample& s, const Step& step, const View& whole) {
  if (!step.window || whole.shape().elements() == 0) return;
  const Box all = whole.held();
  REQUIRE(step.inputs.at(0).layout == step.outputs.at(0));
  REQUIRE(s.input_of(step, 0).dtype == s.output_of(step).dtype);
  for (const Room room : {Room::Exact, Room::Padded}) {
    Buffer in(s.input_of(step, 0).dtype, step.outputs[0], Box(s.types()[0].shape), room);
    Sample::Fed fed = s.feed(step, all, room);
    const Box part = moved(all, *step.window);
    REQUIRE(s.needed(step, all)[0] == part);
    copy_elements(fed.views[0], in.view, part);
    fed.views[0] = in.view;
    View out(in.view.at(part.origin()), s.output_of(step).dtype, in.view.strides(), all);
    REQUIRE(same_elements(out, whole, all));
    s.run(step, fed.views, out, all);
    REQUIRE(same_elements(out, whole, all));
  }
}

// parts: the inputs are parts of the output.
void check_parts(const Sample& s, const Step& step, const View& whole) {
  if (step.parts.empty()) return;
  const Box all = whole.held();
  REQUIRE(step.parts.size() == s.types().size());
  for (const Room room : {Room::Exact, Room::Padded}) {
    Buffer out = s.make_output(step, all, room);
    Sample::Fed fed = s.feed(step, all, room);
    for (std::size_t i = 0; i < step.parts.size(); ++i) {
      REQUIRE(step.inputs.at(i).layout == step.outputs.at(0));
      const Box in(s.types()[i].shape), place = moved(in, step.parts[i]);
      if (in.shape().elements() == 0) continue;
      View inside(out.view.at(place.origin()), s.output_of(step).dtype, out.view.strides(), in);
      copy_elements(fed.views[i], inside, in);
      fed.views[i] = inside;
    }
    REQUIRE(same_elements(out.view, whole, all));
    s.run(step, fed.views, out.view, all);
    REQUIRE(same_elements(out.view, whole, all));
    REQUIRE(out.untouched());
  }
}

// The outputs after the first: as the reference makes them, and the same bits when made piece by piece.
void check_others(const Sample& s, const Step& step, const Whole& whole, std::span<const Tensor> want) {
  if (want.size() == 1) return;
  const std::vector<Tensor> magnitudes = s.magnitudes(step);
  std::list<Buffer> others = s.make_others(step, Room::Padded);
  Buffer first = s.make_output(step, Box(s.output().shape), Room::Padded);
  s.run(step, whole.inputs.views, first.view, others, Box(s.output().shape));
  for (const Cut& cut : step.cuts) {
    std::list<Buffer> pieces = s.make_others(step, Room::Exact);
    Box part(s.output().shape);
    const Dim end = part[cut.axis].end;
    for (Dim i = 0; i < units(cut, end); ++i) {
      part[cut.axis] = unit(cut, i, end);
      s.run(step, whole.inputs.views, first.view, pieces, part);
    }
    for (auto a = others.begin(), b = pieces.begin(); a != others.end(); ++a, ++b)
      REQUIRE(same_elements(a->view, b->view, a->view.held()));
  }
  std::size_t i = 0;
  for (const Buffer& other : others) {
    ++i;
    check_values(s.tolerance(step), other.view, want[i], magnitudes[i]);
    REQUIRE(other.untouched());
  }
}

// A model of this node alone, where even what planning must know is an input: whatever the planner makes of the node.
void check_planned(const OpDef& op, const Sample& s, std::span<const Tensor> want, Target target) {
  Graph graph;
  std::vector<Tensor> inputs;
  Node node = s.node();
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.has(i)) continue;
    if (s.is_constant(i) && (op.of_contents >> i & 1) == 0) {
      node.inputs[i] = graph.constant(s.inputs()[i]);
    } else {
      node.inputs[i] = graph.input(s.types()[i]);
      inputs.push_back(s.inputs()[i]);
    }
  }
  for (ValueId& v : node.outputs) graph.outputs.push_back(v = graph.add({}));
  graph.nodes.push_back(node);
  const std::vector<Tensor> magnitudes = s.magnitudes();
  const Model model(std::move(graph));
  std::vector<Tensor> first;
  for (const int threads : {1, 3}) {
    const std::vector<Tensor> got = Session(model, {.threads = threads, .target = target}).run(inputs);
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      REQUIRE(got[i].type() == want[i].type());
      CHECK(mismatch_when_planned(s, i, got[i], want[i], magnitudes[i]) == "");
      if (!first.empty()) REQUIRE(same_elements(got[i].view(), first[i].view(), first[i].view().held()));
    }
    first = got;
  }
}

void check_step(const Sample& s, const Step& step, std::span<const Tensor> all_wanted) {
  const Tensor& want = all_wanted.front();
  REQUIRE(step.nanoseconds > 0);
  REQUIRE(step.inputs.size() == s.types().size());
  REQUIRE(step.outputs.size() == s.outputs().size());
  const Box all(want.shape());
  check_bounds(s, step, all);
  const Whole whole(s, step);
  const View& output = whole.output.view;
  check_values(s, step, output, want);
  check_part(s, step, whole, all);
  check_cuts(s, step, whole);
  check_others(s, step, whole, all_wanted);
  check_in_place(s, step, output, all);
  for (const Cut& cut : step.cuts) {
    Box part = all;
    part[cut.axis] = unit(cut, units(cut, all[cut.axis].end) / 2, all[cut.axis].end);
    check_in_place(s, step, output, part);
  }
  check_same_bytes(s, step, output);
  check_window(s, step, output);
  check_parts(s, step, output);
}

// One test for each group of operators, so that they can be run apart.
template <class F>
void for_each_case(std::string_view group, const F& f) {
  bool found = false;
  for (const Group* each : kGroups) {
    if (each->name != group) continue;
    found = true;
    for (const Family& family : each->families)
      for (const OpDef& op : family)
        for (const Case& c : samples_of(op))
          if (!c.bench) f(op, c);
  }
  REQUIRE(found);
}

void check_steps(const Sample& sample, std::span<const Tensor> want) {
  for (const KernelTable* kernels : supported_kernels()) {
    INFO(std::string(kernels->name));
    for (const Step& step : sample.candidates(*kernels)) {
      INFO(step.kernel << " to " << to_string(step.outputs.at(0)));
      check_step(sample, step, want);
    }
  }
}

void check_group(std::string_view group) {
  for_each_case(group, [](const OpDef& op, const Case& c) {
    INFO(describe(c));
    const Sample sample(op, c);
    const std::vector<Tensor> want = sample.references();
    for (const Layout layout : kLayouts) {
      const std::vector<Tensor> got = sample.references(layout, Room::Padded);
      for (std::size_t i = 0; i < want.size(); ++i)
        REQUIRE(same_elements(got[i].view(), want[i].view(), want[i].view().held()));
    }
    check_steps(sample, want);
    const Sample narrow(op, c, true);
    check_steps(narrow, narrow.references());
    if (is_internal(op)) return;
    const std::vector<Target> targets = cpu().targets;
    for (const Target target : targets)
      if (op.expand != nullptr || target == targets.front()) check_planned(op, sample, want, target);
  });
}

}  // namespace

// Every candidate agrees with its reference on every target, however it is cut and wherever its values lie; the
// reference gives the same bits for any strides; a model of one node does what the reference does.
TEST_CASE("operators agree with their references: activations") { check_group("activations"); }
TEST_CASE("operators agree with their references: elementwise") { check_group("elementwise"); }
TEST_CASE("operators agree with their references: matrices") { check_group("matrices"); }
TEST_CASE("operators agree with their references: norms") { check_group("norms"); }
TEST_CASE("operators agree with their references: quantized") { check_group("quantized"); }
TEST_CASE("operators agree with their references: reductions") { check_group("reductions"); }
TEST_CASE("operators agree with their references: shapes") { check_group("shapes"); }
TEST_CASE("operators agree with their references: windows") { check_group("windows"); }

// Weights heavy enough to choose this order belong to layers too big for such a test.
TEST_CASE("Winograd's convolutions agree with the reference point by point") {
  using Dims = std::vector<Dim>;
  const Attributes relu{{"pads", Dims{1, 1, 1, 1}}, {"activation", std::string("Relu")}};
  const Case cases[] = {
      {"Conv", relu, {data({2, 17, 9, 10}), weights({70, 17, 3, 3}), weights({70}), data({2, 70, 9, 10})}},
      {"Conv", {{"pads", Dims{1, 0, 1, 1, 1, 0}}}, {data({1, 5, 4, 6, 9}), weights({35, 5, 3, 3, 3})}}};
  for (const Case& c : cases) {
    const Sample sample(*find_op("Conv"), c);
    const std::vector<Tensor> want = sample.references();
    const Shape& y = sample.output().shape;
    const auto windows = ops::conv_windows(sample.node(), sample.types());
    std::size_t tested = 0;
    for (const KernelTable* kernels : supported_kernels())
      for (const WinogradTileF32& tile : kernels->winograd_f32.tiles)
        for (const std::size_t groups : {1u, 3u}) {
          auto conv = ops::winograd_conv(sample.node(), sample.types(), y, windows, tile, *kernels);
          if (!conv) continue;
          conv->given = {static_cast<Dim>(groups * kernels->winograd_f32.rows), true, 0};
          const Step direct = sample.candidates(*kernels).front();
          const Step step = ops::winograd_step(*conv, direct, sample.node(), sample.types(), y, *kernels);
          INFO(kernels->name << ": " << describe(c) << " by " << step.kernel << ", " << groups << " groups at once");
          check_step(sample, step, want);
          ++tested;
        }
    CHECK(tested >= 2 * supported_kernels().size());
  }
}

TEST_CASE("planar convolutions of narrow values agree with the reference at all widths and numbers of channels") {
  using Dims = std::vector<Dim>;
  const auto with = [](Dims dilations, const char* activation) {
    Dims pads = dilations;
    pads.insert(pads.end(), dilations.begin(), dilations.end());
    return Attributes{{"dilations", dilations}, {"pads", pads}, {"activation", std::string(activation)}};
  };
  std::vector<Case> cases;
  for (const Dim width : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 95, 97, 130})  // around vectors, and tiles of them
    cases.push_back({"Conv", with({1, 2}, "Relu"), {data({1, 3, 4, width}), weights({5, 3, 3, 3}), weights({5})}});
  for (const Dim outputs : {1, 2, 4, 6, 7, 13})  // of a tile, and of more
    cases.push_back({"Conv", with({3}, "Sigmoid"), {data({2, 2, 21}), weights({outputs, 2, 3}), weights({outputs})}});
  cases.push_back({"Conv",
                   with({2, 4, 16}, "LeakyRelu"),
                   {data({2, 5, 5, 4, 37}), weights({5, 5, 3, 3, 3}), weights({5}), data({2, 5, 5, 4, 37})}});
  cases.push_back({"Conv", {{"strides", Dims{3, 2, 1}}}, {data({1, 4, 6, 7, 19}), weights({6, 4, 2, 3, 4})}});
  for (const Case& c : cases) {
    const Sample narrow(*find_op("Conv"), c, true), wide(*find_op("Conv"), c);
    const std::vector<Tensor> want = narrow.references();
    const auto windows = ops::conv_windows(narrow.node(), narrow.types());
    for (const KernelTable* kernels : supported_kernels()) {
      if (!kernels->planar_conv_f32.narrow) continue;
      std::vector<Step> steps{wide.candidates(*kernels).front()};
      ops::add_planar_convs(steps, narrow.node(), narrow.types(), narrow.output().shape, windows,
                            {.kernels = *kernels, .bf16 = true});
      std::erase_if(steps, [](const Step& step) { return !has_narrow(step); });
      CHECK(steps.size() == std::size(kNarrowWays));
      for (const Step& step : steps) {
        INFO(std::string(kernels->name) << ": " << describe(c) << " to " << to_string(narrow.output_of(step).dtype));
        check_step(narrow, step, want);
      }
    }
  }
}

TEST_CASE("every group has such a test") { CHECK(kGroups.size() == 8); }

TEST_CASE("every operator has cases, and its record is complete") {
  for_each_op([](const OpDef& op) {
    CAPTURE(op.name);
    CHECK(find_op(op.name) == &op);
    CHECK((op.infer != nullptr));
    CHECK((op.needed != nullptr));
    CHECK((op.reference != nullptr));
    REQUIRE((op.cases != nullptr));
    CHECK(!op.cases().empty());
    CHECK((op.plan == nullptr || op.tolerance != nullptr));
    for (const Case& c : samples_of(op)) CHECK(c.op == op.name);
  });
}

}  // namespace v0
}  // namespace coverslip
