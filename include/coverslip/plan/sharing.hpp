// Fifth stage of planning: which values lie inside others, so that concat, crop, reshape and elementwise steps copy
// nothing.
#pragma once
#include "coverslip/plan/plan.hpp"

namespace coverslip {
inline namespace v0 {

class Sharing {
 public:
  explicit Sharing(Plan& plan)
      : plan_(plan),
        fixed_(plan.values.size(), false),
        guests_(plan.values.size(), 0),
        last_reader_(plan.values.size(), 0),
        stretches_(plan.steps.size()) {
    for (ValueId v = 0; v < plan.values.size(); ++v) {
      PlannedValue& value = plan.values[v];
      value.inside = v;
      value.strides = strides_of(value.layout, value.type.shape);
    }
    for (const Stretch& stretch : plan.stretches) {  // whose inner values are never whole
      for (std::size_t s = stretch.begin; s + 1 < stretch.end; ++s)
        fixed_[plan.steps[s].node.outputs[0]] = is_inner(plan, stretch, s);
      for (std::size_t s = stretch.begin; s < stretch.end; ++s) stretches_[s] = &stretch;
    }
    for (std::size_t s = 0; s < plan.steps.size(); ++s)
      for (const ValueId v : plan.steps[s].node.inputs)
        if (v != kNoValue) last_reader_[v] = s;
    for (std::size_t s = plan.steps.size(); s-- > 0;)  // the biggest of nested concats comes last
      if (!plan.steps[s].step.parts.empty()) plan.steps[s].saved = gather(plan.steps[s]);
    for (PlannedStep& step : plan.steps)
      if (step.step.same_bytes || step.step.window)
        step.saved = step.step.same_bytes ? share_bytes(step) : share_window(step);
    for (std::size_t s = 0; s < plan.steps.size(); ++s)
      if (plan.steps[s].step.in_place) share_place(s);
    for (ValueId v = 0; v < plan.values.size(); ++v) resolve(v);
  }

 private:
  PlannedValue& value(ValueId v) { return plan_.values[v]; }

  // A whole value in the arena that has memory of its own so far.
  bool movable(ValueId v) const {
    return v != kNoValue && !fixed_[v] && plan_.values[v].home == Home::Arena && plan_.values[v].inside == v;
  }

  static bool alike(const PlannedValue& a, const PlannedValue& b) {
    return a.layout == b.layout && a.type.dtype == b.type.dtype;
  }

  static Dim elements_to(const Index& at, const Index& strides) {
    Dim sum = 0;
    for (std::size_t axis = 0; axis < at.rank(); ++axis) sum += at[axis] * strides[axis];
    return sum;
  }

  void put(ValueId v, ValueId into, Dim first, const Index& strides) {
    value(v).inside = into;
    ++guests_[into];
    value(v).first = first;
    value(v).strides = strides;
  }

  // Concat: the inputs are made where they belong in the output. If they already lie so inside a later concat, the
  // output lies there too. True if nothing is left to copy.
  bool gather(const PlannedStep& step) {
    const ValueId out = step.node.outputs[0];
    if (fixed_[out]) return false;
    if (same_as_bigger(step, out)) return true;
    bool all = true;
    const PlannedValue& whole = value(out);  // which may itself lie inside a bigger one
    for (std::size_t i = 0; i < step.node.inputs.size(); ++i) {
      const ValueId in = step.node.inputs[i];
      const bool fits = movable(in) && alike(value(in), whole) && std::ranges::count(step.node.inputs, in) == 1;
      if (fits) put(in, out, elements_to(step.step.parts[i], whole.strides), whole.strides);
      all &= fits;
    }
    return all;
  }

  bool same_as_bigger(const PlannedStep& step, ValueId out) {
    if (!movable(out) || step.node.inputs.empty()) return false;
    const PlannedValue& head = value(step.node.inputs[0]);
    if (head.inside == step.node.inputs[0]) return false;
    const Dim first = head.first - elements_to(step.step.parts[0], head.strides);
    for (std::size_t i = 0; i < step.node.inputs.size(); ++i) {
      const PlannedValue& in = value(step.node.inputs[i]);
      if (in.inside != head.inside || in.strides != head.strides || !alike(in, value(out)) ||
          in.first != first + elements_to(step.step.parts[i], head.strides))
        return false;
    }
    put(out, head.inside, first, head.strides);
    return true;
  }

  bool dense(const PlannedValue& v) const { return v.strides == strides_of(v.layout, v.type.shape); }

  bool share_bytes(const PlannedStep& step) {
    const ValueId in = step.node.inputs[0], out = step.node.outputs[0];
    const bool fits =
        movable(out) && !fixed_[in] && dense(value(in)) && value(in).type.bytes() == value(out).type.bytes();
    if (fits) put(out, in, 0, value(out).strides);
    return fits;
  }

  bool share_window(const PlannedStep& step) {
    const ValueId in = step.node.inputs[0], out = step.node.outputs[0];
    const bool fits = movable(out) && !fixed_[in] && alike(value(in), value(out));
    if (fits) put(out, in, elements_to(*step.step.window, value(in).strides), value(in).strides);
    return fits;
  }

  void share_place(std::size_t s) {
    const PlannedStep& step = plan_.steps[s];
    if (!step.node.has(*step.step.in_place)) return;
    const ValueId in = step.node.inputs[*step.step.in_place], out = step.node.outputs[0];
    if (last_reader_[in] != s || std::ranges::count(step.node.inputs, in) != 1 || !equal(in, out)) return;
    const bool fits = value(in).home == Home::Scratch
                          ? value(out).home == Home::Scratch && same_boxes(*stretches_[s], in, s)
                          : movable(in) && movable(out) && guests_[in] == 0 && !read_before(in, s);
    if (fits) put(out, in, 0, value(out).strides);
  }

  bool equal(ValueId a, ValueId b) const {
    return plan_.values[a].strides == plan_.values[b].strides &&
           plan_.values[a].type.bytes() == plan_.values[b].type.bytes();
  }

  // True if an earlier step of the stretch of step s reads v: for another box it may still have to.
  bool read_before(ValueId v, std::size_t s) const {
    for (std::size_t earlier = stretches_[s]->begin; earlier < s; ++earlier)
      if (std::ranges::count(plan_.steps[earlier].node.inputs, v) > 0) return true;
    return false;
  }

  // True if step s always computes that box of its output which is held of v, made in the same stretch.
  bool same_boxes(const Stretch& stretch, ValueId v, std::size_t s) const {
    std::size_t maker = stretch.begin;
    while (plan_.steps[maker].node.outputs[0] != v) ++maker;
    return std::ranges::all_of(stretch.slabs, [&](const std::vector<Box>& boxes) {
      return boxes[maker - stretch.begin] == boxes[s - stretch.begin];
    });
  }

  // From the value it lies in to the memory that all of them share.
  void resolve(ValueId v) {
    PlannedValue& at = value(v);
    while (value(at.inside).inside != at.inside) {
      at.first += value(at.inside).first;
      at.inside = value(at.inside).inside;
    }
  }

  Plan& plan_;
  std::vector<bool> fixed_;
  std::vector<std::size_t> guests_;        // of each value: how many others lie in it
  std::vector<std::size_t> last_reader_;   // of each value: a step
  std::vector<const Stretch*> stretches_;  // of each step
};

}  // namespace v0
}  // namespace coverslip
