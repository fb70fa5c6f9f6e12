# Tests on other CPUs and by other compilers: those of `./dev test --all`. For sourcing by ../dev, whose functions it uses.
# shellcheck disable=SC2086 -- $emulator is several words

platforms="dev scalar old-x86 arm64 tsan g++-11 clang-14 clang-19 zoo"

# test_on PLATFORM: builds, runs and counts what belongs to one of $platforms.
test_on() {
  case $1 in
    dev | scalar) cpp_tests "$1" ;;
    old-x86) old_x86 ;;
    arm64) arm64 ;;
    tsan) tsan ;;
    zoo) zoo ;;
    g++-*) other_compiler "$1" "$1" ;;
    clang-*) other_compiler "$1" "clang++${1#clang}" ;;
  esac
}

# needs WHAT TOOL PACKAGE...: whether TOOL is there, if need be after installing Debian packages. Else WHAT is skipped.
needs() {
  what=$1 tool=$2; shift 2
  if command -v "$tool" >/dev/null; then return 0; fi
  if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    missing=$(missing_packages "$@")
    if [ "$(id -u)" = 0 ] && say "installing $missing" && install_packages && command -v "$tool" >/dev/null; then return 0; fi
    say "$what: skipped; as root, or by an administrator: apt-get install $missing"
  else
    say "$what: skipped; there is no $tool here (Debian has it in: $*)"
  fi
  count 0 0 1
  return 1
}

# chooses TITLE TARGET COMMAND...: one test; the tool slip, run by COMMAND, takes TARGET for the best instruction set.
chooses() {
  title=$1 target=$2; shift 2
  log=build/test/$(echo "$title" | tr '/ ' '__').log
  status=0
  "$@" cpu --json >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -eq 0 ] && grep -q "\"targets\": \[\"$target\"" "$log"; then
    count 1 0 0
    printf '   %-24s chooses %s\n' "$title" "$target"
  else
    count 0 1 0 "$title"
    printf '   %-24s FAILED to choose %s (exit %s):\n' "$title" "$target" "$status"
    cat "$log"
  fi
}

# --- x86 without AVX, emulated -------------------------------------------------------------------------------------

# The tests of build/release on CPUs that stop a program at its first AVX instruction: an Opteron of 2003 also at SSE4's.
# `old_x86 quick` takes a minute.
old_x86() {
  if [ "$(uname -m)" != x86_64 ]; then
    say "CPUs without AVX: skipped; build/release is not for x86-64 here"
    count 0 0 1
    return 0
  fi
  needs "CPUs without AVX" qemu-x86_64 qemu-user || return 0
  built release || return 0
  say "C++ tests of build/release on CPUs without AVX (qemu-x86_64)"
  old_cpu Opteron_G1 sse2 "${1:-}"
  old_cpu Westmere sse4 "${1:-}"
}

# old_cpu MODEL TARGET [quick]
old_cpu() {
  emulator="qemu-x86_64 -cpu $1"
  chooses "$1" "$2" $emulator build/release/slip
  if [ "${3:-}" = quick ]; then
    test_program "$1/kernels_test" $emulator build/release/tests/kernels_test
    test_program "$1/ops_test" $emulator build/release/tests/ops_test --test-case='operators agree*'
  else
    for program in build/release/tests/*_test; do
      test_program "$1/$(basename "$program")" $emulator "$program"
    done
  fi
}

# --- 64-bit ARM, emulated ------------------------------------------------------------------------------------------

# Everything on a CPU with bfloat16, the kernels also on one without.
arm64() {
  needs "64-bit ARM" qemu-aarch64 qemu-user || return 0
  needs "64-bit ARM" aarch64-linux-gnu-g++ g++-aarch64-linux-gnu || return 0
  needs "64-bit ARM" clang++-19 clang-19 || return 0
  built arm64-clang || return 0
  say "C++ tests of build/arm64-clang (qemu-aarch64)"
  emulator="qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu"
  chooses arm64/max neon_bf16 $emulator max build/arm64-clang/slip
  chooses arm64/cortex-a53 neon $emulator cortex-a53 build/arm64-clang/slip
  test_program arm64/cortex-a53/kernels $emulator cortex-a53 build/arm64-clang/tests/kernels_test
  for program in build/arm64-clang/tests/*_test; do
    test_program "arm64/$(basename "$program")" $emulator max "$program"
  done
}

# --- many threads --------------------------------------------------------------------------------------------------

tsan() {
  built tsan run_test || return 0
  say "C++ tests of build/tsan: those with threads"
  test_program tsan/run_test build/tsan/tests/run_test --source-file='*concurrency_test*,*session_test*,*team_test*'
}

# --- other compilers -----------------------------------------------------------------------------------------------

# other_compiler NAME COMMAND: NAME is also that of the preset and of the Debian package.
other_compiler() {
  needs "$1" "$2" "$1" || return 0
  cpp_tests "$1"
}

# --- networks of studies -------------------------------------------------------------------------------------------

# All networks of tests/zoo with free sizes, exported by torch, which is installed (750 MB) apart from .venv.
zoo() {
  build
  torch=build/zoo/torch/bin/python
  (phase "installing torch into build/zoo" zoo_python) || { count 0 1 0 "installing torch"; return 0; }
  say "networks exported by torch"
  log=build/test/zoo.log
  status=0
  "$python" tests/zoo/zoo.py --torch "$torch" --work build/zoo --results build/zoo/results.json --sizes free \
    >"$log" 2>&1 </dev/null || status=$?
  p=$(number_before passed "$log") f=$(number_before failed "$log") s=$(number_before skipped "$log")
  if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
  count "$p" "$f" "$s" "in zoo"
  if [ "$f" -ne 0 ]; then cat "$log"; fi
  printf '   %-24s %s passed, %s failed, %s skipped\n' zoo "$p" "$f" "$s"
}

zoo_python() {
  [ ! -e build/zoo/torch/installed ] || return 0
  "$python" -m venv build/zoo/torch && "$torch" -m pip install -q -r tests/zoo/requirements.txt &&
    "$torch" -m pip install -q --no-deps torchvision==0.28.0 timm==1.0.31 && touch build/zoo/torch/installed
}
