// One sample of an operator, planned; each way in which a target can do it runs by itself, on numbers of its own.
#pragma once
#include <deque>

#include "coverslip/ops/shapes/identity.hpp"
#include "coverslip/plan/typing.hpp"

namespace coverslip {
inline namespace v0 {

// What does the whole sample: a candidate of its operator, or of each that it expands to.
struct Way {
  std::string kernel;
  std::vector<const Step*> steps{};
  double nanoseconds = 0, multiply_adds = 0;  // predicted; of all steps
};

// Numbers of both signs, the same each time; zeros where the type is no f32.
inline Tensor some_numbers(const TensorType& type) {
  Tensor tensor(type);
  if (type.dtype == DType::f32) {
    float x = 0.3f;
    for (float& y : tensor.values<float>()) y = x += x > 0.5f ? -0.93f : 0.37f;
  }
  return tensor;
}

// The sample's network, with constants that have no numbers yet where the sample gives none.
inline Graph graph_without_numbers(Case sample) {
  for (Operand& operand : sample.operands)
    if (operand.kind == Operand::Kind::Constant && !operand.value) operand.value = Tensor(operand.type, nullptr);
  return graph_of(sample);
}

class Trial {
 public:
  Trial(const Case& sample, const KernelTable& kernels)
      : graph_(graph_without_numbers(sample)), context_{kernels}, typing_(graph_, context_, first_entry(graph_, {})) {
    if (typing_.nodes.size() == 1)
      for (const Step& step : typing_.nodes[0].candidates)
        ways_.push_back({step.kernel, {&step}, step.nanoseconds, step.multiply_adds});
    else
      for (const Layout layout : {Layout::Planar, Layout::ChannelsLast}) add_way(sample.op, layout);
    name_apart();
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  const std::vector<Way>& ways() const { return ways_; }

  // Gives the way inputs, packed constants and memory; then it runs as often as one likes.
  void prepare(const Way& way) {
    std::vector<std::optional<View>> made(typing_.plan.values.size());
    for (std::size_t n = 0; n < way.steps.size(); ++n) {
      const Node& node = typing_.nodes[n].node;
      Call& call = calls_.emplace_back(Call{.step = way.steps[n]});
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (!node.has(i)) {
          call.inputs.emplace_back();
          continue;
        }
        const auto& known = made[node.inputs[i]];
        call.inputs.push_back(known ? *known : input(node.inputs[i], call.step->inputs.at(i)));
        bytes_ += bytes_of(call.inputs.back());
      }
      for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        call.outputs.push_back(room(typing_.plan.values[node.outputs[i]].type, call.step->outputs.at(i)));
        made[node.outputs[i]] = call.outputs.back();
        bytes_ += bytes_of(call.outputs.back());
      }
      call.box = call.outputs[0].held();
      scratch_bytes_ = std::max(scratch_bytes_, call.step->scratch_bytes);
    }
    scratch_ = allocate(scratch_bytes_);
  }
  void operator()() {
    for (Call& call : calls_) call.step->run(call.inputs, call.outputs, call.box, scratch_.get());
  }
  std::size_t bytes() const { return bytes_; }    // read and written by the steps, were each value read once by each
  std::size_t memory() const { return memory_; }  // of all values and packed constants

  // The constant that a way packs and is big enough to be worth timing; null: none is.
  static constexpr Dim kWorthTiming = 1 << 17;
  struct PackedInput {
    const Tensor* constant = nullptr;
    const Form* form = nullptr;
  };
  PackedInput packed_input(const Way& way) const {
    const OpenNode& open = typing_.nodes[0];
    for (std::size_t i = 0; i < open.node.inputs.size(); ++i) {
      const Tensor* constant = open.node.has(i) ? typing_.plan.values[open.node.inputs[i]].constant : nullptr;
      if (constant != nullptr && way.steps[0]->inputs.at(i).pack && constant->shape().elements() >= kWorthTiming)
        return {constant, &way.steps[0]->inputs[i]};
    }
    return {};
  }

 private:
  struct Call {
    const Step* step;
    std::vector<View> inputs{}, outputs{};
    Box box{};
  };

  // One candidate of each node, the fastest by prediction of those that read and make this layout alone.
  void add_way(const std::string& kernel, Layout layout) {
    Way way{kernel};
    for (const OpenNode& open : typing_.nodes) {
      const Step* best = nullptr;
      for (const Step& step : open.candidates)
        if (keeps(open, step, layout) && (best == nullptr || step.nanoseconds < best->nanoseconds)) best = &step;
      if (best == nullptr) return;
      way.steps.push_back(best);
      way.nanoseconds += best->nanoseconds;
      way.multiply_adds += best->multiply_adds;
    }
    ways_.push_back(std::move(way));
  }
  bool keeps(const OpenNode& open, const Step& step, Layout layout) const {
    const auto fits = [&](ValueId v, Layout has) {
      const PlannedValue& value = typing_.plan.values[v];
      return value.constant != nullptr || same_order(value.type.shape) || has == layout;
    };
    for (std::size_t i = 0; i < open.node.inputs.size(); ++i)
      if (open.node.has(i) && !fits(open.node.inputs[i], step.inputs.at(i).layout)) return false;
    for (std::size_t i = 0; i < open.node.outputs.size(); ++i)
      if (!fits(open.node.outputs[i], step.outputs.at(i))) return false;
    return true;
  }

  // Where two ways have one name, their layouts tell them apart.
  void name_apart() {
    std::map<std::string, int> times;
    for (const Way& way : ways_) ++times[way.kernel];
    for (Way& way : ways_)
      if (times[way.kernel] > 1) {
        const Layout from = way.steps.front()->inputs.at(0).layout, to = way.steps.back()->outputs.at(0);
        way.kernel += "@" + std::string(to_string(from)) + (from == to ? "" : ">" + std::string(to_string(to)));
      }
  }

  View room(const TensorType& type, Layout layout) {
    memory_ += type.bytes();
    return View(held_.emplace_back(allocate(type.bytes())).get(), type.dtype, layout, Box(type.shape));
  }
  View input(ValueId v, const Form& form) {
    const PlannedValue& value = typing_.plan.values[v];
    Tensor numbers = value.constant == nullptr || value.constant->data() == nullptr ? some_numbers(value.type)
                                                                                    : Tensor(*value.constant);
    if (form.pack) {
      Tensor& packed = packed_.emplace_back(form.packed, allocate(form.packed.bytes()));
      form.pack(numbers, packed);
      memory_ += packed.type().bytes();
      return packed.view();
    }
    View view = room(value.type, form.layout);
    const std::array<View, 1> from{numbers.view()};
    ops::copy_step(value.type, Layout::Planar, form.layout).run(from, {&view, 1}, view.held(), nullptr);
    return view;
  }
  static std::size_t bytes_of(const View& view) {
    return static_cast<std::size_t>(view.shape().elements()) * size_of(view.dtype());
  }

  Graph graph_;
  PlanContext context_;
  Typing typing_;
  std::vector<Way> ways_;
  std::vector<Call> calls_;
  std::vector<Bytes> held_;
  std::deque<Tensor> packed_;
  Bytes scratch_;
  std::size_t bytes_ = 0, memory_ = 0, scratch_bytes_ = 0;
};

}  // namespace v0
}  // namespace coverslip
