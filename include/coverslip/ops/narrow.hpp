// Candidates on values that a plan in bf16 holds as bf16 between its steps ("narrow"): half the bytes to move.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>

#include "coverslip/ops/copy.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/nest.hpp"

namespace coverslip::inline v0::ops {

// Both ways: one of the views is f32, the other bf16. They have the same layout.
inline void convert_box(const View& from, View& to, const Box& box, const HalfKernels& kernels) {
  if (box.shape().elements() == 0) return;
  Nest<2> nest(box.shape(), {from.strides(), to.strides()});
  nest.want_unit_strides();
  const HalfKernel convert = to.dtype() == DType::bf16 ? kernels.narrow_bf16 : kernels.widen_bf16;
  const auto x_size = static_cast<Dim>(size_of(from.dtype())), y_size = static_cast<Dim>(size_of(to.dtype()));
  const std::byte* x = from.at(box.origin());
  std::byte* y = to.at(box.origin());
  nest.for_each_plane([&](const auto& at) {
    const Rows rows = nest.plane();
    for (std::size_t row = 0; row < rows.count; ++row) {
      const auto r = static_cast<Dim>(row);
      convert(x + x_size * (at[0] + r * rows.x_step), y + y_size * (at[1] + r * rows.y_step), rows.n);
    }
  });
}

inline double convert_nanoseconds(const Shape& shape) {
  return pass_nanoseconds(static_cast<std::size_t>(shape.elements()) * (sizeof(float) + sizeof(BFloat16)));
}

inline Step convert_step(const Shape& shape, Layout layout, bool narrow, const HalfKernels& kernels) {
  return {.kernel = narrow ? "narrow" : "widen",
          .inputs = {{.layout = layout, .narrow = !narrow}},
          .outputs = {layout},
          .narrow = narrow,
          .cuts = any_axis(shape.rank()),
          .nanoseconds = convert_nanoseconds(shape),
          .run = [kernels](Inputs x, Outputs y, const Box& box, std::byte*) { convert_box(x[0], y[0], box, kernels); }};
}

using Needed = std::function<std::vector<Box>(const Box&)>;  // by the inputs, of a box of the output

// A step in f32, run cell by cell of its output: what a cell needs is widened into scratch, what it makes is rounded
// from there. Cells are anchored to the whole value.
class NarrowStep {
 public:
  struct Port {
    Layout layout = Layout::Planar;
    bool narrow = false;
    std::size_t bytes = 0, offset = 0;  // in scratch
  };

  // `narrow_in`: all f32 inputs that change from run to run. None where no cell is small enough.
  static std::shared_ptr<const NarrowStep> of(const Step& step, const Needed& needed, const Node& node, const Types& in,
                                              const Shape& y, Constants constants, const HalfKernels& kernels,
                                              bool narrow_in, bool narrow_out) {
    const auto made = std::make_shared<NarrowStep>();
    made->step_ = step;
    made->kernels_ = kernels;
    made->out_ = {step.outputs[0], narrow_out};
    for (std::size_t i = 0; i < in.size(); ++i) {
      const Port& port = made->in_.emplace_back(
          Port{step.inputs[i].layout, narrow_in && node.has(i) && in[i].dtype == DType::f32 &&
                                          constants[i] == nullptr && in[i].shape.elements() > 0});
      if (!port.narrow) continue;
      made->ranges_ += in[i].shape.rank();
      constexpr Dim kLongest = std::numeric_limits<std::int32_t>::max();
      if (std::ranges::any_of(in[i].shape, [](Dim d) { return d > kLongest; })) return nullptr;
    }
    if (!made->choose_cells(needed, y)) return nullptr;
    return made;
  }

  Step narrow() const {
    Step step = step_;
    for (std::size_t i = 0; i < in_.size(); ++i) step.inputs[i].narrow = in_[i].narrow;
    step.narrow = out_.narrow;
    if (step.in_place && in_[*step.in_place].narrow != out_.narrow) step.in_place.reset();
    return step;
  }
  std::size_t scratch_bytes() const { return bytes_ + step_.scratch_bytes; }
  double numbers() const { return numbers_; }  // that are widened or rounded
  double cells() const { return static_cast<double>(cells_); }

  void run(Inputs in, Outputs out, const Box& box, std::byte* scratch) const {
    Box grid(box.rank(), Range{});
    for (std::size_t axis = 0; axis < box.rank(); ++axis) {
      if (box[axis].extent() <= 0) return;
      grid[axis] = {box[axis].begin / cell_[axis], (box[axis].end - 1) / cell_[axis] + 1};
    }
    for_each(grid, [&](const Index& at) {
      Box part(box.rank(), Range{});
      for (std::size_t axis = 0; axis < box.rank(); ++axis)
        part[axis] = {std::max(box[axis].begin, at[axis] * cell_[axis]),
                      std::min(box[axis].end, (at[axis] + 1) * cell_[axis])};
      run_cell(in, out, part, needed_.data() + number_of(at) * ranges_, scratch);
    });
  }

