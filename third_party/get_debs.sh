#!/bin/sh
# Fetches the headers and libraries that Debian 12 lacks or has too old (Highway >= 1.2, stb) from Debian trixie into a folder.
#
#   third_party/get_debs.sh FOLDER [ARCHITECTURE]     e.g.  third_party/get_debs.sh build/third_party
#
# With the ARCHITECTURE of a cross compiler (arm64), FOLDER gets oneTBB too, of this machine's own suite: it must not want
# a newer C++ library than that compiler has. Quick when FOLDER is complete. The folder appears whole or not at all, also when
# two builds want it at once.
set -eu
. "$(dirname "$0")/private_apt.sh"

suite=trixie
packages="libhwy-dev libhwy1t64 libstb-dev"
hwy_at_least=102   # major * 100 + minor

[ $# -eq 1 ] || [ $# -eq 2 ] || fail "usage: get_debs.sh FOLDER [ARCHITECTURE]"
folder=$1
architecture=${2:-}
own_suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null || :)
own_packages=
[ -z "$architecture" ] || own_packages="libtbb-dev libtbb12 libtbbmalloc2 libtbbbind-2-5"
contents="$suite: $packages${architecture:+, $architecture, $own_suite: $own_packages}"
if complete "$folder"; then exit 0; fi
need_tools "install Highway >= 1.2 and stb so that CMake finds them, or allow -DCOVERSLIP_FETCH=ON to download Highway"
begin_work "$folder"
echo "third_party: fetching $packages${own_packages:+ $own_packages}${architecture:+ for $architecture} from $archive"
suites=$suite${architecture:+ $own_suite}
[ -n "$architecture" ] || architecture=$(dpkg --print-architecture)
# shellcheck disable=SC2086 -- one argument for each suite
use_suites deb $suites
# shellcheck disable=SC2046 -- one argument for each package
(cd "$work/debs" && apt download $(for one in $packages; do echo "$one/$suite"; done) \
  $(for one in $own_packages; do echo "$one/$own_suite"; done)) || explain
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root"; done

base=$work/root/usr/include/hwy/base.h
[ -e "$base" ] || fail "libhwy-dev of $suite has no hwy/base.h"
version=$(awk '$2 == "HWY_MAJOR" { major = $3 } $2 == "HWY_MINOR" { minor = $3 } END { print major * 100 + minor }' \
  "$work"/root/usr/include/hwy/*.h)
[ "$version" -ge "$hwy_at_least" ] || fail "Highway of $suite is version $version (major * 100 + minor), wanted >= $hwy_at_least"
[ -e "$work/root/usr/include/stb/stb_image.h" ] || fail "libstb-dev of $suite has no stb/stb_image.h"

(cd "$work/debs" && for deb in *.deb; do echo "$deb"; done) >"$work/root/packages"
finish "$folder"
