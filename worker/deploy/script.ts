import type { AgentManifest } from "./agent-bundle.ts";

/** Versions that a new node gets; `--nerdctl-bundle` and `--node-archive` put others in their place. */
const NERDCTL_VERSION = "2.3.5";
const NODE_MAJOR = 24;

export interface DeployScriptOptions {
  /** Origin of the panel as the node reaches it. */
  panelUrl: string;
  token: string;
  manifest: AgentManifest;
}

/** A word that the shell takes literally. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * The script that makes a machine a node: tools, container runtime, agent, enrolment, service.
 *
 * Everything happens in `main`, called on the last line, so a download cut short does nothing. It can be run again
 * with a fresh token at any time; what is there in a version that serves is left alone. The token is used by the
 * agent's enrolment alone, as late as possible: whatever fails before that can be repeated with the same link.
 */
export function deployScript({ panelUrl, token, manifest }: DeployScriptOptions): string {
  return `#!/usr/bin/env bash
# Makes this machine a node of the Catalyst panel at ${panelUrl}
set -euo pipefail

PANEL_URL=${quoted(panelUrl)}
DEPLOYMENT_TOKEN=${quoted(token)}
AGENT_VERSION=${quoted(manifest.version)}
AGENT_SHA256=${quoted(manifest.sha256)}
LAUNCHER_SHA256=${quoted(manifest.launcher.sha256)}
NERDCTL_VERSION=${quoted(NERDCTL_VERSION)}
NODE_MAJOR=${NODE_MAJOR}
${BODY}`;
}