 private:
  static constexpr std::size_t kMostInputs = 8;
  struct Held {  // a Range in half the memory: there are many
    std::int32_t begin, end;
  };

  std::size_t number_of(const Index& at) const {
    std::size_t number = 0;
    for (std::size_t axis = 0; axis < at.rank(); ++axis)
      number = number * static_cast<std::size_t>(counts_[axis]) + static_cast<std::size_t>(at[axis]);
    return number;
  }

  void run_cell(Inputs in, Outputs out, const Box& part, const Held* needed, std::byte* scratch) const {
    std::array<View, kMostInputs> inputs;
    for (std::size_t i = 0; i < in_.size(); ++i) {
      inputs[i] = in[i];
      if (!in_[i].narrow) continue;
      Box held = in[i].held();
      for (std::size_t axis = 0; axis < held.rank(); ++axis, ++needed)
        held[axis] = intersection(step_.in_place == i ? part[axis] : Range{needed->begin, needed->end}, held[axis]);
      inputs[i] = View(scratch + in_[i].offset, DType::f32, in_[i].layout, held);
      convert_box(in[i], inputs[i], held, kernels_);
    }
    View whole = out[0];
    if (out_.narrow) whole = View(scratch + out_.offset, DType::f32, out_.layout, part);
    step_.run(std::span<const View>(inputs.data(), in_.size()), std::span<View>(&whole, 1), part, scratch + bytes_);
    if (out_.narrow) convert_box(whole, out[0], part, kernels_);
  }

  // Halves the whole along cuts, the best first, until a cell's numbers lie in a cache.
  bool choose_cells(const Needed& needed, const Shape& y) {
    constexpr std::size_t kCell = 64 << 10, kMostCell = 1 << 20, kMostCells = 1 << 14;
    if (in_.size() > kMostInputs) return false;
    cell_ = Index(std::span<const Dim>(y.begin(), y.rank()));
    for (const Cut& cut : step_.cuts)
      while (bytes_of(needed, middle(y)) > kCell && cell_[cut.axis] > cut.multiple)
        cell_[cut.axis] = ((cell_[cut.axis] + 1) / 2 + cut.multiple - 1) / cut.multiple * cut.multiple;
    if (bytes_of(needed, middle(y)) > kMostCell) return false;
    Box grid(y.rank(), Range{});
    counts_ = Index(y.rank(), 0);
    std::size_t cells = 1;
    for (std::size_t axis = 0; axis < y.rank(); ++axis) {
      counts_[axis] = grid[axis].end = (y[axis] + cell_[axis] - 1) / cell_[axis];
      cells *= static_cast<std::size_t>(counts_[axis]);
    }
    if (cells > kMostCells) return false;
    cells_ = cells;
    needed_.reserve(cells * ranges_);
    for_each(grid, [&](const Index& at) { add_cell(needed, cell_box(at, y)); });
    place();
    return true;
  }
  Box cell_box(const Index& at, const Shape& y) const {
    Box box(y.rank(), Range{});
    for (std::size_t axis = 0; axis < y.rank(); ++axis)
      box[axis] = {at[axis] * cell_[axis], std::min((at[axis] + 1) * cell_[axis], y[axis])};
    return box;
  }
  Box middle(const Shape& y) const {
    Index at(y.rank(), 0);
    for (std::size_t axis = 0; axis < y.rank(); ++axis) at[axis] = (y[axis] - 1) / cell_[axis] / 2;
    return cell_box(at, y);
  }
  std::size_t bytes_of(const Needed& needed, const Box& box) const {
    std::size_t elements = static_cast<std::size_t>(box.shape().elements());
    const std::vector<Box> boxes = needed(box);
    for (std::size_t i = 0; i < in_.size(); ++i)
      if (in_[i].narrow) elements += static_cast<std::size_t>(boxes[i].shape().elements());
    return elements * sizeof(float);
  }
  void add_cell(const Needed& needed, const Box& box) {
    const auto add = [&](Port& port, const Box& part) {
      const auto elements = static_cast<std::size_t>(part.shape().elements());
      port.bytes = std::max(port.bytes, elements * sizeof(float));
      numbers_ += static_cast<double>(elements);
    };
    const std::vector<Box> boxes = needed(box);
    for (std::size_t i = 0; i < in_.size(); ++i) {
      if (!in_[i].narrow) continue;
      for (const Range& range : boxes[i])
        needed_.push_back({static_cast<std::int32_t>(range.begin), static_cast<std::int32_t>(range.end)});
      add(in_[i], boxes[i]);
    }
    if (out_.narrow) add(out_, box);
  }
  void place() {
    for (Port& port : in_) {
      port.offset = bytes_;
      bytes_ += aligned(port.bytes);
    }
    out_.offset = bytes_;
    bytes_ += aligned(out_.bytes);
  }

