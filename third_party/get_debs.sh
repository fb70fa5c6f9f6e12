#!/bin/sh
# Fetches the headers and libraries that Debian 12 lacks or has too old (Highway >= 1.2, stb) from Debian trixie into a folder.
#
#   third_party/get_debs.sh FOLDER [ARCHITECTURE]     e.g.  third_party/get_debs.sh build/third_party
#
# With the ARCHITECTURE of a cross compiler (arm64), FOLDER gets oneTBB too, of this machine's own suite: it must not want
# a newer C++ library than that compiler has.
#
# Private package lists, made from this machine's own apt sources; nothing of the system is touched and no root is needed.
# Quick when FOLDER is complete. The folder appears whole or not at all, also when two builds want it at once.
set -eu

suite=trixie
packages="libhwy-dev libhwy1t64 libstb-dev"
hwy_at_least=102   # major * 100 + minor

fail() { printf 'third_party: %s\n' "$*" >&2; exit 1; }

complete() { [ "$(cat "$1/contents" 2>/dev/null)" = "$contents" ]; }

# Prints the first Debian archive that the machine's apt uses: deb822 files first, then one-line files.
debian_archive() {
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    awk 'tolower($1) == "uris:" { uri = $2 }
         tolower($1) == "suites:" && $0 !~ /security/ { wanted = 1 }
         tolower($1) == "enabled:" && tolower($2) == "no" { off = 1 }
         /^[ \t]*$/ { if (wanted && uri && !off) print uri; uri = ""; wanted = off = 0 }
         END { if (wanted && uri && !off) print uri }' "$file"
  done | grep -i debian | head -n 1
}
one_line_archive() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+) +[^ ]+ .*main.*/\2/p' | grep -i debian | grep -v security | head -n 1
}

[ $# -eq 1 ] || [ $# -eq 2 ] || fail "usage: get_debs.sh FOLDER [ARCHITECTURE]"
folder=$1
architecture=${2:-}
own_suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null || :)
own_packages=
[ -z "$architecture" ] || own_packages="libtbb-dev libtbb12 libtbbmalloc2 libtbbbind-2-5"
contents="$suite: $packages${architecture:+, $architecture, $own_suite: $own_packages}"
if complete "$folder"; then exit 0; fi
for tool in apt-get dpkg awk sed; do
  command -v "$tool" >/dev/null || fail "no $tool here: install Highway >= 1.2 and stb so that CMake finds them, or allow" \
    "-DCOVERSLIP_FETCH=ON to download Highway"
done
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || fail "no $keyring: install debian-archive-keyring, or Highway >= 1.2 and stb by other means"
archive=$(debian_archive)
[ -n "$archive" ] || archive=$(one_line_archive)
[ -n "$archive" ] || fail "no Debian archive among this machine's apt sources (/etc/apt)"

mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$(dirname "$folder")/.third_party.XXXXXX")
work=$(cd "$work" && pwd)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/debs" "$work/root"
for one in $(printf '%s\n' "$suite" ${architecture:+"$own_suite"} | sort -u); do
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$archive" "$one"
done >"$work/sources.list"
[ -n "$architecture" ] || architecture=$(dpkg --print-architecture)
apt() {
  apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User="$(id -un)" \
    -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts="$work/parts" \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false -o APT::Update::Error-Mode=any "$@" >>"$work/log" 2>&1
}
explain() {
  sed 's/^/  /' "$work/log" >&2
  fail "cannot fetch '$packages $own_packages' for $architecture of Debian from $archive. Offline? Run again" \
    "when it can be reached."
}
echo "third_party: fetching $packages $own_packages for $architecture of Debian from $archive"
apt update || explain
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
printf '%s\n' "$contents" >"$work/root/contents"
chmod 755 "$work/root"
if complete "$folder"; then exit 0; fi   # another build was faster
rm -rf "$folder"
mv "$work/root" "$folder" 2>/dev/null || complete "$folder" || fail "cannot move the result to $folder"
