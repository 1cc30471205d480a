/** Looks up what the node's kernel can do about limits. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCpuList } from "../../../protocol/cpu-list.ts";
import { type Mount, parseCgroupMounts } from "./cgroup.ts";
import type { NodeLimits } from "./limits.ts";

const ONLINE_CPUS = "/sys/devices/system/cpu/online";

/** The weight's file is in every cgroup but the topmost, so one below has to be looked at. */
function unifiedWeight(folder: string): NodeLimits["ioWeight"] {
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const has = (file: string) => below.some(({ name }) => existsSync(join(folder, name, file)));
  if (has("io.bfq.weight")) return "bfq";
  return has("io.weight") ? "iocost" : null;
}

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
