// All kernels of one target in one table; included again for each target by dispatch-impl.hpp.
#if defined(COVERSLIP_KERNELS_ALL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_ALL_INL_H_
#undef COVERSLIP_KERNELS_ALL_INL_H_
#else
#define COVERSLIP_KERNELS_ALL_INL_H_
#endif

#include "coverslip/kernels/affine-inl.h"
#include "coverslip/kernels/attention-inl.h"
#include "coverslip/kernels/attention_bf16-inl.h"
#include "coverslip/kernels/binary-inl.h"
#include "coverslip/kernels/blend-inl.h"
#include "coverslip/kernels/depthwise_f32-inl.h"
#include "coverslip/kernels/extreme-inl.h"
#include "coverslip/kernels/few_outputs_f32-inl.h"
#include "coverslip/kernels/from_planar_f32-inl.h"
#include "coverslip/kernels/gather_sum-inl.h"
#include "coverslip/kernels/gemm_bf16-inl.h"
#include "coverslip/kernels/gemm_f32-inl.h"
#include "coverslip/kernels/grid_corners-inl.h"
#include "coverslip/kernels/half-inl.h"
#include "coverslip/kernels/moments-inl.h"
#include "coverslip/kernels/peak-inl.h"
#include "coverslip/kernels/planar_conv_f32-inl.h"
#include "coverslip/kernels/pool-inl.h"
#include "coverslip/kernels/reduce-inl.h"
#include "coverslip/kernels/rotary-inl.h"
#include "coverslip/kernels/select-inl.h"
#include "coverslip/kernels/softmax-inl.h"
#include "coverslip/kernels/table.hpp"
#include "coverslip/kernels/transpose-inl.h"
#include "coverslip/kernels/unary-inl.h"
#include "coverslip/kernels/winograd_f32-inl.h"

HWY_BEFORE_NAMESPACE();
namespace coverslip::inline v0::HWY_NAMESPACE {

inline const KernelTable* Table() {
  static constexpr KernelTable kTable{.target = HWY_TARGET,
                                      .name = TargetNameOf(HWY_TARGET),
                                      .f32_lanes = hn::MaxLanes(hn::ScalableTag<float>()),
                                      .has_fma = HWY_NATIVE_FMA != 0,
                                      .depthwise_f32 = kDepthwiseF32,
                                      .gemm_f32 = kGemmF32,
                                      .gemm_bf16 = kGemmBf16,
                                      .winograd_f32 = kWinogradF32,
                                      .attention = kAttention,
                                      .attention_bf16 = kAttentionBf16,
                                      .rotary = kRotary,
                                      .peak = kPeak,
                                      .planar_conv_f32 = kPlanarConvF32,
                                      .unary = kUnary,
                                      .binary = kBinary,
                                      .affine = kAffine,
                                      .pool = kPool,
                                      .reduce = kReduce,
                                      .moments = kMoments,
                                      .extreme = kExtreme,
                                      .softmax = kSoftmax,
                                      .blend = kBlend,
                                      .gather_sum = kGatherSum,
                                      .grid_corners = kGridCorners,
                                      .half = kHalf,
                                      .select = kSelect,
                                      .from_planar_f32 = kFromPlanarF32,
                                      .few_outputs_f32 = kFewOutputsF32,
                                      .transpose = kTranspose};
  return &kTable;
}

}  // namespace coverslip::inline v0::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
