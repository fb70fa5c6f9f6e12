// One case of an operator with numbers in it: what its reference says, and what a step makes of it.
#pragma once
#include <cmath>
#include <cstring>
#include <list>

#include "buffer.hpp"
#include "coverslip/ops/narrow.hpp"

namespace coverslip {
inline namespace v0 {

// Numbers of both signs between about -2 and 1.4 (integers: fifty times that), of no period that a shape could hide.
inline Tensor numbers(const TensorType& type, float from) {
  Tensor t(type);
  visit(type.dtype, [&]<class T>(T) {
    for (T& x : t.values<T>()) {
      from += from > 1 ? -2.93f : 0.37f;
      if constexpr (std::is_same_v<T, float>)
        x = from;
      else if constexpr (std::is_same_v<T, Float16>)
        x = to_float16(from);
      else if constexpr (std::is_same_v<T, BFloat16>)
        x = to_bfloat16(from);
      else if constexpr (std::is_same_v<T, bool>)
        x = from > 0;
      else
        x = static_cast<T>(static_cast<int>(from * 50));
    }
  });
  return t;
}

inline Tensor magnitudes_of(Tensor t) {
  if (t.data() == nullptr) return t;  // absent
  const auto without_sign = [&]<class T>(std::span<T> values, std::uint16_t sign) {
    for (T& x : values) x.bits = static_cast<std::uint16_t>(x.bits & ~sign);
  };
  if (t.dtype() == DType::f32)
    for (float& x : t.values<float>()) x = std::abs(x);
  if (t.dtype() == DType::f16) without_sign(t.values<Float16>(), 0x8000);
  if (t.dtype() == DType::bf16) without_sign(t.values<BFloat16>(), 0x8000);
  return t;
}

// The nearest numbers of bf16.
inline Tensor rounded(Tensor t) {
  if (t.data() != nullptr && t.dtype() == DType::f32)
    for (float& x : t.values<float>()) x = to_float(to_bfloat16(x));
  return t;
}

// Of a `narrow` one all inputs are numbers of bf16, and the candidates are those that read or make such.
class Sample {
 public:
  Sample(const OpDef& op, const Case& c, bool narrow = false)
      : op_(op), node_{.op = c.op, .name = "sample"}, narrow_(narrow) {
    node_.attributes = c.attributes;
    for (std::size_t i = 0; i < c.operands.size(); ++i) {
      const Operand& operand = c.operands[i];
      const bool absent = operand.kind == Operand::Kind::Absent;
      node_.inputs.push_back(absent ? kNoValue : i);
      types_.push_back(operand.type);
      Tensor input = operand.value ? *operand.value
                     : absent      ? Tensor()
                                   : numbers(operand.type, 0.1f * static_cast<float>(i));
      inputs_.push_back(narrow ? rounded(std::move(input)) : std::move(input));
    }
    for (std::size_t i = 0; i < c.operands.size(); ++i)
      constants_.push_back(c.operands[i].kind == Operand::Kind::Constant ? &inputs_[i] : nullptr);
    for (std::size_t i = 0; i < c.outputs; ++i) node_.outputs.push_back(c.operands.size() + i);
    outputs_ = op.infer(node_, types_, constants_);
  }
  Sample(const Sample&) = delete;  // constants_ points into inputs_
  Sample& operator=(const Sample&) = delete;

  const OpDef& op() const { return op_; }
  const Node& node() const { return node_; }
  const Types& types() const { return types_; }
  const std::vector<Tensor>& inputs() const { return inputs_; }
  bool is_constant(std::size_t input) const { return constants_[input] != nullptr; }
  const Types& outputs() const { return outputs_; }
  // As the step holds them.
  TensorType input_of(const Step& step, std::size_t i) const {
    return {step.inputs.at(i).narrow ? DType::bf16 : types_.at(i).dtype, types_[i].shape};
  }
  TensorType output_of(const Step& step) const { return {step.narrow ? DType::bf16 : output().dtype, output().shape}; }
  const TensorType& output() const { return outputs_.at(0); }
  std::vector<Step> candidates(const KernelTable& kernels) const {
    if (op_.plan == nullptr) return {};
    const PlanContext context{.kernels = kernels, .bf16 = has_bf16(kernels)};
    std::vector<Step> steps = op_.plan(node_, types_, constants_, context);
    if (narrow_) ops::add_narrow(steps, op_, node_, types_, outputs_, constants_, context);
    std::erase_if(steps, [this](const Step& step) { return has_narrow(step) != narrow_; });
    return steps;
  }
  std::vector<Box> needed(const Step& step, const Box& box) const {
    return step.needed ? step.needed(box) : op_.needed(node_, types_, box);
  }
  double tolerance(const Step& step) const {
    return step.tolerance ? *step.tolerance : op_.tolerance != nullptr ? op_.tolerance(node_, types_) : 0;
  }

  double tolerance() const { return op_.tolerance != nullptr ? op_.tolerance(node_, types_) : 0; }

  // The first output as the reference makes it from buffers of that kind.
  Tensor reference(Layout layout = Layout::Planar, Room room = Room::Exact) const {
    return std::move(references(layout, room).front());
  }
  std::vector<Tensor> references(Layout layout = Layout::Planar, Room room = Room::Exact) const {
    return evaluate(op_.reference, node_, inputs_, layout, room);
  }
  // What rounding errors of each output are measured by.
  std::vector<Tensor> magnitudes(const Step& step) const {
    if (!step.magnitudes) return magnitudes();
    return evaluate([&](const Node&, Inputs in, Outputs out) { step.magnitudes(in, out); }, node_, inputs_,
                    Layout::Planar, Room::Exact);
  }
  std::vector<Tensor> magnitudes() const {
    if (op_.magnitudes != nullptr) return evaluate(op_.magnitudes, node_, inputs_, Layout::Planar, Room::Exact);
    Node plain = node_;
    for (const char* key : {"activation", "activation_alpha", "activation_beta"}) plain.attributes.erase(key);
    std::vector<Tensor> inputs;
    for (const Tensor& t : inputs_) inputs.push_back(magnitudes_of(t));
    return evaluate(op_.reference, plain, inputs, Layout::Planar, Room::Exact);
  }

  // All inputs of a step as it reads them, holding nothing but what it needs for the box.
  struct Fed {
    std::list<Buffer> buffers{};
    std::list<Tensor> packed{};
    std::vector<View> views{};
  };
  Fed feed(const Step& step, const Box& box, Room room) const {
    const std::vector<Box> boxes = needed(step, box);
    Fed fed;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!node_.has(i)) {
        fed.views.emplace_back();
      } else if (step.inputs.at(i).pack) {
        Tensor& packed = fed.packed.emplace_back(step.inputs[i].packed, allocate(step.inputs[i].packed.bytes()));
        std::memset(packed.data(), 0xff, packed.type().bytes());  // what is not written shows
        step.inputs[i].pack(inputs_[i], packed);
        fed.views.push_back(packed.view());
      } else {
        Buffer& buffer = fed.buffers.emplace_back(input_of(step, i).dtype, step.inputs[i].layout, boxes.at(i), room);
        copy_numbers(inputs_[i].view(), buffer.view, boxes[i]);
        fed.views.push_back(buffer.view);
      }
    }
    return fed;
  }

