/** What containers need of the kernel. */
import { readFile } from "node:fs/promises";
import { release } from "node:os";
import type { Finding } from "../../protocol/findings.ts";
import { ok, warning } from "./finding.ts";

const readText = (file: string) => readFile(file, "utf8").catch(() => "");

export interface KernelFacts {
  release: string;
  /** `/proc/self/status` */
  status: string;
  /** `/proc/filesystems` */
  fileSystems: string;
  /** `/proc/sys/user/max_user_namespaces`; empty where the kernel has none. */
  maxUserNamespaces: string;
}

export function judgeKernel(facts: KernelFacts): Finding[] {
  const hasSeccomp = /^Seccomp:/m.test(facts.status);
  const hasOverlay = /\boverlay$/m.test(facts.fileSystems);
  const userNamespaces = Number(facts.maxUserNamespaces.trim() || 0);
  return [
    ok("kernel", "Kernel", facts.release),
    hasSeccomp
      ? ok("seccomp", "System call filter", "The kernel can keep system calls from games (seccomp).")
      : warning(
          "seccomp",
          "System call filter",
          "The kernel lacks seccomp: games can make every system call.",
          "Use a kernel with CONFIG_SECCOMP_FILTER, as distributions ship it.",
        ),
    hasOverlay
      ? ok("overlayfs", "Layered images", "The kernel has overlayfs.")
      : warning(
          "overlayfs",
          "Layered images",
          "overlayfs is not loaded: images take longer and more disk.",
          "Load it, and see that it is loaded at each boot.",
        ),
    // Off is a hardening that some choose; nothing of Catalyst's needs them.
    ok("user-namespaces", "User namespaces", userNamespaces > 0 ? "Available." : "Switched off; not needed."),
  ];
}

export async function checkKernel(): Promise<Finding[]> {
  const [status, fileSystems, maxUserNamespaces] = await Promise.all([
    readText("/proc/self/status"),
    readText("/proc/filesystems"),
    readText("/proc/sys/user/max_user_namespaces"),
  ]);
  return judgeKernel({ release: release(), status, fileSystems, maxUserNamespaces });
}
