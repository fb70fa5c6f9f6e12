// The only file that compiles kernels: once per SIMD target, into one table each, best target first.
#pragma once
// Compile it with -ffp-contract=off (the CMake targets do), so that only MulAdd fuses, and kernels without it give the
// same bits on every target. Otherwise the compiler fuses a * b + c where it likes: in a loop but not in its tail.
#ifdef __FAST_MATH__
#error "coverslip promises the same bits always, which -ffast-math breaks: compile this file without it"
#endif
#include <cstdint>
#include <utility>

// Which targets are compiled, where the build does not say it (COVERSLIP_TARGETS): all that kernels are written for.
// SSSE3 would serve hardly any CPU that SSE2 does not. SVE's vectors have no size when compiling, which kernels need:
// such CPUs run NEON. What NEON adds over NEON_WITHOUT_AES is encryption.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_NEON | HWY_ALL_SVE)
#define HWY_WANT_AVX3_DL
#endif
// One kind of scalar code for all compilers: Highway's own choice depends on the compiler's version.
#ifndef HWY_BROKEN_EMU128
#define HWY_BROKEN_EMU128 1
#endif
#include "hwy/detect_targets.h"

namespace coverslip {
inline namespace v0 {

// The name that the public API and the command line use.
constexpr const char* TargetNameOf(std::int64_t target) {
  switch (target) {
    case HWY_SSE2: return "sse2";
    case HWY_SSSE3: return "ssse3";
    case HWY_SSE4: return "sse4";
    case HWY_AVX2: return "avx2";
    case HWY_AVX3: return "avx3";
    case HWY_AVX3_DL: return "avx3_dl";
    case HWY_AVX3_ZEN4: return "avx3_zen4";
    case HWY_AVX3_SPR: return "avx3_spr";
    case HWY_NEON_WITHOUT_AES:
    case HWY_NEON: return "neon";
    case HWY_NEON_BF16: return "neon_bf16";
    default: return "scalar";
  }
}

}  // namespace v0
}  // namespace coverslip

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "coverslip/kernels/all-inl.h"
#include "hwy/foreach_target.h"
// After foreach_target.h, which must come first.
#include "coverslip/kernels/all-inl.h"

namespace coverslip {
inline namespace v0 {

// HWY_CHOOSE_X(Table) is N_X::Table where this translation unit compiles target X, and null elsewhere (Highway >= 1.2).
std::vector<const KernelTable*> supported_kernels() {
  using TableOf = const KernelTable* (*)();
  const std::pair<std::int64_t, TableOf> best_first[] = {
#if HWY_ARCH_X86
    {HWY_AVX3_SPR, HWY_CHOOSE_AVX3_SPR(Table)},
    {HWY_AVX3_ZEN4, HWY_CHOOSE_AVX3_ZEN4(Table)},
    {HWY_AVX3_DL, HWY_CHOOSE_AVX3_DL(Table)},
    {HWY_AVX3, HWY_CHOOSE_AVX3(Table)},
    {HWY_AVX2, HWY_CHOOSE_AVX2(Table)},
    {HWY_SSE4, HWY_CHOOSE_SSE4(Table)},
    {HWY_SSSE3, HWY_CHOOSE_SSSE3(Table)},
    {HWY_SSE2, HWY_CHOOSE_SSE2(Table)},
#elif HWY_ARCH_ARM
    {HWY_NEON_BF16, HWY_CHOOSE_NEON_BF16(Table)},
    {HWY_NEON, HWY_CHOOSE_NEON(Table)},
    {HWY_NEON_WITHOUT_AES, HWY_CHOOSE_NEON_WITHOUT_AES(Table)},
#endif
    {HWY_STATIC_TARGET, HWY_CHOOSE_FALLBACK(Table)},
  };
  std::int64_t cpu = hwy::SupportedTargets() | HWY_STATIC_TARGET;
  if ((cpu & HWY_AVX3_SPR) != 0)
    cpu |= HWY_AVX3_ZEN4;  // its instructions are among them; Highway names it on AMD alone
  std::vector<const KernelTable*> tables;
  for (const auto& [target, table] : best_first)
    if (table != nullptr && (cpu & target) != 0 && (tables.empty() || tables.back() != table()))
      tables.push_back(table());
  return tables;
}

}  // namespace v0
}  // namespace coverslip