const BODY = `NODE_MINIMUM=22
HOME_DIR=/opt/catalyst-agent
DATA_DIR=/var/lib/catalyst
UNIT=/etc/systemd/system/catalyst-agent.service

say() { printf 'catalyst: %s\\n' "$*" >&2; }
fail() { printf 'catalyst: %s\\n' "$*" >&2; exit 1; }

usage() {
  cat >&2 <<'END'
Options, to be given after "bash -s --":
  --nerdctl-bundle URL|FILE   nerdctl-full archive to install containerd and nerdctl from
  --node-archive URL|FILE     Node.js archive (.tar.gz or .tar.xz) to use when Node.js 22 or newer is missing
  --data-dir DIR              where game servers live (default /var/lib/catalyst)
  --no-containers             do not install containerd and nerdctl
  --help
END
}

# Downloads an address, or copies a file, to a path.
fetch() {
  case $1 in
    http://* | https://*)
      if command -v curl >/dev/null; then
        curl --fail --silent --show-error --location --retry 3 --connect-timeout 20 --output "$2" "$1"
      elif command -v wget >/dev/null; then
        wget --quiet --tries=3 --timeout=20 --output-document="$2" "$1"
      else
        fail 'curl or wget is needed'
      fi
      ;;
    *) cp -- "$1" "$2" ;;
  esac
}

# check_sum FILE SHA256
check_sum() {
  printf '%s  %s\\n' "$2" "$1" | sha256sum --check --status
}

architecture() {
  case $(uname -m) in
    x86_64 | amd64) echo amd64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) fail "the processor $(uname -m) is not supported" ;;
  esac
}

node_serves() {
  local major
  major=$("$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null) || return 1
  [ "$major" -ge "$NODE_MINIMUM" ] 2>/dev/null
}

# Sets NODE to a Node.js that serves, installing one beside the agent if need be.
find_node() {
  local candidate
  for candidate in "$HOME_DIR/node/bin/node" "$(command -v node || true)"; do
    if [ -n "$candidate" ] && node_serves "$candidate"; then
      NODE=$candidate
      return
    fi
  done
  local archive=$node_archive suffix sums name base
  if [ -z "$archive" ]; then
    base="https://nodejs.org/dist/latest-v$NODE_MAJOR.x"
    suffix=linux-x64.tar.gz
    [ "$(architecture)" = arm64 ] && suffix=linux-arm64.tar.gz
    say "installing Node.js $NODE_MAJOR beside the agent"
    fetch "$base/SHASUMS256.txt" "$work/node-sums" ||
      fail "Node.js $NODE_MINIMUM or newer is missing and could not be downloaded. Install it, or give --node-archive URL|FILE"
    read -r sums name < <(grep " node-v[0-9.]*-$suffix\\$" "$work/node-sums") || fail "nodejs.org lists no archive for $suffix"
    fetch "$base/$name" "$work/node.tar" || fail "could not download $base/$name"
    check_sum "$work/node.tar" "$sums" || fail "the Node.js archive is damaged: its SHA-256 is not the one listed"
  else
    fetch "$archive" "$work/node.tar" || fail "could not read $archive"
  fi
  rm -rf "$work/node" && mkdir -p "$work/node"
  tar -xf "$work/node.tar" -C "$work/node" --strip-components=1 || fail 'the Node.js archive could not be unpacked'
  node_serves "$work/node/bin/node" || fail "this is not Node.js $NODE_MINIMUM or newer: $archive"
  rm -rf "$HOME_DIR/node"
  mv "$work/node" "$HOME_DIR/node"
  NODE=$HOME_DIR/node/bin/node
}

install_containers() {
  if command -v containerd >/dev/null && command -v nerdctl >/dev/null; then
    say "containerd and nerdctl are already here"
  else
    local bundle=$nerdctl_bundle base name sum
    if [ -z "$bundle" ]; then
      base="https://github.com/containerd/nerdctl/releases/download/v$NERDCTL_VERSION"
      name="nerdctl-full-$NERDCTL_VERSION-linux-$(architecture).tar.gz"
      say "downloading $name"
      fetch "$base/SHA256SUMS" "$work/nerdctl-sums" ||
        fail "nerdctl could not be downloaded. Give --nerdctl-bundle URL|FILE, or --no-containers"
      sum=$(awk -v name="$name" '$2 == name { print $1 }' "$work/nerdctl-sums")
      [ -n "$sum" ] || fail "the release lists no $name"
      fetch "$base/$name" "$work/nerdctl.tar.gz" || fail "could not download $base/$name"
      check_sum "$work/nerdctl.tar.gz" "$sum" || fail "$name is damaged: its SHA-256 is not the one listed"
    else
      fetch "$bundle" "$work/nerdctl.tar.gz" || fail "could not read $bundle"
    fi
    tar -xzf "$work/nerdctl.tar.gz" -C /usr/local || fail 'the nerdctl bundle could not be unpacked'
    command -v nerdctl >/dev/null || fail 'the bundle holds no nerdctl'
  fi
  # The bundle's tini is a static one under the plain name.
  if ! command -v tini-static >/dev/null && [ -x /usr/local/bin/tini ]; then
    ln -s tini /usr/local/bin/tini-static
  fi
  if [ -f /usr/local/lib/systemd/system/containerd.service ] || systemctl cat containerd >/dev/null 2>&1; then
    systemctl daemon-reload
    systemctl enable --now containerd >/dev/null 2>&1 || fail 'containerd does not start. See: journalctl -u containerd'
  fi
}

# Programs that the agent and its containers call, with the packages of Debian and Ubuntu that hold them. What cannot be
# installed is named again by the health check at the end.
install_tools() {
  local missing=() tool package
  while read -r tool package; do
    command -v "$tool" >/dev/null || missing+=("$package")
  done < <(
    printf '%s\\n' 'perl perl-base' 'flock util-linux' 'setsid util-linux' 'mkfifo coreutils'
    [ "$runtime" = auto ] || printf '%s\\n' 'iptables iptables' 'tini-static tini'
  )
  if [ "\${#missing[@]}" -gt 0 ] && command -v apt-get >/dev/null; then
    say "installing \${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends "\${missing[@]}" >/dev/null 2>&1 ||
      { apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends "\${missing[@]}" >/dev/null 2>&1; } ||
      say "could not install \${missing[*]}"
  fi
}

# put FILE PATH: replaces a program, whole or not at all.
put() {
  install -m 0755 "$1" "$2.new"
  mv -f "$2.new" "$2"
}

install_agent() {
  say "installing the agent $AGENT_VERSION"
  fetch "$PANEL_URL/agent/catalyst-agent.mjs" "$work/catalyst-agent.mjs" || fail "the agent could not be downloaded from $PANEL_URL"
  check_sum "$work/catalyst-agent.mjs" "$AGENT_SHA256" || fail 'the downloaded agent is damaged: its SHA-256 is not the one of this panel'
  fetch "$PANEL_URL/agent/catalyst-agent.sh" "$work/catalyst-agent.sh" || fail "the agent's launcher could not be downloaded from $PANEL_URL"
  check_sum "$work/catalyst-agent.sh" "$LAUNCHER_SHA256" || fail "the downloaded launcher is damaged: its SHA-256 is not the one of this panel"
  # An update on trial is over: what is installed now is what runs.
  rm -f "$HOME_DIR/update-trial" "$HOME_DIR/update-confirmed" "$HOME_DIR/update-starts" "$HOME_DIR/catalyst-agent.next.mjs"
  put "$work/catalyst-agent.mjs" "$HOME_DIR/catalyst-agent.mjs"
  put "$work/catalyst-agent.sh" "$HOME_DIR/catalyst-agent"
  if [ ! -f "$HOME_DIR/config.toml" ]; then
    (
      umask 077
      printf '[panel]\\nurl = "%s"\\n\\n[agent]\\ndata_dir = "%s"\\nruntime = "%s"\\n' "$PANEL_URL" "$data_dir" "$runtime" \\
        >"$HOME_DIR/config.toml"
    )
  fi
}

enroll() {
  say "enrolling at $PANEL_URL"
  CATALYST_NODE=$NODE "$HOME_DIR/catalyst-agent" enroll --url "$PANEL_URL" --token "$DEPLOYMENT_TOKEN" \\
    --config "$HOME_DIR/config.toml" </dev/null || fail 'the panel did not accept this machine'
  chmod 600 "$HOME_DIR/config.toml"
}

# KillMode=process: games and their loggers outlive the agent when it restarts. No PrivateTmp, ProtectSystem or the like:
# they give the service mounts of its own, and containers would not see the disks that it mounts.
install_service() {
  cat >"$UNIT" <<END
[Unit]
Description=Catalyst agent
Documentation=$PANEL_URL/api/docs
After=network-online.target containerd.service
Wants=network-online.target
# Never given up: a new agent that crashes is replaced by the one before after a few starts.
StartLimitIntervalSec=0

[Service]
ExecStart=$HOME_DIR/catalyst-agent run --config $HOME_DIR/config.toml
Environment=NODE_ENV=production
Environment=CATALYST_NODE=$NODE
Environment=CATALYST_AGENT_SUPERVISOR=systemd
Restart=always
RestartSec=2
KillMode=process
LimitNOFILE=1048576

[Install]
WantedBy=multi-user.target
END
  systemctl daemon-reload
  systemctl enable catalyst-agent >/dev/null 2>&1
  systemctl restart catalyst-agent || fail 'the agent does not start. See: journalctl -u catalyst-agent'
}

# Says what this machine lacks; the panel shows it too.
check_health() {
  CATALYST_NODE=$NODE CATALYST_AGENT_SUPERVISOR=systemd "$HOME_DIR/catalyst-agent" preflight \\
    --config "$HOME_DIR/config.toml" </dev/null 2>&1 | grep -E '^(warning|error) ' >&2 || true
}

main() {
  local nerdctl_bundle='' node_archive='' data_dir=$DATA_DIR runtime=nerdctl
  while [ $# -gt 0 ]; do
    case $1 in
      --nerdctl-bundle) nerdctl_bundle=\${2:?"--nerdctl-bundle needs a URL or a file"}; shift 2 ;;
      --node-archive) node_archive=\${2:?"--node-archive needs a URL or a file"}; shift 2 ;;
      --data-dir) data_dir=\${2:?"--data-dir needs a folder"}; shift 2 ;;
      --no-containers) runtime=auto; shift ;;
      --help) usage; exit 0 ;;
      *) usage; fail "unknown option $1" ;;
    esac
  done
  case $data_dir in
    *[!A-Za-z0-9/._-]* | [!/]*) fail '--data-dir must be an absolute path of letters, digits and / . _ -' ;;
  esac
  [ "$(uname -s)" = Linux ] || fail 'nodes run Linux'
  [ "$(id -u)" = 0 ] || fail 'run this as root, for example with sudo'
  command -v systemctl >/dev/null || fail 'this machine has no systemd, which keeps the agent running'
  local tool
  for tool in tar sha256sum awk install; do
    command -v "$tool" >/dev/null || fail "the tool $tool is missing"
  done
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$HOME_DIR" "$data_dir"

  NODE=
  find_node
  [ "$runtime" = auto ] || install_containers
  install_tools
  install_agent
  enroll
  install_service
  check_health
  say 'done: this machine is a node now. Its log: journalctl -u catalyst-agent'
}

main "$@"
`;

/** What a link that is no longer good answers: it is piped to a shell, so it must be a script too. */
export function refusingScript(sentence: string): string {
  return `#!/usr/bin/env bash\nprintf 'catalyst: %s\\n' ${quoted(sentence)} >&2\nexit 1\n`;
}
