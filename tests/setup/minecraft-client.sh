#!/usr/bin/env bash
# Installs a real Minecraft server and client (flying-squid, mineflayer) into
# tests/minecraft/node_modules, unless what is there matches the lock file.
set -euo pipefail

fail() { echo "minecraft-client: $*" >&2; exit 1; }

cd "$(dirname "$0")/../minecraft"
# mineflayer wants Node 22; the project brings one.
PATH=$(cd ../.. && pwd -P)/node_modules/node/bin:$PATH
command -v npm >/dev/null || fail "npm is not on PATH"

stamp=node_modules/.installed-lock
if ! cmp -s package-lock.json "$stamp"; then
  echo "minecraft-client: installing (about 500 MB on disk)" >&2
  npm ci --ignore-scripts --no-audit --no-fund >/dev/null || fail "npm ci failed in tests/minecraft"
  # Last, so that an install cut short is done again.
  cp package-lock.json "$stamp"
fi
version() { node -p "require('./node_modules/$1/package.json').version"; }
echo "minecraft-client: ready: flying-squid $(version flying-squid), mineflayer $(version mineflayer)" >&2
