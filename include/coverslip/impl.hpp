// Everything behind coverslip.hpp; a program includes it in exactly one .cpp, compiled with -ffp-contract=off.
#pragma once
#include "coverslip/kernels/dispatch-impl.hpp"
#include "coverslip/ops/activations/activations-impl.hpp"
#include "coverslip/ops/elementwise/elementwise-impl.hpp"
#include "coverslip/ops/matrices/matrices-impl.hpp"
#include "coverslip/ops/norms/norms-impl.hpp"
#include "coverslip/ops/quantized/quantized-impl.hpp"
#include "coverslip/ops/reductions/reductions-impl.hpp"
#include "coverslip/ops/registry-impl.hpp"
#include "coverslip/ops/shapes/shapes-impl.hpp"
#include "coverslip/ops/windows/windows-impl.hpp"
#include "coverslip/run/engine-impl.hpp"
#if __has_include(<stb/stb_image.h>) || __has_include(<stb_image.h>)
#include "coverslip/image/image-impl.hpp"
#endif