  Buffer make_output(const Step& step, const Box& box, Room room) const {
    return Buffer(output_of(step).dtype, step.outputs.at(0), box, room);
  }
  // All outputs after the first, whole.
  std::list<Buffer> make_others(const Step& step, Room room) const {
    std::list<Buffer> others;
    for (std::size_t i = 1; i < outputs_.size(); ++i)
      others.emplace_back(outputs_[i].dtype, step.outputs.at(i), Box(outputs_[i].shape), room);
    return others;
  }
  void run(const Step& step, std::span<const View> inputs, View& output, std::list<Buffer>& others,
           const Box& box) const {
    const Bytes scratch = allocate(step.scratch_bytes);
    std::memset(scratch.get(), static_cast<int>(kPoison), step.scratch_bytes);
    std::vector<View> made{output};
    for (const Buffer& other : others) made.push_back(other.view);
    step.run(inputs, made, box, scratch.get());
  }
  void run(const Step& step, std::span<const View> inputs, View& output, const Box& box) const {
    std::list<Buffer> others = make_others(step, Room::Exact);
    run(step, inputs, output, others, box);
  }
  Buffer run(const Step& step, const Box& box, Room room) const {
    const Fed fed = feed(step, box, room);
    Buffer out = make_output(step, box, room);
    run(step, fed.views, out.view, box);
    return out;
  }

 private:
  using Reference = std::function<void(const Node&, Inputs, Outputs)>;
  std::vector<Tensor> evaluate(const Reference& f, const Node& node, const std::vector<Tensor>& inputs, Layout layout,
                               Room room) const {
    std::list<Buffer> buffers;
    std::vector<View> views;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!node.has(i)) {
        views.emplace_back();
        continue;
      }
      Buffer& buffer = buffers.emplace_back(types_[i].dtype, layout, Box(types_[i].shape), room);
      copy_elements(inputs[i].view(), buffer.view, buffer.view.held());
      views.push_back(buffer.view);
    }
    std::list<Buffer> results;
    std::vector<View> made;
    for (const TensorType& type : outputs_)
      made.push_back(results.emplace_back(type.dtype, layout, Box(type.shape), room).view);
    f(node, views, made);
    std::vector<Tensor> tensors;
    for (const View& from : made) {
      View to = tensors.emplace_back(TensorType{from.dtype(), from.shape()}).view();
      copy_elements(from, to, to.held());
    }
    return tensors;
  }

  const OpDef& op_;
  Node node_;
  Types types_, outputs_;
  std::vector<Tensor> inputs_;
  std::vector<const Tensor*> constants_;
  bool narrow_;
};

}  // namespace v0
}  // namespace coverslip
