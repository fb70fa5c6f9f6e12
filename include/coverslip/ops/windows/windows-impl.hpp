// The group of operators `windows`: convolution, pooling, resizing and sampling.
#pragma once
#include "coverslip/ops/registry.hpp"
#include "coverslip/ops/windows/absorbing_conv.hpp"
#include "coverslip/ops/windows/affine_grid.hpp"
#include "coverslip/ops/windows/center_crop_pad.hpp"
#include "coverslip/ops/windows/col2im.hpp"
#include "coverslip/ops/windows/conv.hpp"
#include "coverslip/ops/windows/conv_transpose.hpp"
#include "coverslip/ops/windows/deform_conv.hpp"
#include "coverslip/ops/windows/depth_to_space.hpp"
#include "coverslip/ops/windows/global_pool.hpp"
#include "coverslip/ops/windows/grid_sample.hpp"
#include "coverslip/ops/windows/max_unpool.hpp"
#include "coverslip/ops/windows/pool.hpp"
#include "coverslip/ops/windows/resize.hpp"
#include "coverslip/ops/windows/roi_align.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kWindowsFamilies[] = {
    ops::kAbsorbingConv, ops::kAffineGrid, ops::kCenterCropPad, ops::kCol2Im,     ops::kConv,
    ops::kConvTranspose, ops::kDeformConv, ops::kDepthToSpace,  ops::kGlobalPool, ops::kGridSample,
    ops::kMaxUnpool,     ops::kPooling,    ops::kResize,        ops::kRoiAlign,
};
extern constinit const Group kWindows{"windows", kWindowsFamilies};

}  // namespace v0
}  // namespace coverslip
