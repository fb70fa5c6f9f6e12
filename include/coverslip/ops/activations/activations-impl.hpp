// The group of operators `activations`: functions of one number, and softmax.
#pragma once
#include "coverslip/ops/activations/activation.hpp"
#include "coverslip/ops/activations/clip.hpp"
#include "coverslip/ops/activations/softmax.hpp"
#include "coverslip/ops/registry.hpp"

namespace coverslip {
inline namespace v0 {

inline constexpr Family kActivationsFamilies[] = {
    ops::kActivation,
    ops::kClip,
    ops::kSoftmax,
};
extern constinit const Group kActivations{"activations", kActivationsFamilies};

}  // namespace v0
}  // namespace coverslip
