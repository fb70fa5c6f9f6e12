// The group of operators `shapes`: moving elements, and arithmetic on shapes.
#pragma once
#include "coverslip/ops/registry.hpp"
#include "coverslip/ops/shapes/concat.hpp"
#include "coverslip/ops/shapes/identity.hpp"
#include "coverslip/ops/shapes/pad.hpp"
#include "coverslip/ops/shapes/reshape.hpp"
#include "coverslip/ops/shapes/shape_of.hpp"
#include "coverslip/ops/shapes/slice.hpp"
#include "coverslip/ops/shapes/transpose.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kShapesFamilies[] = {
    ops::kConcat, ops::kIdentity, ops::kPad, ops::kReshape, ops::kShape, ops::kSlice, ops::kTranspose,
};
extern constinit const Group kShapes{"shapes", kShapesFamilies};

}  // namespace v0
}  // namespace coverslip
