// What an operator answers to given numbers, by its reference and by every candidate on every target.
#pragma once
#include <doctest/doctest.h>

#include <iomanip>
#include <sstream>

#include "coverslip/ops/registry.hpp"
#include "sample.hpp"

namespace coverslip {
inline namespace v0 {

inline bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16; }

inline double float_at(const View& view, const Index& at) {
  if (view.dtype() == DType::f16) return to_float(*view.as<Float16>(at));
  if (view.dtype() == DType::bf16) return to_float(*view.as<BFloat16>(at));
  return *view.as<float>(at);
}

// f32 that was rounded to bf16, once.
inline constexpr double kNarrowed = 0x1p-8;

// What two numbers that are nearly the same may differ by after both were rounded to this type.
inline double rounding_of(DType dtype, double size) {
  if (dtype == DType::f16) return std::max(size * 0x1p-10, 0x1p-24);
  return dtype == DType::bf16 ? size * 0x1p-7 : 0;
}

// |got - want| <= tolerance * magnitude for floats, and the same bits for all else. Says what is not so.
inline std::string mismatch(double tolerance, const View& got, const Tensor& want, const Tensor& magnitudes) {
  if (!is_float(got.dtype())) return same_elements(got, want.view(), got.held()) ? "" : " other elements";
  std::ostringstream wrong;
  for_each(got.held(), [&](const Index& at) {
    const double y = float_at(got, at), r = float_at(want.view(), at);
    if (y == r || (std::isnan(y) && std::isnan(r)) || wrong.tellp() > 0) return;
    const bool narrowed = got.dtype() != want.dtype();
    const double rounding = narrowed        ? kNarrowed * std::abs(r)
                            : tolerance > 0 ? rounding_of(got.dtype(), std::abs(r))
                                            : 0;
    const double size = tolerance > 0 ? std::max(std::abs(r), float_at(magnitudes.view(), at)) : 0;
    if (std::abs(y - r) <= (narrowed ? 1 + kNarrowed : 1) * tolerance * size + rounding) return;
    wrong << " at " << to_string(Shape(std::span<const Dim>(at.begin(), at.rank()))) << " " << std::setprecision(9) << y
          << " for " << r << ", beyond " << tolerance << " of " << size;
  });
  return wrong.str();
}

inline void check_values(double tolerance, const View& got, const Tensor& want, const Tensor& magnitudes) {
  CHECK(mismatch(tolerance, got, want, magnitudes) == "");
}

// Of the first output.
inline void check_values(const Sample& s, const Step& step, const View& got, const Tensor& want) {
  const double tolerance = s.tolerance(step);
  check_values(tolerance, got, want, tolerance > 0 ? s.magnitudes(step).front() : Tensor());
}

// Of output `i` of a model of the node alone: within the operator's bound, or that of a candidate with its own.
inline std::string mismatch_when_planned(const Sample& s, std::size_t i, const Tensor& got, const Tensor& want,
                                         const Tensor& magnitudes) {
  std::string wrong = mismatch(s.tolerance(), got.view(), want, magnitudes);
  if (wrong.empty()) return wrong;
  for (const KernelTable* kernels : supported_kernels())
    for (const Step& step : s.candidates(*kernels))
      if (step.magnitudes && mismatch(s.tolerance(step), got.view(), want, s.magnitudes(step)[i]).empty()) return {};
  return wrong;
}

inline std::string describe(const Case& c) {
  std::string text = c.op;
  for (const Operand& operand : c.operands)
    text += operand.kind == Operand::Kind::Absent ? " absent" : " " + to_string(operand.type);
  for (const auto& [key, value] : c.attributes) {
    text += " " + key;
    if (const Dim* number = std::get_if<Dim>(&value)) text += "=" + std::to_string(*number);
    if (const auto* word = std::get_if<std::string>(&value)) text += "=" + *word;
    if (const auto* list = std::get_if<std::vector<Dim>>(&value))
      for (const Dim d : *list) text += (&d == list->data() ? "=" : ",") + std::to_string(d);
  }
  return text;
}

// The reference's answer. All inputs are constants, so that candidates which want to know them exist.
inline Tensor answer(const std::string& op, const Attributes& attributes, const std::vector<Tensor>& inputs) {
  Case c{op, attributes};
  for (const Tensor& t : inputs) c.operands.push_back(t.data() == nullptr ? absent() : given(t));
  const OpDef* found = find_op(op);
  REQUIRE((found != nullptr));
  const Sample sample(*found, c);
  Tensor want = sample.reference();
  for (const KernelTable* kernels : supported_kernels())
    for (const Step& step : sample.candidates(*kernels)) {
      INFO(kernels->name << ": " << step.kernel << " to " << to_string(step.outputs.at(0)));
      const Buffer got = sample.run(step, Box(want.shape()), Room::Padded);
      check_values(sample, step, got.view, want);
      CHECK(got.untouched());
    }
  return want;
}

// The code with which infer() refuses inputs of such types.
inline std::optional<Errc> refusal(const std::string& op, const Attributes& attributes,
                                   const std::vector<Operand>& inputs) {
  Node node{.op = op, .name = "refused", .attributes = attributes};
  Types types;
  std::vector<const Tensor*> constants;
  for (const Operand& input : inputs) {
    node.inputs.push_back(input.kind == Operand::Kind::Absent ? kNoValue : types.size());
    types.push_back(input.type);
    constants.push_back(input.value ? &*input.value : nullptr);
  }
  try {
    find_op(op)->infer(node, types, constants);
  } catch (const Error& error) {
    return error.code();
  }
  return {};
}

template <class T>
Tensor list(std::initializer_list<T> numbers) {
  return Tensor({static_cast<Dim>(numbers.size())}, numbers);
}
inline Tensor integers(std::initializer_list<std::int64_t> numbers) { return list(numbers); }

// The same numbers, where NaN is the same as NaN.
inline bool same_numbers(const Tensor& a, const Tensor& b, double tolerance = 0) {
  if (a.type() != b.type()) return false;
  if (a.dtype() != DType::f32) return std::memcmp(a.data(), b.data(), a.type().bytes()) == 0;
  for (std::size_t i = 0; i < a.values<float>().size(); ++i) {
    const double x = a.values<float>()[i], y = b.values<float>()[i];
    if (x != y && !(std::isnan(x) && std::isnan(y)) && !(std::abs(x - y) <= tolerance)) return false;
  }
  return true;
}

}  // namespace v0
}  // namespace coverslip
