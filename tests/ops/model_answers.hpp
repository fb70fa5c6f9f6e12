// What a model of one node answers: all of its outputs, however the planner makes them.
#pragma once
#include "answers.hpp"
#include "coverslip/coverslip.hpp"

namespace coverslip {
inline namespace v0 {

// A Tensor without data is an absent input.
inline std::vector<Tensor> model_answers(const std::string& op, const Attributes& attributes,
                                         const std::vector<Tensor>& inputs, std::size_t outputs = 1) {
  Case c{.op = op, .attributes = attributes, .outputs = outputs};
  std::vector<Tensor> present;
  for (const Tensor& t : inputs) {
    c.operands.push_back(t.data() == nullptr ? absent() : data(t.type()));
    if (t.data() != nullptr) present.push_back(t);
  }
  return Session(Model(graph_of(c))).run(present);
}

}  // namespace v0
}  // namespace coverslip
