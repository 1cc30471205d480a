/** Looks up what the node's kernel can do about limits. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCpuList } from "../../../protocol/cpu-list.ts";
import { type Mount, parseCgroupMounts } from "./cgroup.ts";
import type { NodeLimits } from "./limits.ts";

const ONLINE_CPUS = "/sys/devices/system/cpu/online";

/** Whether the cost model is on for a disk; where it is not the kernel takes weights and does nothing with them. */
function hasCostModel(folder: string): boolean {
  const file = join(folder, "io.cost.qos");
  return existsSync(file) && /\benable=1\b/.test(readFileSync(file, "utf8"));
}

/** The weight's file is in every cgroup but the topmost, so one below has to be looked at. */
function unifiedWeight(folder: string): NodeLimits["ioWeight"] {
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const has = (file: string) => below.some(({ name }) => existsSync(join(folder, name, file)));
  // runc writes to this one where there are both.
  if (has("io.bfq.weight")) return "bfq";
  return has("io.weight") && hasCostModel(folder) ? "iocost" : null;
}

/** How this node weighs its servers' use of disks; null when weights would be for nothing. */
export function ioWeightKind(mounts: readonly Mount[]): NodeLimits["ioWeight"] {
  const v1 = mounts.find(({ version, controllers }) => version === 1 && controllers.includes("blkio"));
  // nerdctl goes by this file, whatever the name under which the kernel would take the weight.
  if (v1) return existsSync(join(v1.folder, "blkio.weight")) ? "bfq" : null;
  const unified = mounts.find(({ version }) => version === 2);
  return unified ? unifiedWeight(unified.folder) : null;
}

export function readNodeLimits(): NodeLimits {
  return {
    cpus: parseCpuList(readFileSync(ONLINE_CPUS, "utf8").trim()),
    ioWeight: ioWeightKind(parseCgroupMounts(readFileSync("/proc/self/mountinfo", "utf8"))),
  };
}
