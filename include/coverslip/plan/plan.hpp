// What planning makes of a graph: steps on placed values, grouped into stretches.
#pragma once
#include "coverslip/graph/graph.hpp"
#include "coverslip/ops/registry.hpp"
#include "coverslip/ops/shapes/identity.hpp"  // the reorder

namespace coverslip {
inline namespace v0 {

// Scratch: of the thread that takes a box through a chain; what it holds is that box of the value. Sample: there too,
// of the thread that takes a sample through a round.
enum class Home : std::uint8_t { Arena, Scratch, Sample, Input, Output, Constant };

struct PlannedValue {
  TensorType type;
  Layout layout = Layout::Planar;
  Home home = Home::Arena;
  const Tensor* constant = nullptr;
  bool folded = false;  // the constant belongs to the plan, not to the graph

  // Where a whole value lies: in its own memory (inside == its own id), or inside that of another value.
  ValueId inside = kNoValue;
  Dim first = 0;    // element of that memory which is this value's first
  Index strides{};  // in elements

  // In the arena, or in each thread's scratch, of a value with memory of its own: the largest part ever held.
  std::size_t bytes = 0, offset = 0;
};

struct PlannedStep {
  const OpDef* op;
  Node node;    // its ids name planned values
  Types types;  // of its inputs
  Step step;
  bool saved = false;  // the output already lies in its inputs' memory, or they in its: there is nothing to run

  std::vector<Box> needed(const Box& output) const {
    return step.needed ? step.needed(output) : op->needed(node, types, output);
  }
};

// Consecutive steps that run slab by slab: slabs[s][i] is what step begin + i computes in pass s. Inner values hold one
// slab, all others are whole. Without slabs: one step, one box.
struct Stretch {
  std::size_t begin, end;
  std::vector<std::vector<Box>> slabs;
  bool chained = false;  // each pass is one thread's work, with inner values in its scratch; else threads share a box
};

// Steps [begin, end), and so whole stretches, that keep samples apart: a thread takes one sample after the other
// through all of them. Their stretches' boxes are those of sample 0.
struct Round {
  std::size_t begin, end;
  Dim samples;
};

// Where planning begins: at the graph's first node, or where an earlier part stopped.
struct Entry {
  std::size_t node = 0;
  std::vector<std::pair<ValueId, TensorType>> inputs{};  // values of the graph that the part is given
  // What is known of values beside the graph's constants. One that is an input too is known only to the node that must
  // know it: it may be big.
  std::vector<std::pair<ValueId, std::shared_ptr<const Tensor>>> contents{};
};

// Where a plan ends, because the next node's shape depends on what a value holds.
struct Stop {
  std::size_t node = 0;
  std::vector<ValueId> live{};  // values of the graph that are read from here on, parallel to the plan's outputs
  std::vector<bool> wanted{};   // parallel: the next node must know what it holds
  std::vector<std::pair<ValueId, std::shared_ptr<const Tensor>>> known{};  // worked out already
};

struct Plan {
  std::vector<PlannedValue> values;
  std::vector<PlannedStep> steps;
  std::vector<Stretch> stretches;
  std::vector<Round> rounds;  // in order, far apart or side by side
  std::vector<ValueId> inputs, outputs;
  std::vector<std::shared_ptr<const Tensor>> folded;  // constants that planning worked out
  std::size_t arena_bytes = 0, scratch_bytes = 0;     // scratch: per thread
  std::size_t packed_bytes = 0, io_bytes = 0;
  Dim slab_rows = 0;           // 0: all values whole
  std::optional<Stop> stop{};  // none: the outputs are the graph's
};

// Whether what the step makes is never whole. What a chain keeps is.
inline bool is_inner(const Plan& plan, const Stretch& stretch, std::size_t step) {
  return step + 1 < stretch.end &&
         (!stretch.chained || plan.values[plan.steps[step].node.outputs[0]].home == Home::Scratch);
}

}  // namespace v0
}  // namespace coverslip
