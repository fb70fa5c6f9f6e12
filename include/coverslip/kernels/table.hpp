// All kernels compiled for one instruction set.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coverslip/kernels/affine.hpp"
#include "coverslip/kernels/attention.hpp"
#include "coverslip/kernels/attention_bf16.hpp"
#include "coverslip/kernels/binary.hpp"
#include "coverslip/kernels/blend.hpp"
#include "coverslip/kernels/depthwise_f32.hpp"
#include "coverslip/kernels/extreme.hpp"
#include "coverslip/kernels/few_outputs_f32.hpp"
#include "coverslip/kernels/from_planar_f32.hpp"
#include "coverslip/kernels/gather_sum.hpp"
#include "coverslip/kernels/gemm_bf16.hpp"
#include "coverslip/kernels/gemm_f32.hpp"
#include "coverslip/kernels/grid_corners.hpp"
#include "coverslip/kernels/half.hpp"
#include "coverslip/kernels/moments.hpp"
#include "coverslip/kernels/peak.hpp"
#include "coverslip/kernels/planar_conv_f32.hpp"
#include "coverslip/kernels/pool.hpp"
#include "coverslip/kernels/reduce.hpp"
#include "coverslip/kernels/rotary.hpp"
#include "coverslip/kernels/select.hpp"
#include "coverslip/kernels/softmax.hpp"
#include "coverslip/kernels/transpose.hpp"
#include "coverslip/kernels/unary.hpp"
#include "coverslip/kernels/winograd_f32.hpp"

namespace coverslip {
inline namespace v0 {

// A plan copies pointers out of it once.
struct KernelTable {
  std::int64_t target;    // HWY_AVX2, HWY_NEON, ...
  const char* name;       // as the public API writes it: "avx2", "neon", ...
  std::size_t f32_lanes;  // floats in a vector
  bool has_fma;
  DepthwiseF32Kernels depthwise_f32;
  GemmF32Kernels gemm_f32;
  GemmBf16Kernels gemm_bf16;
  WinogradF32Kernels winograd_f32;
  AttentionKernels attention;
  AttentionBf16Kernels attention_bf16;
  RotaryKernels rotary;
  PeakKernels peak;
  PlanarConvF32Kernels planar_conv_f32;
  UnaryKernels unary;
  BinaryKernels binary;
  AffineKernels affine;
  PoolKernels pool;
  ReduceKernels reduce;
  MomentKernels moments;
  ExtremeKernels extreme;
  SoftmaxKernels softmax;
  BlendKernels blend;
  GatherSumKernels gather_sum;
  GridCornersKernels grid_corners;
  HalfKernels half;
  SelectKernels select;
  FromPlanarF32Kernels from_planar_f32;
  FewOutputsF32Kernels few_outputs_f32;
  TransposeKernels transpose;
};

// Those that this CPU runs and that were compiled, best first, never empty.
std::vector<const KernelTable*> supported_kernels();

}  // namespace v0
}  // namespace coverslip
