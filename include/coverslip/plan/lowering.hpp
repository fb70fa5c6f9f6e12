// Third stage of planning: the chosen steps in order, each input in the form which its step reads.
#pragma once
#include "coverslip/graph/pack_store.hpp"
#include "coverslip/plan/choice.hpp"

namespace coverslip {
inline namespace v0 {

class Lowering {
 public:
  Lowering(Plan typed, const std::vector<OpenNode>& nodes, const Choice& choice, PackStore& packs)
      : plan_(std::move(typed)), packs_(packs) {
    for (std::size_t n = 0; n < nodes.size(); ++n) lower(nodes[n], choice.of(n));
    for (ValueId& v : plan_.outputs) {
      v = in_layout(v, Layout::Planar);
      if (plan_.values[v].home != Home::Arena) v = copy(v, Layout::Planar);  // the caller gets a tensor of its own
      plan_.values[v].home = Home::Output;
    }
  }
  Plan take() { return std::move(plan_); }

 private:
  void lower(const OpenNode& open, const Step& step) {
    Node node = open.node;
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (node.has(i)) node.inputs[i] = in_form(node.inputs[i], step.inputs.at(i));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) plan_.values[node.outputs[i]].layout = step.outputs.at(i);
    plan_.steps.push_back({open.op, std::move(node), open.types, step});
  }

  ValueId in_form(ValueId v, const Form& form) {
    const Tensor* constant = plan_.values[v].constant;
    if (form.pack) return packed(v, *constant, form.packing, form.pack);
    if (constant != nullptr && form.layout != Layout::Planar && !same_order(constant->shape())) {
      const ValueId last = packed(v, *constant, "channels_last", channels_last);
      plan_.values[last].type = constant->type();  // the axes stay, only their order in memory is another
      plan_.values[last].layout = Layout::ChannelsLast;
      return last;
    }
    return constant != nullptr ? v : in_layout(v, form.layout);
  }

  ValueId packed(ValueId v, const Tensor& constant, const std::string& packing,
                 const std::function<Tensor(const Tensor&)>& pack) {
    const auto [it, is_new] = packed_.try_emplace({v, packing}, plan_.values.size());
    if (is_new) {
      const Tensor& tensor = plan_.values[v].folded
                                 ? *plan_.folded.emplace_back(std::make_shared<const Tensor>(pack(constant)))
                                 : packs_.get(constant, packing, pack);
      plan_.values.push_back({.type = tensor.type(), .home = Home::Constant, .constant = &tensor});
      plan_.packed_bytes += tensor.type().bytes();
    }
    return it->second;
  }

  static Tensor channels_last(const Tensor& constant) {
    Tensor to(constant.type());
    const Box whole(constant.shape());
    View view(to.data(), to.dtype(), Layout::ChannelsLast, whole);
    ops::copy_box(constant.view(), view, whole);
    return to;
  }

  ValueId in_layout(ValueId v, Layout layout) {
    if (plan_.values[v].layout == layout) return v;
    const auto [it, is_new] = reordered_.try_emplace({v, layout}, kNoValue);
    if (is_new) it->second = copy(v, layout);
    return it->second;
  }

  ValueId copy(ValueId v, Layout layout) {
    const Types types{plan_.values[v].type};
    Step step = ops::copy_step(types[0], plan_.values[v].layout, layout);
    plan_.values.push_back({.type = types[0], .layout = layout});
    const ValueId to = plan_.values.size() - 1;
    plan_.steps.push_back({&ops::kIdentity[0],
                           {.op = "Identity", .name = "reorder", .inputs = {v}, .outputs = {to}},
                           types,
                           std::move(step)});
    return to;
  }

  Plan plan_;
  PackStore& packs_;
  std::map<std::pair<ValueId, Layout>, ValueId> reordered_;    // value, layout -> its copy
  std::map<std::pair<ValueId, std::string>, ValueId> packed_;  // constant, packing -> its packed form
};

}  // namespace v0
}  // namespace coverslip
