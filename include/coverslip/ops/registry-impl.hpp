// The list of all operator families, and the one place that compiles the operators.
#pragma once
#include "coverslip/ops/activation.hpp"
#include "coverslip/ops/batch_norm.hpp"
#include "coverslip/ops/binary.hpp"
#include "coverslip/ops/cast.hpp"
#include "coverslip/ops/concat.hpp"
#include "coverslip/ops/conv.hpp"
#include "coverslip/ops/conv_transpose.hpp"
#include "coverslip/ops/gemm.hpp"
#include "coverslip/ops/global_pool.hpp"
#include "coverslip/ops/identity.hpp"
#include "coverslip/ops/pad.hpp"
#include "coverslip/ops/pool.hpp"
#include "coverslip/ops/registry.hpp"
#include "coverslip/ops/reshape.hpp"
#include "coverslip/ops/resize.hpp"
#include "coverslip/ops/shape_of.hpp"
#include "coverslip/ops/slice.hpp"
#include "coverslip/ops/softmax.hpp"
#include "coverslip/ops/transpose.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr std::span<const OpDef> kFamilyList[] = {
    ops::kActivation,    ops::kBatchNorm, ops::kBinary,     ops::kCast,     ops::kConcat,  ops::kConv,
    ops::kConvTranspose, ops::kGemm,      ops::kGlobalPool, ops::kIdentity, ops::kPad,     ops::kPooling,
    ops::kReshape,       ops::kResize,    ops::kShape,      ops::kSlice,    ops::kSoftmax, ops::kTranspose,
};

constinit const std::span<const std::span<const OpDef>> kFamilies = kFamilyList;

const OpDef* find_op(std::string_view name) {
  for (const auto family : kFamilies)
    for (const OpDef& op : family)
      if (op.name == name) return &op;
  return nullptr;
}

}  // namespace v0
}  // namespace coverslip
