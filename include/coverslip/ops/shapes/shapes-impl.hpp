// The group of operators `shapes`: moving elements, and arithmetic on shapes.
#pragma once
#include "coverslip/ops/registry.hpp"
#include "coverslip/ops/shapes/concat.hpp"
#include "coverslip/ops/shapes/dropout.hpp"
#include "coverslip/ops/shapes/expand.hpp"
#include "coverslip/ops/shapes/gather.hpp"
#include "coverslip/ops/shapes/gather_elements.hpp"
#include "coverslip/ops/shapes/gather_nd.hpp"
#include "coverslip/ops/shapes/generate.hpp"
#include "coverslip/ops/shapes/identity.hpp"
#include "coverslip/ops/shapes/non_max_suppression.hpp"
#include "coverslip/ops/shapes/one_hot.hpp"
#include "coverslip/ops/shapes/pad.hpp"
#include "coverslip/ops/shapes/reshape.hpp"
#include "coverslip/ops/shapes/reverse_sequence.hpp"
#include "coverslip/ops/shapes/scatter.hpp"
#include "coverslip/ops/shapes/select.hpp"
#include "coverslip/ops/shapes/shape_of.hpp"
#include "coverslip/ops/shapes/slice.hpp"
#include "coverslip/ops/shapes/split.hpp"
#include "coverslip/ops/shapes/transpose.hpp"
#include "coverslip/ops/shapes/trilu.hpp"
#include "coverslip/ops/shapes/unique.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kShapesFamilies[] = {
    ops::kConcat,
    ops::kDropout,
    ops::kExpand,
    ops::kGather,
    ops::kGatherElements,
    ops::kGatherNd,
    ops::kGenerate,
    ops::kIdentity,
    ops::kNonMaxSuppression,
    ops::kOneHot,
    ops::kPad,
    ops::kReshape,
    ops::kReverseSequence,
    ops::kScatter,
    ops::kSelect,
    ops::kShape,
    ops::kSlice,
    ops::kSplit,
    ops::kTranspose,
    ops::kTrilu,
    ops::kUnique,
};
extern constinit const Group kShapes{"shapes", kShapesFamilies};

}  // namespace v0
}  // namespace coverslip
