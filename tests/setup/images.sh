#!/usr/bin/env bash
# Builds the test images from files of this host, with no image registry, and loads
# them into the containerd of containerd.sh (start that first).
#
#   images.sh [--namespace NAME]     default catalyst
#
#   catalyst-test/echo:1    busybox
#   catalyst-test/node:24   busybox, Node 22 or newer, npm
#
# Both run as user 988 (`container`, home /data). An image is built again only when its inputs
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

# This script is an input too: it decides what goes into an image.
echo_hash=$(cat "$0" "$busybox" | sha256sum | cut -c1-16)
node_hash=$({ cat "$0" "$busybox" "$node" "$npm/package.json"; cat $certificates 2>/dev/null || true; echo "$registry"; } | sha256sum | cut -c1-16)

if [ "$(loaded_hash catalyst-test/echo:1)" != "$echo_hash" ]; then
  say "building catalyst-test/echo:1"
  base_files "$work/root"
  load catalyst-test/echo:1 "$echo_hash"
fi
if [ "$(loaded_hash catalyst-test/node:24)" != "$node_hash" ]; then
  say "building catalyst-test/node:24 from $("$node" --version)"
  base_files "$work/root"
  node_files "$work/root"
  # The host's certificates: its network may have an authority of its own.
  load catalyst-test/node:24 "$node_hash" --config.env NODE_EXTRA_CA_CERTS=$certificates \
    --config.env "npm_config_registry=$registry" --config.env npm_config_update_notifier=false
fi
say "ready in namespace $namespace: catalyst-test/echo:1, catalyst-test/node:24"
