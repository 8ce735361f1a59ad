# shellcheck shell=bash
# What the scripts share. Sourced, not run.

# shellcheck disable=SC2034
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Toolchains and tools outlive a checkout, so they are kept outside it.
# shellcheck disable=SC2034
cache=${PIXR_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/pixr}

say() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
  say "$*"
  exit 1
}

# as_root COMMAND...
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root: $*"
  fi
}

# Install those of the named Debian packages that are missing.
need_packages() {
  local package
  local -a missing=()
  for package in "$@"; do
    dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "please install: ${missing[*]}"
  say "installing ${missing[*]}"
  local -a install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600
    install -y --no-install-recommends "${missing[@]}")
  # The package lists can be absent or older than the mirror; only then fetch them.
  as_root "${install[@]}" >/dev/null 2>&1 && return 0
  as_root apt-get -qq update >&2
  as_root "${install[@]}" >&2
}

# need COMMAND PACKAGE...: the packages, unless the command is there already.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null || need_packages "$@"
}

# Rust links with a C compiler, and some crates bring C code.
need_compiler() {
  need cc gcc libc6-dev
  need make make
  # OpenSSL is built from source, and its configuration is a Perl program.
  perl -MFindBin -MIPC::Cmd -MFile::Compare -e 1 2>/dev/null || need_packages perl
}

# build_release OPTION...: what users run. Always the same packages, so that each crate is
# built with one set of features.
build_release() {
  say "building (the first time takes a quarter of an hour)"
  cargo build --release --locked -p pixr-keeper -p pixr-bench "$@"
}

# lock FILE: hold a lock until this script and all it started have ended.
lock() {
  local handle
  mkdir -p "$(dirname "$1")"
  exec {handle}>"$1"
  if ! flock --nonblock "$handle"; then
    say "waiting for another run that holds $1"
    flock "$handle"
  fi
  lock_handle=$handle
}

# Give up the lock taken last.
unlock() {
  exec {lock_handle}>&-
}

# place FILE DESTINATION: copy so that nobody ever sees half a file. What is the same
# already keeps its date.
place() {
  mkdir -p "$(dirname "$2")"
  ! cmp --silent "$1" "$2" || return 0
  cp "$1" "$2.new.$$"
  mv -f "$2.new.$$" "$2"
}
