# Private package lists, made from this machine's own apt sources: nothing of the system is touched, and no root is needed.
# For sourcing by the scripts beside it, in the order of its functions.

fail() { printf 'third_party: %s\n' "$*" >&2; exit 1; }

# complete FOLDER: whether a run of the same script with the same $contents made it.
complete() { [ "$(cat "$1/contents" 2>/dev/null)" = "$contents" ]; }

# need_tools OTHERWISE TOOL...: stops where one is missing, and says what to do otherwise.
need_tools() {
  otherwise=$1; shift
  for tool in apt-get dpkg awk sed "$@"; do command -v "$tool" >/dev/null || fail "no $tool here: $otherwise"; done
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -e "$keyring" ] || fail "no $keyring: install debian-archive-keyring, or: $otherwise"
}

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

# begin_work FOLDER: makes $work beside it, which is gone at the end, and finds $archive.
begin_work() {
  archive=$(debian_archive)
  [ -n "$archive" ] || archive=$(one_line_archive)
  [ -n "$archive" ] || fail "no Debian archive among this machine's apt sources (/etc/apt)"
  mkdir -p "$(dirname "$1")"
  work=$(mktemp -d "$(dirname "$1")/.third_party.XXXXXX")
  work=$(cd "$work" && pwd)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/debs" "$work/root"
}

# use_suites TYPE SUITE...: what `apt` knows from now on; TYPE is deb or deb-src.
use_suites() {
  kind=$1; shift
  for one in $(printf '%s\n' "$@" | sort -u); do
    printf '%s [signed-by=%s] %s %s main\n' "$kind" "$keyring" "$archive" "$one"
  done >"$work/sources.list"
  apt update || explain
}

# apt ARGUMENTS...: apt-get for $architecture with the lists of this run alone.
apt() {
  apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User="$(id -un)" \
    -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts="$work/parts" \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false -o APT::Update::Error-Mode=any "$@" >>"$work/log" 2>&1
}
explain() {
  sed 's/^/  /' "$work/log" >&2
  fail "cannot fetch this from $archive. Offline? Run again when it can be reached."
}

# finish FOLDER: $work/root becomes FOLDER, whole, unless another build was faster.
finish() {
  printf '%s\n' "$contents" >"$work/root/contents"
  chmod 755 "$work/root"
  if complete "$1"; then exit 0; fi
  rm -rf "$1"
  mv "$work/root" "$1" 2>/dev/null || complete "$1" || fail "cannot move the result to $1"
}