  Step step_;
  HalfKernels kernels_{};
  std::vector<Port> in_;
  Port out_;
  Index cell_, counts_;
  std::vector<Held> needed_;  // of each cell, of each narrow input, along each of its axes
  std::size_t ranges_ = 0;    // of a cell
  std::size_t cells_ = 0;
  std::size_t bytes_ = 0;  // of scratch, before the step's own
  double numbers_ = 0;
};

// `step` in f32 with all its inputs or its output, or both, narrow. None where that is not worth trying.
inline std::optional<Step> narrowed(const Step& step, const Needed& needed, const Node& node, const Types& in,
                                    const Shape& y, Constants constants, const HalfKernels& kernels, bool narrow_in,
                                    bool narrow_out) {
  constexpr std::size_t kMostScratch = 256 << 10, kMostConstants = 128 << 10;  // that each cell reads anew
  std::size_t constant_bytes = 0;
  for (std::size_t i = 0; i < in.size(); ++i)
    if (constants[i] != nullptr) constant_bytes += in[i].bytes();
  if (step.scratch_bytes > kMostScratch || constant_bytes > kMostConstants) return {};
  if (step.same_bytes || step.window || !step.parts.empty()) return {};
  const auto made = NarrowStep::of(step, needed, node, in, y, constants, kernels, narrow_in, narrow_out);
  if (made == nullptr) return {};
  Step narrow = made->narrow();
  constexpr double kConverted = 6, kCellNanoseconds = 150, kConstantBytes = 40;  // numbers, in a cache; bytes
  narrow.scratch_bytes = made->scratch_bytes();
  narrow.nanoseconds += made->numbers() / kConverted +
                        made->cells() * (kCellNanoseconds + static_cast<double>(constant_bytes) / kConstantBytes);
  for (std::size_t i = 0; i < in.size(); ++i)
    if (narrow.inputs[i].narrow) narrow.nanoseconds -= narrow_saves(static_cast<double>(in[i].shape.elements()));
  if (narrow.narrow) narrow.nanoseconds -= narrow_saves(static_cast<double>(y.elements()));
  narrow.nanoseconds = std::max(narrow.nanoseconds, 1.0);
  narrow.run = [made](Inputs x, Outputs to, const Box& box, std::byte* scratch) { made->run(x, to, box, scratch); };
  narrow.kernel += narrow_in ? narrow_out ? "_narrow" : "_from_narrow" : "_to_narrow";
  return narrow;
}

// Of an operator that moves elements of any type: the candidates that it has for bf16 itself.
inline std::vector<Step> moved_narrow(const OpDef& op, const Node& node, Types in, Constants constants,
                                      const PlanContext& context) {
  if (node.attr<std::string>("reduction", "none") != "none") return {};  // sums are not made in bf16
  std::vector<bool> narrow(in.size(), false);
  for (std::size_t i = 0; i < in.size(); ++i) {
    if ((op.any_type >> i & 1) == 0 || !node.has(i) || in[i].dtype != DType::f32) continue;
    if (constants[i] != nullptr) return {};
    in[i].dtype = DType::bf16;
    narrow[i] = true;
  }
  if (op.infer(node, in, constants).front().dtype != DType::bf16) return {};
  std::vector<Step> steps = op.plan(node, in, constants, context);
  for (Step& step : steps) {
    for (std::size_t i = 0; i < in.size(); ++i) step.inputs[i].narrow = narrow[i];
    step.narrow = true;
  }
  return steps;
}

// Adds the narrow ones to a node's candidates; `made`: the types of its outputs.
inline void add_narrow(std::vector<Step>& steps, const OpDef& op, const Node& node, const Types& in, const Types& made,
                       Constants constants, const PlanContext& context) {
  if (!context.bf16 || steps.empty() || made.size() != 1 || made[0].dtype != DType::f32) return;
  if (made[0].shape.elements() == 0) return;
  if (op.any_type != 0) {
    for (Step& step : moved_narrow(op, node, in, constants, context)) steps.push_back(std::move(step));
    return;
  }
  const std::vector<Step> wide = std::move(steps);
  steps = {};
  for (const Step& step : wide) {
    steps.push_back(step);
    if (has_narrow(step)) continue;
    const auto has = [&](bool from, bool to) {  // a kernel of its own
      return std::ranges::any_of(wide, [&](const Step& other) {
        return other.kernel == step.kernel && other.outputs[0] == step.outputs[0] && other.narrow == to &&
               other.inputs[0].narrow == from;
      });
    };
    const Needed needed = [&](const Box& box) { return step.needed ? step.needed(box) : op.needed(node, in, box); };
    for (const auto& [from, to] : kNarrowWays) {
      if (has(from, to)) continue;
      if (auto narrow = narrowed(step, needed, node, in, made[0].shape, constants, context.kernels.half, from, to))
        steps.push_back(*std::move(narrow));
    }
  }
}

}  // namespace coverslip::inline v0::ops
