#!/bin/sh
# Compiles Debian's oneTBB with the thread sanitizer, which reports races that are none where a program uses the packaged one.
#
#   third_party/get_tbb_tsan.sh FOLDER     e.g.  third_party/get_tbb_tsan.sh build/third_party-tsan
#
# The source package comes by a private deb-src list. Quick when FOLDER is complete; it appears whole or not at all.
set -eu
. "$(dirname "$0")/private_apt.sh"

[ $# -eq 1 ] || fail "usage: get_tbb_tsan.sh FOLDER"
folder=$1
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null || :)
contents="$suite: onetbb, -fsanitize=thread"
if complete "$folder"; then exit 0; fi
need_tools "compile oneTBB with -fsanitize=thread and say where it is: CMAKE_PREFIX_PATH" dpkg-source cmake ninja
begin_work "$folder"
architecture=$(dpkg --print-architecture)
echo "third_party: fetching the source of onetbb of Debian $suite from $archive"
use_suites deb-src "$suite"
(cd "$work/debs" && apt source --download-only onetbb) || explain
dpkg-source -q --no-check -x "$work"/debs/onetbb_*.dsc "$work/onetbb" >>"$work/log" 2>&1 || explain

echo "third_party: compiling it with -fsanitize=thread"
# Its fences are what the sanitizer does not see, and what -Wtsan warns of.
cmake -S "$work/onetbb" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_INSTALL_PREFIX="$work/root" \
  -DCMAKE_INSTALL_LIBDIR=lib -DTBB_TEST=OFF -DTBB_STRICT=OFF -DTBBMALLOC_BUILD=OFF -DTBB_SANITIZE=thread \
  -DTBB_DISABLE_HWLOC_AUTOMATIC_SEARCH=ON -DCMAKE_POLICY_VERSION_MINIMUM=3.5 -DCMAKE_CXX_FLAGS=-Wno-tsan >>"$work/log" 2>&1 &&
  cmake --build "$work/build" --target install >>"$work/log" 2>&1 || {
  tail -n 40 "$work/log" >&2
  fail "cannot compile oneTBB with -fsanitize=thread"
}
finish "$folder"
