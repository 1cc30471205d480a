import type { Finding } from "../../../protocol/findings.ts";

/**
 * Commands that answer a finding, by its id. They are the panel's own: a node that was taken over must not be able to
 * put a command into an administrator's clipboard.
 */
const COMMANDS: Record<string, string> = {
  containerd: "sudo systemctl enable --now containerd && systemctl status containerd",
  iptables: "sudo apt-get install -y iptables",
  tini: "sudo apt-get install -y tini",
  perl: "sudo apt-get install -y perl-base",
  mkfifo: "sudo apt-get install -y coreutils",
  "network-plugins": "sudo apt-get install -y containernetworking-plugins",
  overlayfs: "sudo modprobe overlay && echo overlay | sudo tee /etc/modules-load.d/overlay.conf",
  clock: "sudo timedatectl set-ntp true",
  service: "sudo systemctl enable --now catalyst-agent",
  "disk-space": "df -h",
  "disk-inodes": "df -i",
};

export function remedyCommand({ id, level }: Finding): string | null {
  return level === "ok" ? null : (COMMANDS[id] ?? null);
}

const RANK: Record<Finding["level"], number> = { error: 0, warning: 1, ok: 2 };

/** The worst first, else as the node told them. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => RANK[a.level] - RANK[b.level]);
}
