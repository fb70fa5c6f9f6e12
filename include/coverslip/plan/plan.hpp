// What planning makes of a graph: steps on placed values, grouped into stretches.
#pragma once
#include "coverslip/graph/graph.hpp"
#include "coverslip/ops/registry.hpp"
#include "coverslip/ops/shapes/identity.hpp"  // the reorder

namespace coverslip {
inline namespace v0 {

enum class Home : std::uint8_t { Arena, Input, Output, Constant };

struct PlannedValue {
  TensorType type;
  Layout layout = Layout::Planar;
  Home home = Home::Arena;
  const Tensor* constant = nullptr;

  // Where a whole value lies: in its own memory (inside == its own id), or inside that of another value.
  ValueId inside = kNoValue;
  Dim first = 0;    // element of that memory which is this value's first
  Index strides{};  // in elements

  std::size_t bytes = 0, offset = 0;  // in the arena, of a value with memory of its own: the largest part ever held
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
// slab, the input of the first step and the output of the last are whole. Without slabs: one step, one box.
struct Stretch {
  std::size_t begin, end;
  std::vector<std::vector<Box>> slabs;
};

struct Plan {
  std::vector<PlannedValue> values;
  std::vector<PlannedStep> steps;
  std::vector<Stretch> stretches;
  std::vector<ValueId> inputs, outputs;
  std::vector<std::shared_ptr<const Tensor>> folded;  // constants that planning worked out
  std::size_t arena_bytes = 0, scratch_bytes = 0;     // scratch: per thread
  std::size_t packed_bytes = 0, io_bytes = 0;
  Dim slab_rows = 0;  // 0: all values whole
};

}  // namespace v0
}  // namespace coverslip
