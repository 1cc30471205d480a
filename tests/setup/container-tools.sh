#!/usr/bin/env bash
# Installs what the container suite needs: runc, CNI plugins and small tools from
# Debian or Ubuntu, containerd and nerdctl built from the Go module proxy.
# (Debian's containerd 1.6 is too old for nerdctl 2.x, which needs the transfer service.)
#
#   container-tools.sh [--prefix DIR]     default /usr/local; run as root
#
# Nothing is done for what is already there in a version that serves. Builds use
# Go's own caches, so a second prefix takes seconds.
set -euo pipefail

CONTAINERD_VERSION=2.4.2
CONTAINERD_MINIMUM=2.3.0 # what the nerdctl-full bundle of this nerdctl brings
NERDCTL_VERSION=2.3.5
APT_PACKAGES=(runc containernetworking-plugins iptables tini s6 umoci busybox-static iproute2 e2fsprogs libcap2-bin)

fail() { echo "container-tools: $*" >&2; exit 1; }
say() { echo "container-tools: $*" >&2; }

prefix=/usr/local
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=${2:?"--prefix needs a folder"}; shift 2 ;;
    *) fail "unknown argument '$1' (usage: container-tools.sh [--prefix DIR])" ;;
  esac
done
mkdir -p "$prefix/bin" || fail "cannot write to $prefix (run as root, or give --prefix)"
PATH=$prefix/bin:$PATH

# --- Debian packages ---------------------------------------------------------
missing=()
# One dpkg-query for all: it prints nothing usable for a package never installed.
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${APT_PACKAGES[@]}" 2>/dev/null || true)
for package in "${APT_PACKAGES[@]}"; do
  grep -qx "$package installed" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || fail "needs apt-get (Debian, Ubuntu) to install: ${missing[*]}"
  [ "$(id -u)" = 0 ] || fail "run as root to install: ${missing[*]}"
  say "installing ${missing[*]}"
  apt-get update -q >/dev/null || fail "apt-get update failed"
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get install failed: ${missing[*]}"
fi

# --- containerd and nerdctl --------------------------------------------------
# True when the tool on PATH reports a version of at least $2.
at_least() {
  local have
  have=$("$1" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n1) || return 1
  [ -n "$have" ] && [ "$(printf '%s\n%s\n' "$2" "$have" | sort -V | head -n1)" = "$2" ]
}

scratch=
trap 'rm -rf "$scratch"' EXIT
enter_scratch_module() {
  command -v go >/dev/null || fail "needs Go to build $1 (apt-get install golang, or put nerdctl-full's bin on PATH)"
  rm -rf "$scratch"
  scratch=$(mktemp -d)
  cd "$scratch"
  say "building $1 (about a minute)"
}

# Builds $1, a package path, into the prefix; the rest are flags of go build.
build() {
  local package=$1 target
  target=$prefix/bin/$(basename "$package")
  shift
  # A running daemon's file cannot be written over, but it can be replaced.
  CGO_ENABLED=0 go build -mod=mod -trimpath "$@" -o "$target.new" "$package" 2>go.log || {
    tail -n 20 go.log >&2
    fail "go build $package failed"
  }
  mv -f "$target.new" "$target"
}

if ! at_least containerd $CONTAINERD_MINIMUM || ! at_least ctr $CONTAINERD_MINIMUM ||
  ! command -v containerd-shim-runc-v2 >/dev/null; then
  enter_scratch_module "containerd $CONTAINERD_VERSION"
  cat >go.mod <<GOMOD
module scratch
go 1.24.0
require github.com/containerd/containerd/v2 v$CONTAINERD_VERSION
GOMOD
  for command in containerd containerd-shim-runc-v2 ctr; do
    build "github.com/containerd/containerd/v2/cmd/$command" -tags "no_btrfs no_devmapper no_zfs" \
      -ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=v$CONTAINERD_VERSION"
  done
fi

if ! at_least nerdctl $NERDCTL_VERSION; then
  enter_scratch_module "nerdctl $NERDCTL_VERSION"
  # nerdctl's go.mod replaces its test framework by a folder of its own repository,
  # so `go install` refuses it. One file outside the tests names that framework's
  # T interface: this stub is all of it that a build needs.
  cat >go.mod <<GOMOD
module scratch
go 1.24.0
require github.com/containerd/nerdctl/v2 v$NERDCTL_VERSION
replace github.com/containerd/nerdctl/mod/tigron v0.0.0 => ./tigron
GOMOD
  mkdir -p tigron/tig
  printf 'module github.com/containerd/nerdctl/mod/tigron\ngo 1.24.0\n' >tigron/go.mod
  cat >tigron/tig/tig.go <<GO
package tig

type T interface {
	Helper()
	FailNow()
	Fail()
	Log(args ...any)
	Name() string
	TempDir() string
}
GO
  build github.com/containerd/nerdctl/v2/cmd/nerdctl \
    -ldflags "-s -w -X github.com/containerd/nerdctl/v2/pkg/version.Version=v$NERDCTL_VERSION"
fi

[ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || fail "no CNI plugins in /usr/lib/cni or /opt/cni/bin"
say "ready: $(containerd --version | awk '{print $1, $3}'), $(nerdctl --version | awk '{print $1, $3}'), $(runc --version | awk 'NR==1{print $1, $3}')"
