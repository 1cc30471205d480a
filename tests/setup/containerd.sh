#!/usr/bin/env bash
# Runs a containerd for the tests: a plain process with its own root, state, socket,
# CNI networks and nerdctl data, so it needs no systemd and meets no other containerd.
#
#   eval "$(containerd.sh start [--state DIR])"   start it unless it answers already
#   containerd.sh status [--state DIR]            the same exports; exit code 1 if it is down
#   containerd.sh stop [--state DIR]              remove its containers, then end it
#
# start and status print `export NAME=VALUE` lines for nerdctl. The folder is
# $CATALYST_CONTAINERD_DIR, or /var/lib/catalyst-test-containerd; images in it stay.
set -euo pipefail

fail() { echo "containerd.sh: $*" >&2; exit 1; }

START_DEADLINE_SECONDS=30
STOP_DEADLINE_SECONDS=20

action=${1:-}
[ $# -eq 0 ] || shift
dir=${CATALYST_CONTAINERD_DIR:-/var/lib/catalyst-test-containerd}
while [ $# -gt 0 ]; do
  case $1 in
    --state) dir=${2:?"--state needs a folder"}; shift 2 ;;
    *) fail "unknown argument '$1'" ;;
  esac
done
[ "$(id -u)" = 0 ] || fail "run as root"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
socket=$dir/containerd.sock
[ ${#socket} -lt 100 ] || fail "the path $socket is too long for a Unix socket; choose a shorter --state"
pid_file=$dir/containerd.pid
log=$dir/containerd.log
# A caller may be configured for another containerd.
unset CONTAINERD_ADDRESS CONTAINERD_NAMESPACE

# The pid is ours only while it runs with our configuration: pids are reused.
running() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) && [ -n "$pid" ] &&
    [ "$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" || true)" = "containerd --config $dir/containerd.toml " ]
}
answers() { timeout 5 ctr --address "$socket" version >/dev/null 2>&1; }
lock() {
  exec 9>"$dir/lock"
  flock -w 60 9 || fail "another start or stop holds $dir/lock"
}
wait_until() { # seconds, command
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

print_environment() {
  printf 'export %s=%q\n' CONTAINERD_ADDRESS "$socket" NERDCTL_TOML "$dir/nerdctl.toml" \
    CNI_PATH "$cni_path" NETCONFPATH "$dir/netconf" CATALYST_CONTAINERD_DIR "$dir"
}

find_cni_plugins() {
  local candidate
  for candidate in "${CNI_PATH:-}" /usr/lib/cni /usr/local/libexec/cni /opt/cni/bin; do
    if [ -x "$candidate/bridge" ]; then cni_path=$candidate; return; fi
  done
  fail "no CNI plugins found (run container-tools.sh)"
}

# Another nerdctl of the host has its default bridge at nerdctl0 and 10.4.0.0/24, so
# this one gets a name, a subnet and an address book made from the folder's path.
write_default_network() {
  local sum
  sum=$(printf %s "$dir" | cksum | cut -d' ' -f1)
  bridge=ctest$((sum % 1000000000))
  [ ! -f "$dir/netconf/nerdctl-bridge.conflist" ] || return 0
  cat >"$dir/netconf/nerdctl-bridge.conflist" <<JSON
{
  "cniVersion": "1.0.0", "name": "bridge",
  "nerdctlID": "$(printf bridge | sha256sum | cut -d' ' -f1)", "nerdctlLabels": { "nerdctl/default-network": "true" },
  "plugins": [
    { "type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": true, "hairpinMode": true,
      "ipam": { "type": "host-local", "dataDir": "$dir/addresses", "routes": [{ "dst": "0.0.0.0/0" }],
        "ranges": [[{ "subnet": "10.$((64 + sum % 64)).$((sum / 64 % 256)).0/24" }]] } },
    { "type": "portmap", "capabilities": { "portMappings": true } },
    { "type": "firewall", "ingressPolicy": "same-bridge" },
    { "type": "tuning" }
  ]
}
JSON
}

write_configuration() {
  # CRI and NRI listen at addresses that every containerd of a host would share,
  # and nerdctl uses neither.
  cat >"$dir/containerd.toml" <<TOML
version = 4
imports = []
root = '$dir/root'
state = '$dir/state'
disabled_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime',
  'io.containerd.nri.v1.nri', 'io.containerd.server.v1.grpc-tcp']

[plugins.'io.containerd.server.v1.grpc']
address = '$socket'
[plugins.'io.containerd.server.v1.ttrpc']
address = '$socket.ttrpc'
[plugins.'io.containerd.internal.v1.opt']
path = '$dir/opt'
TOML
  cat >"$dir/nerdctl.toml" <<TOML
address = '$socket'
data_root = '$dir/nerdctl'
cni_path = '$cni_path'
cni_netconfpath = '$dir/netconf'
TOML
}

start() {
  local tool
  for tool in containerd containerd-shim-runc-v2 ctr nerdctl runc; do
    command -v $tool >/dev/null || fail "$tool is not on PATH (run container-tools.sh)"
  done
  mkdir -p "$dir"/{root,state,netconf,nerdctl}
  write_default_network
  if ! running; then
    write_configuration
    # A new session, so that no terminal or test runner's group ends it.
    setsid containerd --config "$dir/containerd.toml" </dev/null >>"$log" 2>&1 9>&- &
    echo $! >"$pid_file"
  fi
  # Not `running`: a process just forked has another command line for an instant.
  alive_and_answers() { kill -0 "$(cat "$pid_file")" 2>/dev/null || fail "containerd ended: $(tail -n1 "$log")"; answers; }
  wait_until $START_DEADLINE_SECONDS alive_and_answers || fail "no answer in ${START_DEADLINE_SECONDS}s, see $log"
}

# Our shims name our socket in their command line.
shim_pids() { pgrep -f "^[^ ]*containerd-shim-runc-v2 .*-address $socket( |\$)" || true; }

remove_containers() {
  local namespace ids
  export NERDCTL_TOML=$dir/nerdctl.toml
  for namespace in $(ctr --address "$socket" namespaces list --quiet 2>/dev/null); do
    ids=$(nerdctl --namespace "$namespace" ps --all --quiet)
    # shellcheck disable=SC2086 # one argument an id
    [ -z "$ids" ] || nerdctl --namespace "$namespace" rm --force $ids >/dev/null || true
  done
}

stop() {
  local pid target
  # Containers outlive a containerd that was killed. Only nerdctl's own removal gives
  # back addresses, port rules and held ports, so it is started again for that.
  if ! running && [ -n "$(shim_pids)" ]; then start; fi
  if running; then
    ! answers || remove_containers
    pid=$(cat "$pid_file")
    kill "$pid"
    wait_until $STOP_DEADLINE_SECONDS eval '! running' || kill -9 "$pid"
  fi
  for pid in $(shim_pids); do
    pkill -9 -P "$pid" || true
    kill -9 "$pid" 2>/dev/null || true
  done
  # Deepest first: a container's root lies below its bundle.
  awk -v below="$dir/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
    while read -r target; do umount -l "$target" || true; done
  if [ -d "$dir/netconf" ]; then
    write_default_network
    ip link delete "$bridge" 2>/dev/null || true
  fi
  rm -rf "$dir/state" "$socket" "$socket.ttrpc" "$pid_file"
}

case $action in
  start) find_cni_plugins; lock; start; print_environment ;;
  stop) find_cni_plugins; lock; stop ;;
  status) { running && answers; } || fail "not running in $dir"; find_cni_plugins; print_environment ;;
  *) fail "usage: containerd.sh start|stop|status [--state DIR]" ;;
esac
