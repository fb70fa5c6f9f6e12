// Third stage of planning: the chosen steps in order, each input in the form which its step reads.
#pragma once
#include <set>

#include "coverslip/graph/pack_store.hpp"
#include "coverslip/plan/choice.hpp"
#include "coverslip/plan/widening.hpp"

namespace coverslip {
inline namespace v0 {

class Lowering {
 public:
  // `each`: how constants are packed.
  Lowering(Plan typed, const std::vector<OpenNode>& nodes, const Choice& choice, PackStore& packs,
           const KernelTable& kernels, const ForEach& each = {})
      : plan_(std::move(typed)),
        packs_(packs),
        wide_(kernels.half),
        half_(kernels.half),
        transpose_(kernels.transpose) {
    packs_.add(packings(nodes, choice), each);
    for (std::size_t n = 0; n < nodes.size(); ++n) lower(nodes[n], choice.of(n));
    for (ValueId& v : plan_.outputs) {
      v = in_form(v, {});
      if (plan_.values[v].home != Home::Arena) v = copy(v, Layout::Planar);  // the caller gets a tensor of its own
      plan_.values[v].home = Home::Output;
    }
  }
  Plan take() { return std::move(plan_); }

 private:
  // Those of the graph's constants; what planning worked out is packed with the plan.
  std::vector<Packing> packings(const std::vector<OpenNode>& nodes, const Choice& choice) {
    std::vector<Packing> all;
    for (std::size_t n = 0; n < nodes.size(); ++n)
      for (std::size_t i = 0; i < nodes[n].node.inputs.size(); ++i) {
        if (!nodes[n].node.has(i)) continue;
        const PlannedValue& value = plan_.values[nodes[n].node.inputs[i]];
        if (value.constant == nullptr || value.folded) continue;
        if (auto packing = packing_of(value, choice.of(n).inputs.at(i))) all.push_back(*std::move(packing));
      }
    // The biggest first: the memory of those that are widened shrinks while that of the packed ones grows, and no
    // thread begins with a big one when the others are done.
    std::ranges::stable_sort(all, std::greater(), [](const Packing& packing) {
      return std::pair(bytes_to_widen(packing), packing.constant->type().bytes());
    });
    return all;
  }

  // None: read as it is.
  std::optional<Packing> packing_of(const PlannedValue& value, const Form& form) {
    std::optional<Packing> packing;
    if (form.pack)
      packing = {value.constant, form.packing, form.pack, form.packed};
    else if (form.layout != Layout::Planar && !same_order(value.type.shape))
      packing = {value.constant, "channels_last", channels_last, value.type};
    return is_widened_late(value) ? widened_packing(*value.constant, packing, wide_) : packing;
  }

  void lower(const OpenNode& open, const Step& step) {
    Node node = open.node;
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (node.has(i)) node.inputs[i] = in_form(node.inputs[i], step.inputs.at(i));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) plan_.values[node.outputs[i]].layout = step.outputs.at(i);
    if (step.narrow) mark_narrow(node.outputs[0]);
    plan_.steps.push_back({open.op, std::move(node), open.types, step});
  }

  void mark_narrow(ValueId v) {
    plan_.values[v].type.dtype = DType::bf16;
    narrow_.insert(v);
  }

  ValueId in_form(ValueId v, const Form& form) {
    if (plan_.values[v].constant == nullptr) return in_layout(in_type(v, form.narrow), form.layout);
    const auto packing = packing_of(plan_.values[v], form);
    if (!packing) return v;
    const ValueId to = packed(v, *packing);
    if (!form.pack) {
      plan_.values[to].type = plan_.values[v].type;  // the axes stay, only their order in memory may be another
      if (!same_order(plan_.values[v].type.shape)) plan_.values[to].layout = form.layout;
    }
    return to;
  }

  ValueId packed(ValueId v, const Packing& packing) {
    const auto [it, is_new] = packed_.try_emplace({v, packing.name}, plan_.values.size());
    if (is_new) {
      const Tensor& tensor =
          plan_.values[v].folded
              ? *plan_.folded.emplace_back(std::make_shared<const Tensor>(coverslip::packed(packing)))
              : packs_.get(packing);
      plan_.values.push_back({.type = tensor.type(), .home = Home::Constant, .constant = &tensor});
      plan_.packed_bytes += tensor.type().bytes();
    }
    return it->second;
  }

  static void channels_last(const Tensor& constant, Tensor& packed) {
    const Box whole(constant.shape());
    View view(packed.data(), packed.dtype(), Layout::ChannelsLast, whole);
    ops::copy_box(constant.view(), view, whole);
  }

  ValueId in_layout(ValueId v, Layout layout) {
    if (plan_.values[v].layout == layout) return v;
    const auto [it, is_new] = reordered_.try_emplace({v, layout}, kNoValue);
    if (is_new) it->second = copy(v, layout);
    return it->second;
  }

  // Narrow, or what is narrow as f32 again.
  ValueId in_type(ValueId v, bool narrow) {
    const bool is_narrow = narrow_.contains(v);
    if (is_narrow == narrow) return v;
    const auto [it, is_new] = converted_.try_emplace({v, narrow}, kNoValue);
    if (is_new) {
      const PlannedValue& value = plan_.values[v];
      it->second = append(v, "convert", {narrow ? DType::bf16 : DType::f32, value.type.shape}, value.layout,
                          ops::convert_step(value.type.shape, value.layout, narrow, half_));
      if (narrow) narrow_.insert(it->second);
    }
    return it->second;
  }

  ValueId copy(ValueId v, Layout layout) {
    const TensorType type = plan_.values[v].type;
    const ValueId to =
        append(v, "reorder", type, layout, ops::copy_step(type, plan_.values[v].layout, layout, transpose_));
    if (narrow_.contains(v)) narrow_.insert(to);
    return to;
  }

  ValueId append(ValueId v, const char* name, const TensorType& type, Layout layout, Step step) {
    const Types from{plan_.values[v].type};
    plan_.values.push_back({.type = type, .layout = layout});
    const ValueId to = plan_.values.size() - 1;
    plan_.steps.push_back(
        {&ops::kIdentity[0], {.op = "Identity", .name = name, .inputs = {v}, .outputs = {to}}, from, std::move(step)});
    return to;
  }

  Plan plan_;
  PackStore& packs_;
  WideMemory wide_;
  const HalfKernels& half_;
  TransposeKernels transpose_;
  std::set<ValueId> narrow_{};
  std::map<std::pair<ValueId, bool>, ValueId> converted_{};    // value, narrow -> its copy
  std::map<std::pair<ValueId, Layout>, ValueId> reordered_;    // value, layout -> its copy
  std::map<std::pair<ValueId, std::string>, ValueId> packed_;  // constant, packing -> its packed form
};

}  // namespace v0
}  // namespace coverslip
