// Samples of Resize and Upsample: every mode, rule and attribute, and sizes as networks have them.
#pragma once
#include "coverslip/ops/op.hpp"

namespace coverslip::inline v0::ops {

inline Operand resize_scales(std::initializer_list<float> list) {
  return given(Tensor({static_cast<Dim>(list.size())}, list));
}
inline Operand resize_sizes(std::initializer_list<std::int64_t> list) {
  return given(Tensor({static_cast<Dim>(list.size())}, list));
}

inline std::vector<Case> resize_cases() {
  const auto scales = resize_scales;
  const auto sizes = resize_sizes;
  const auto word = [](const char* text) { return std::string(text); };
  std::vector<Case> cases;
  const auto add = [&](const Attributes& attributes, std::vector<Operand> operands) {
    cases.push_back({"Resize", attributes, std::move(operands)});
  };
  for (const char* mode : {"nearest", "linear", "cubic"})
    for (const char* rule :
         {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"}) {
      const Attributes attributes{{"mode", word(mode)}, {"coordinate_transformation_mode", word(rule)}};
      add(attributes, {data({1, 19, 4, 5}), absent(), scales({1, 1, 2, 2})});
      add(attributes, {data({2, 3, 7, 5}), absent(), absent(), sizes({2, 3, 3, 8})});
      add(attributes, {data({1, 18, 5, 1}), absent(), scales({1, 1, 0.6f, 3.5f})});
    }
  for (const char* rule : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
    add({{"nearest_mode", word(rule)}}, {data({1, 2, 3, 5}), absent(), scales({1, 1, 2, 1.5f})});
  for (const char* mode : {"linear", "cubic"}) {
    const Attributes attributes{{"mode", word(mode)}};
    add(attributes, {data({1, 3, 2, 3, 4}), absent(), scales({1, 1, 2, 2, 2})});
    add(attributes, {data({1, 3, 4}), absent(), scales({1, 2, 2})});
    add(attributes, {data({7}), absent(), absent(), sizes({19})});
    add(attributes, {data({2, 5, 33}), absent(), absent(), sizes({2, 5, 50})});
    add(attributes, {data({1, 2, 6, 5}), absent(), scales({1, 1, 2, 1})});
    add(attributes, {data({1, 0, 3, 3}), absent(), scales({1, 1, 2, 2})});
    Attributes more = attributes;
    more["exclude_outside"] = Dim{1};
    add(more, {data({1, 4, 6, 7}), absent(), scales({1, 1, 2, 0.8f})});
    more["antialias"] = Dim{1};
    add(more, {data({1, 17, 9, 11}), absent(), scales({1, 1, 0.4f, 0.6f})});
    more.erase("exclude_outside");
    add(more, {data({2, 3, 9, 19}), absent(), absent(), sizes({2, 3, 4, 3})});
    add(more, {data({1, 2, 5, 6, 7}), absent(), absent(), sizes({1, 2, 2, 9, 3})});
    add(attributes, {data(TensorType{DType::f16, {1, 2, 3, 4}}), absent(), scales({1, 1, 2, 2})});
  }
  add({{"mode", word("cubic")}, {"cubic_coeff_a", -0.5f}}, {data({1, 2, 4, 4}), absent(), scales({1, 1, 3, 0.8f})});
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    const Attributes crop{{"mode", word(mode)},
                          {"coordinate_transformation_mode", word("tf_crop_and_resize")},
                          {"extrapolation_value", 10.0f},
                          {"axes", std::vector<Dim>{2, 3}}};
    for (const auto& roi : {scales({0.2f, 0.3f, 0.9f, 0.7f}), scales({0.6f, -0.3f, 1.4f, 0.5f}),
                            scales({0.8f, 0.1f, 0.2f, 1}), scales({0, 0, 1, 1})}) {
      add(crop, {data({1, 18, 5, 6}), roi, absent(), sizes({3, 7})});
      add(crop, {data({2, 3, 5, 6}), roi, absent(), sizes({1, 6})});
    }
  }
  for (const char* policy : {"not_larger", "not_smaller", "stretch"})
    add({{"keep_aspect_ratio_policy", word(policy)}, {"axes", std::vector<Dim>{-1, 2}}, {"mode", word("linear")}},
        {data({1, 2, 3, 4}), absent(), absent(), sizes({7, 8})});
  add({{"axes", std::vector<Dim>{3, 2}}}, {data({1, 2, 3, 4}), absent(), scales({2, 3})});
  for (const DType dtype : {DType::u8, DType::i8, DType::i32, DType::i64})
    for (const char* mode : {"linear", "cubic"})
      add({{"mode", word(mode)}}, {data(TensorType{dtype, {1, 2, 4, 3}}), absent(), scales({1, 1, 0.6f, 2.5f})});
  for (const DType dtype : {DType::u8, DType::i8, DType::i32, DType::i64, DType::boolean, DType::bf16})
    add({}, {data(TensorType{dtype, {1, 3, 4, 4}}), absent(), scales({1, 1, 2, 2})});
  for (const char* mode : {"nearest", "linear", "cubic"})
    cases.push_back({"Resize", {{"mode", word(mode)}}, {data({1, 64, 56, 56}), absent(), scales({1, 1, 2, 2})}, true});
  cases.push_back(
      {"Resize", {{"mode", word("linear")}}, {data({1, 1, 64, 64, 64}), absent(), scales({1, 1, 2, 2, 2})}, true});
  return cases;
}

inline std::vector<Case> upsample_cases() {
  std::vector<Case> cases;
  for (const char* mode : {"nearest", "linear"}) {
    const Attributes attributes{{"mode", std::string(mode)}};
    cases.push_back({"Upsample", attributes, {data({1, 17, 2, 3}), resize_scales({1, 1, 2, 3})}});
    cases.push_back({"Upsample", attributes, {data({2, 2, 5}), resize_scales({1, 1, 1.5f})}});
  }
  return cases;
}

}  // namespace coverslip::inline v0::ops
