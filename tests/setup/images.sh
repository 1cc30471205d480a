#!/usr/bin/env bash
# Builds the test images from files of this host, with no image registry, and loads
# them into the containerd of containerd.sh (start that first).
#
#   images.sh [--namespace NAME]     default catalyst
#
#   catalyst-test/echo:1    busybox
#   catalyst-test/node:24   busybox, Node 22 or newer, npm
#   catalyst-test/squid:1   the same, and a Minecraft server in /opt/server, if
#                           minecraft-client.sh has installed it
#
# All run as user 988 (`container`, home /data). An image is built again only when its inputs
# changed: their hash is a label of the image.
set -euo pipefail

fail() { echo "images: $*" >&2; exit 1; }
say() { echo "images: $*" >&2; }

namespace=catalyst
while [ $# -gt 0 ]; do
  case $1 in
    --namespace) namespace=${2:?"--namespace needs a name"}; shift 2 ;;
    *) fail "unknown argument '$1' (usage: images.sh [--namespace NAME])" ;;
  esac
done
here=$(cd "$(dirname "$0")" && pwd -P)
project=$(cd "$here/../.." && pwd -P)
environment=$("$here/containerd.sh" status) || fail "containerd is not running (containerd.sh start)"
eval "$environment"

find_node() {
  local candidate
  for candidate in "$project/node_modules/node/bin/node" "$(command -v node || true)"; do
    if [ -x "$candidate" ] && [ "$("$candidate" -p 'process.versions.node.split(".")[0]')" -ge 22 ]; then
      realpath "$candidate"
      return
    fi
  done
  fail "no Node 22 or newer (npm ci in the project, or put one on PATH)"
}
node=$(find_node)
npm=$(dirname "$(dirname "$(realpath "$(command -v npm || fail "npm is not on PATH")")")")
busybox=$(command -v busybox) || fail "busybox is not on PATH (run container-tools.sh)"
certificates=/etc/ssl/certs/ca-certificates.crt
registry=$(cd / && npm config get registry)
minecraft=$project/tests/minecraft

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

base_files() { # root
  local applet
  mkdir -p "$1"/{bin,usr/bin,usr/local/bin,etc,run,proc,sys,dev}
  install -m 1777 -d "$1/tmp"
  install -o 988 -g 988 -d "$1/data"
  cp "$busybox" "$1/bin/busybox"
  for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
  done
  ln -s /bin/busybox "$1/usr/bin/env" # where `#!/usr/bin/env` looks
  printf 'root:x:0:0::/:/bin/sh\ncontainer:x:988:988::/data:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\ncontainer:x:988:\n' >"$1/etc/group"
  echo 'hosts: files dns' >"$1/etc/nsswitch.conf"
}

node_files() { # root
  local library modules=$1/usr/local/lib/node_modules
  cp "$node" "$1/usr/local/bin/node"
  # Each library goes where the loader of this host looks for it.
  ldd "$node" | grep -oE '/[^ ]+' | while read -r library; do install -D "$library" "$1$library"; done
  mkdir -p "$modules"
  cp -R "$npm" "$modules/npm"
  rm -rf "$modules/npm"/{docs,man}
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$1/usr/local/bin/npx"
  [ ! -f $certificates ] || install -D -m 644 $certificates "$1$certificates"
}

minecraft_files() { # root
  local server=$1/opt/server data
  mkdir -p "$server"
  # Bedrock's data alone is 330 MB; of Java's, only what the server's version refers to is kept.
  tar -C "$minecraft" --exclude='data/bedrock/[0-9]*' --exclude=.cache -cf - node_modules package.json | tar -C "$server" -xf -
  data=$server/node_modules/minecraft-data/minecraft-data/data
  "$node" - "$server" "$data" <<'JS'
const { readdirSync, rmSync } = require("node:fs");
const [server, data] = process.argv.slice(2);
const { version } = require(`${server}/node_modules/flying-squid/config/default-settings.json`);
const keep = new Set(["pc/common", "pc/latest", ...Object.values(require(`${data}/dataPaths.json`).pc[version])]);
for (const name of readdirSync(`${data}/pc`)) if (!keep.has(`pc/${name}`)) rmSync(`${data}/pc/${name}`, { recursive: true });
JS
}

loaded_hash() { # image
  nerdctl --namespace "$namespace" image inspect "$1" \
    --format '{{index .Config.Labels "catalyst-test.inputs"}}' 2>/dev/null || true
}

# Makes an OCI layout of the folder $work/root and loads it under the name $1.
load() { # image, hash, further arguments of `umoci config`
  local image=$1 hash=$2 layout=$work/layout
  shift 2
  umoci init --layout "$layout"
  umoci new --image "$layout:image"
  umoci insert --image "$layout:image" "$work/root" / >/dev/null
  umoci config --image "$layout:image" --config.user 988:988 --config.workingdir /data --config.cmd /bin/sh \
    --config.env PATH=/usr/local/bin:/usr/bin:/bin --config.env HOME=/data --config.label "catalyst-test.inputs=$hash" "$@"
  umoci gc --layout "$layout" >/dev/null
  # Without containerd's own name, loading calls the image import:TAG.
  sed -i "s|\"annotations\":{|&\"io.containerd.image.name\":\"docker.io/$image\",|" "$layout/index.json"
  tar -C "$layout" -cf "$work/image.tar" .
  nerdctl --namespace "$namespace" load --quiet --input "$work/image.tar" >/dev/null
  export CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1
  # Loading also records the layout's index under a name nobody asks for.
  ctr --address "$CONTAINERD_ADDRESS" --namespace "$namespace" images list --quiet | { grep '^import@' || true; } |
    xargs -r ctr --address "$CONTAINERD_ADDRESS" --namespace "$namespace" images remove >/dev/null
  [ "$(loaded_hash "$image")" = "$hash" ] || fail "$image is not there after loading it"
  rm -rf "$work/root" "$layout" "$work/image.tar"
}


# The arguments of `umoci config` that the images with Node share. The host's
# certificates are in them, because its network may have an authority of its own.
node_config=(--config.env "NODE_EXTRA_CA_CERTS=$certificates" --config.env "npm_config_registry=$registry"
  --config.env npm_config_update_notifier=false)
ready=()

# Builds and loads $1 unless it is there with this hash; the rest are the functions that fill it.
provide() { # image, hash, function...
  local image=$1 hash=$2 fill
  shift 2
  ready+=("$image")
  [ "$(loaded_hash "$image")" != "$hash" ] || return 0
  say "building $image"
  mkdir -p "$work/root"
  for fill in "$@"; do $fill "$work/root"; done
  if [ $# -gt 1 ]; then load "$image" "$hash" "${node_config[@]}"; else load "$image" "$hash"; fi
}

hash_of() { sha256sum | cut -c1-16; }

# This script is an input too: it decides what goes into an image.
echo_hash=$(cat "$0" "$busybox" | hash_of)
node_hash=$({ echo "$echo_hash $registry"; cat "$node" "$npm/package.json" "$certificates" 2>/dev/null || true; } | hash_of)
provide catalyst-test/echo:1 "$echo_hash" base_files
provide catalyst-test/node:24 "$node_hash" base_files node_files
if [ -f "$minecraft/node_modules/.installed-lock" ]; then
  squid_hash=$({ echo "$node_hash"; cat "$minecraft/package-lock.json"; } | hash_of)
  provide catalyst-test/squid:1 "$squid_hash" base_files node_files minecraft_files
fi
say "ready in namespace $namespace: ${ready[*]}"
