// What the engine knows about an operator (OpDef), and the ways in which a CPU can do one node (Step).
#pragma once
#include <algorithm>
#include <functional>
#include <optional>

#include "coverslip/core/pack.hpp"
#include "coverslip/graph/graph.hpp"
#include "coverslip/kernels/table.hpp"
#include "coverslip/ops/case.hpp"

namespace coverslip {
inline namespace v0 {

using Inputs = std::span<const View>;  // parallel to node.inputs, constants included; absent: an empty View
using Outputs = std::span<View>;
using Constants = std::span<const Tensor* const>;  // parallel to node.inputs; null: absent, or not known when planning

// How a step reads an input: in a layout or, if it is a constant, packed as the kernel wants it.
struct Form {
  Layout layout = Layout::Planar;
  std::string packing{};  // names all that the packed bytes depend on beside the constant
  Pack pack{};            // null: not packed
  TensorType packed{};    // what pack fills
  bool narrow = false;    // f32 numbers that are held as bf16
};

// A box may begin and end only at multiples of `multiple` along the axis, or at the value's end.
struct Cut {
  std::size_t axis;
  Dim multiple = 1;
  bool repeats = false;  // each piece does some work anew, so that one for each thread is best
};

// One way to do one node on one CPU. Any two boxes may be computed at the same time, and give the same bits as one box
// of both: sums and tiles are anchored to coordinates of the whole value.
// Strides of a View may be any (it may lie inside a bigger value), but elements lie side by side along C where the
// layout is ChannelsLast, and along the last axis where it is Planar. Nothing is aligned but packed constants.
struct Step {
  std::string kernel;             // for describe()
  std::vector<Form> inputs{};     // as it reads each, constants included; of an absent one it says nothing
  std::vector<Layout> outputs{};  // as it makes each
  bool narrow = false;            // it makes its first output, of f32 numbers, as bf16
  bool bf16 = false;              // it multiplies f32 numbers rounded to bf16
  std::vector<Cut> cuts{};        // of the first output, best first; along other axes a box is whole
  std::size_t scratch_bytes = 0;  // per thread, aligned to kAlign
  double nanoseconds = 0;         // predicted, for the whole output on one core
  double multiply_adds = 0;       // for the whole output; 0: not what this step is about

  // What the planner may save. It need not: `run` works either way, and copies nothing onto itself.
  std::optional<std::size_t>
      in_place{};                 // the first output may lie in this input's memory: a box reads only itself of it
  bool same_bytes = false;        // the output's bytes are those of input 0, in the same order
  std::optional<Index> window{};  // output[at] is input0[at + window]: the output may lie inside input 0
  std::vector<Index> parts{};     // input i is output[at + parts[i]]: inputs may be made inside the output

  // Of this candidate, where they differ from the OpDef's: it reads more (a tile), or its error has another bound.
  std::function<std::vector<Box>(const Box& output)> needed{};
  std::optional<double> tolerance{};
  std::function<void(Inputs, Outputs)> magnitudes{};

  // Computes `box` of the first output (and what belongs to it of the others) from inputs that hold needed(box), or are
  // packed. Cannot fail.
  std::function<void(Inputs, Outputs, const Box& box, std::byte* scratch)> run;
};

// Which of a step's inputs and output may be narrow: {inputs, output}.
inline constexpr std::pair<bool, bool> kNarrowWays[] = {{true, true}, {true, false}, {false, true}};

// Whether the step reads or makes narrow values.
inline bool has_narrow(const Step& step) { return step.narrow || std::ranges::any_of(step.inputs, &Form::narrow); }

// `step` with what it reads narrow, or its output and the input in whose memory that may lie, or both.
inline Step with_narrow(Step step, bool read, bool made, std::initializer_list<std::size_t> inputs = {0}) {
  for (const std::size_t i : inputs) step.inputs[i].narrow = read;
  if (step.in_place) step.inputs[*step.in_place].narrow = made;
  step.narrow = made;
  return step;
}

// What a candidate may depend on beside node, types and constants. Threads, slabs and max_memory are not here: they
// must change no bit.
struct PlanContext {
  const KernelTable& kernels;
  bool winograd = true;  // as Options say
  bool bf16 = false;     // products in bf16, which the kernels have and the system allows
};

// Whether products in bf16 can be had. Asks the system.
inline bool has_bf16(const KernelTable& kernels) {
  return kernels.gemm_bf16.run != nullptr && kernels.gemm_bf16.may_run();
}

struct OpDef {
  std::string_view name;                                                     // as in ONNX
  Types (*infer)(const Node&, const Types&, Constants);                      // throws Error(BadShape)
  std::vector<Box> (*needed)(const Node&, const Types&, const Box& output);  // what a box depends on, of each input
  void (*reference)(const Node&, Inputs, Outputs);                           // whole values, in double, any strides
  // Candidates, of which the planner takes one. None, or no function: the reference runs.
  std::vector<Step> (*plan)(const Node&, const Types&, Constants, const PlanContext&) = nullptr;
  double (*tolerance)(const Node&, const Types&) = nullptr;  // |fast - reference| <= tolerance * magnitude
  // Of the first output: the sums of the magnitudes of all terms, before a fused activation. Null: the reference of the
  // inputs' magnitudes. Where the result itself is bigger, that counts.
  void (*magnitudes)(const Node&, Inputs, Outputs) = nullptr;
  std::vector<Case> (*cases)() = nullptr;
  bool of_types = false;  // the outputs follow from the input types alone (Shape): known when planning
  // Bit i: `infer` must know what input i holds (Reshape's shape, NonZero's x). Where that depends on data, the plan
  // stops before the node, runs, and plans on; so `infer` and `plan` always find such an input among the constants.
  std::uint32_t of_contents = 0;
  // The same node as a graph of others, planned instead of it: Split is some Slices, GroupNormalization sums, their
  // combination, and a scaling. Its inputs and outputs are parallel to the node's. None, or no function: the node is
  // planned as it is.
  std::optional<Graph> (*expand)(const Node&, const Types&, Constants) = nullptr;
  std::uint32_t any_type = 0;  // bit i: input i may be of any element type, which all that are marked share
};

inline Types types_of(Inputs in) {
  Types types;
  for (const View& view : in) types.push_back({view.dtype(), view.shape()});
  return types;
}

// The operator's cases, and the first of them in each further element type that it may have.
inline std::vector<Case> samples_of(const OpDef& op) {
  std::vector<Case> cases = op.cases();
  if (op.any_type == 0) return cases;
  const auto marked = [&](std::size_t i) { return i >= 32 || (op.any_type >> i & 1) != 0; };
  std::uint32_t seen = 0;
  for (const Case& c : cases) seen |= 1u << static_cast<int>(c.operands.front().type.dtype);
  const auto plain = std::ranges::find_if(cases, [&](const Case& c) {
    for (std::size_t i = 0; i < c.operands.size(); ++i)
      if (marked(i) && c.operands[i].type.shape.elements() == 0) return false;
    return !c.bench;
  });
  if (plain == cases.end()) return cases;
  const Case first = *plain;
  for (std::size_t dtype = 0; dtype < kDTypes; ++dtype) {
    if ((seen >> dtype & 1) != 0) continue;
    Case& c = cases.emplace_back(first);
    for (std::size_t i = 0; i < c.operands.size(); ++i)
      if (marked(i)) c.operands[i] = {c.operands[i].kind, {static_cast<DType>(dtype), c.operands[i].type.shape}, {}};
  }
  return cases;
}

// `in` is parallel to node.inputs; checks the number, and that the first `least` are there.
inline void want_inputs(const Node& node, const Types& in, std::size_t least, std::size_t most) {
  if (in.size() < least || in.size() > most)
    throw Error(Errc::BadModel, node.label(), "wants ", least, " to ", most, " inputs, got ", in.size());
  for (std::size_t i = 0; i < least; ++i)
    if (!node.has(i)) throw Error(Errc::BadModel, node.label(), "input ", i, " is absent, but not optional");
}

inline void want_dtype(const Node& node, const Types& in, DType dtype) {
  for (std::size_t i = 0; i < in.size(); ++i)
    if (node.has(i) && in[i].dtype != dtype)
      throw Error(Errc::Unsupported, node.label(), "input ", i, " is ", in[i].dtype, ", ", dtype, " wanted");
}

}  // namespace v0
}  // namespace coverslip
