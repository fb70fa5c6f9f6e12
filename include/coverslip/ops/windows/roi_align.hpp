// RoiAlign (He et al., "Mask R-CNN", arXiv:1703.06870): the same number of samples of each region of a picture.
#pragma once
#include <cmath>

#include "coverslip/ops/axes.hpp"
#include "coverslip/ops/elementwise.hpp"
#include "coverslip/ops/windows/in_f32.hpp"

namespace coverslip::inline v0::ops {

struct RoiRule {
  Dim height = 1, width = 1, ratio = 0;  // ratio: samples a bin along each axis; 0: as many as it has elements
  double scale = 1, shift = 0.5;
  bool half_pixel = true, average = true;

  explicit RoiRule(const Node& node)
      : height(node.attr<Dim>("output_height", 1)),
        width(node.attr<Dim>("output_width", 1)),
        ratio(node.attr<Dim>("sampling_ratio", 0)),
        scale(double{node.attr("spatial_scale", 1.0f)}) {
    constexpr Dim kMost = 1 << 12;
    const auto rule = node.attr("coordinate_transformation_mode", std::string("half_pixel"));
    const auto mode = node.attr("mode", std::string("avg"));
    if (height < 1 || width < 1 || height > kMost || width > kMost || ratio < 0 || ratio > kMost)
      throw Error(Errc::BadModel, node.label(), "output_height, output_width and sampling_ratio are ", height, ", ",
                  width, " and ", ratio, ", wants 1 (the last: 0) to ", kMost);
    if ((rule != "half_pixel" && rule != "output_half_pixel") || (mode != "avg" && mode != "max"))
      throw Error(Errc::BadModel, node.label(), "mode '", mode, "' and '", rule,
                  "': wants avg or max, half_pixel or output_half_pixel");
    half_pixel = rule == "half_pixel";
    shift = half_pixel ? 0.5 : 0;
    average = mode == "avg";
  }
};

// The samples of one bin along one axis.
struct RoiBin {
  double first = 0, step = 0;
  Dim count = 0;

  RoiBin(const RoiRule& rule, double begin, double end, Dim bins, Dim bin) {
    constexpr double kMost = 1 << 12;  // samples: the region may be anything
    begin = begin * rule.scale - rule.shift;
    end = end * rule.scale - rule.shift;
    const double extent = rule.half_pixel ? end - begin : std::max(end - begin, 1.0);
    const double size = extent / static_cast<double>(bins);
    const double samples = rule.ratio > 0 ? static_cast<double>(rule.ratio) : std::ceil(size);
    count = samples > 0 ? static_cast<Dim>(std::min(samples, kMost)) : 0;
    step = size / static_cast<double>(std::max<Dim>(count, 1));
    first = begin + static_cast<double>(bin) * size + step / 2;
  }
};

// A sample lies between two elements; beyond one element outside it is nothing.
struct RoiPlace {
  Dim low = 0, high = 0;
  double share = 0;
  bool inside = false;

  RoiPlace(double at, Dim extent) {
    inside = at >= -1 && at <= static_cast<double>(extent) && extent > 0;
    if (!inside) return;
    at = std::max(at, 0.0);
    low = std::min(static_cast<Dim>(at), extent - 1);
    high = std::min(low + 1, extent - 1);
    share = low == high ? 0 : at - static_cast<double>(low);
  }
};

// Inputs: X [N,C,H,W], regions [R,4] as x1, y1, x2, y2, and the picture of each.
inline Types roi_align_type(const Node& node, const Types& in, Constants) {
  want_inputs(node, in, 3, 3);
  want_types(node, in, 0, kFloats);
  want_types(node, in, 1, kFloats);
  const Shape &x = in[0].shape, &rois = in[1].shape;
  if (x.rank() != 4 || rois.rank() != 2 || rois[1] != 4 || in[2].dtype != DType::i64 || in[2].shape != Shape{rois[0]})
    throw Error(Errc::BadShape, node.label(), "input ", x, ", rois ", rois, " and batch_indices ", to_string(in[2]),
                ": wants N x C x H x W, R x 4 and i64 R");
  const RoiRule rule(node);
  return {{in[0].dtype, {rois[0], x[1], rule.height, rule.width}}};
}

inline void roi_align(const Node& node, Inputs in, Outputs out) {
  const RoiRule rule(node);
  const View& x = in[0];
  const Dim height = x.shape()[2], width = x.shape()[3];
  for_each(out[0].held(), [&](const Index& y) {
    const auto corner = [&](Dim i) { return double{*in[1].as<float>({y[0], i})}; };
    const Dim picture = *in[2].as<std::int64_t>({y[0]});
    const RoiBin down(rule, corner(1), corner(3), rule.height, y[2]),
        across(rule, corner(0), corner(2), rule.width, y[3]);
    double sum = 0, most = 0;
    for (Dim i = 0; i < down.count; ++i)
      for (Dim j = 0; j < across.count; ++j) {
        const RoiPlace v(down.first + static_cast<double>(i) * down.step, height),
            h(across.first + static_cast<double>(j) * across.step, width);
        const bool inside = v.inside && h.inside && picture >= 0 && picture < x.shape()[0];
        double all = 0, top = inside ? -std::numeric_limits<double>::infinity() : 0;
        for (const int k : {0, 1, 2, 3}) {
          if (!inside) break;
          const double weight = (k < 2 ? 1 - v.share : v.share) * (k % 2 == 0 ? 1 - h.share : h.share);
          const double term =
              weight * double{*x.as<float>({picture, y[1], k < 2 ? v.low : v.high, k % 2 == 0 ? h.low : h.high})};
          all += term;
          top = std::max(top, term);
        }
        sum += all;
        most = i == 0 && j == 0 ? top : std::max(most, top);  // of the weighted corners, as ONNX's reference has it
      }
    const double count = static_cast<double>(std::max<Dim>(down.count * across.count, 1));
    *out[0].as<float>(y) = static_cast<float>(rule.average ? sum / count : most);
  });
}

inline std::vector<Case> roi_align_cases() {
  const Operand rois = given(Tensor({3, 4}, {0.f, 0.f, 5.f, 4.f, 1.f, 2.f, 2.5f, 9.f, -3.f, 3.f, 1.f, 3.f}));
  const Operand pictures = given(Tensor({3}, std::initializer_list<std::int64_t>{0, 1, 1}));
  std::vector<Case> cases;
  for (const char* mode : {"avg", "max"})
    for (const char* rule : {"half_pixel", "output_half_pixel"})
      for (const Dim ratio : {0, 2})
        cases.push_back({"RoiAlign",
                         {{"mode", std::string(mode)},
                          {"coordinate_transformation_mode", std::string(rule)},
                          {"sampling_ratio", ratio},
                          {"output_height", Dim{2}},
                          {"output_width", Dim{3}},
                          {"spatial_scale", 0.5f}},
                         {data({2, 3, 5, 6}), rois, pictures}});
  cases.push_back({"RoiAlign", {}, {data(TensorType{DType::f16, {2, 3, 5, 6}}), rois, pictures}});
  return cases;
}

inline constexpr OpDef kRoiAlign[] = {
    {.name = "RoiAlign",
     .infer = roi_align_type,
     .needed = whole_inputs,
     .reference = in_f32<roi_align>,
     .tolerance = exact,
     .cases = roi_align_cases},
};

}  // namespace coverslip::inline v0::ops
