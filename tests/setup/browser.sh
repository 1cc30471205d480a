#!/usr/bin/env bash
# Installs Chromium for the browser tests from Debian's packages, unless one is on PATH.
# (Ubuntu's package of that name is a snap and needs snapd: there, install a Chrome or
# Chromium by hand and put it on PATH.)
set -euo pipefail

fail() { echo "browser: $*" >&2; exit 1; }

find_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    command -v $name && return
  done
  return 1
}

if ! find_browser >/dev/null; then
  command -v apt-get >/dev/null || fail "needs apt-get (Debian) or a Chromium on PATH"
  [ "$(id -u)" = 0 ] || fail "run as root to install chromium"
  apt-get update -q >/dev/null || fail "apt-get update failed"
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium fonts-dejavu-core >/dev/null ||
    fail "apt-get install chromium failed"
fi
browser=$(find_browser) || fail "no Chromium on PATH after installing"
echo "browser: ready: $browser ($("$browser" --version 2>/dev/null | head -n1))" >&2
