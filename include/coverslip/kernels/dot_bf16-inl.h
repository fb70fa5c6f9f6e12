// COVERSLIP_DOT_BF16: whether the target multiplies pairs of bf16 and rounds to bf16 by instructions; once per target.
#if defined(COVERSLIP_KERNELS_DOT_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COVERSLIP_KERNELS_DOT_BF16_INL_H_
#undef COVERSLIP_KERNELS_DOT_BF16_INL_H_
#else
#define COVERSLIP_KERNELS_DOT_BF16_INL_H_
#endif

#include "hwy/highway.h"

// On ARM, Highway's own macro may say what is true of the target that was compiled before.
#undef COVERSLIP_DOT_BF16
#if HWY_NATIVE_DOT_BF16 && (!HWY_ARCH_ARM || HWY_TARGET == HWY_NEON_BF16)
#define COVERSLIP_DOT_BF16 1
#else
#define COVERSLIP_DOT_BF16 0
#endif

#endif
