# Turns COVERSLIP_TARGETS, a list of instruction sets, into the macros by which Highway chooses what it compiles.
include_guard(GLOBAL)

set(COVERSLIP_TARGETS "" CACHE STRING
    "Instruction sets to compile kernels for, beside the compiler's baseline; empty: the default set. x86: SSE2 SSE4 AVX2 AVX3 \
AVX3_DL AVX3_ZEN4 AVX3_SPR; ARM: NEON NEON_BF16; anywhere: SCALAR")

# Sets `result` to the compile definitions for the translation unit that compiles the kernels; none for the default set, which
# kernels/dispatch-impl.hpp knows.
#
# Highway compiles every target that is not disabled and not worse than its baseline. The compiler's own baseline (SSE2 on
# x86-64, NEON on 64-bit ARM) stays, because something must run everywhere, unless SCALAR is asked for: that becomes the
# baseline. Then SSE2 and NEON are compiled only if they are named.
function(coverslip_target_definitions result)
  set(x86 SSE2 SSE4 AVX2 AVX3 AVX3_DL AVX3_ZEN4 AVX3_SPR)
  set(arm NEON NEON_BF16)
  set(wanted ${COVERSLIP_TARGETS})
  foreach(name IN LISTS wanted)
    if(NOT name IN_LIST x86 AND NOT name IN_LIST arm AND NOT name STREQUAL "SCALAR")
      message(FATAL_ERROR "COVERSLIP_TARGETS: no target is named '${name}'; there are ${x86};${arm};SCALAR")
    endif()
  endforeach()
  if(NOT wanted)
    set(${result} "" PARENT_SCOPE)
    return()
  endif()
  if(wanted STREQUAL "SCALAR")
    set(${result} HWY_COMPILE_ONLY_SCALAR PARENT_SCOPE)
    return()
  endif()

  set(definitions "")
  set(disabled HWY_SSSE3 HWY_NEON HWY_ALL_SVE)
  foreach(name IN LISTS x86 arm)
    if(NOT name IN_LIST wanted)
      list(APPEND disabled HWY_${name})
    endif()
  endforeach()
  if("SCALAR" IN_LIST wanted)
    list(APPEND definitions HWY_BASELINE_TARGETS=HWY_SCALAR)
    if(NOT "NEON" IN_LIST wanted)
      list(APPEND disabled HWY_NEON_WITHOUT_AES)   # it is what we call NEON
    endif()
  else()
    list(REMOVE_ITEM disabled HWY_SSE2)
  endif()
  if("AVX3_DL" IN_LIST wanted)
    list(APPEND definitions HWY_WANT_AVX3_DL)
  endif()
  list(REMOVE_DUPLICATES disabled)
  list(JOIN disabled "|" disabled)
  set(${result} ${definitions} "HWY_DISABLED_TARGETS=(${disabled})" PARENT_SCOPE)
endfunction()
