/** Changes the limits of a container while its game runs. */
import type { ServerSpec } from "../../../protocol/spec.ts";
import type { KeptLimit } from "../container-runtime.ts";
import { cgroupOfContainer, readUsage } from "./cgroup.ts";
import type { NerdctlCli } from "./cli.ts";
import type { Container } from "./containers.ts";
import { liveChanges } from "./limits.ts";
import { readNodeLimits } from "./node-limits.ts";

/** @returns the limits that stay what they were until the next start, and why. */
export async function updateLimits(cli: NerdctlCli, container: Container, spec: ServerSpec): Promise<KeptLimit[]> {
  const cgroup = await cgroupOfContainer(container.pid, container.id);
  const usage = cgroup && (await readUsage(cgroup, container.pid));
  const use = usage?.memoryLimitBytes ? { limitBytes: usage.memoryLimitBytes, usedBytes: usage.memoryBytes } : null;
  const { groups, kept } = liveChanges(spec, readNodeLimits(), use);
  const update = async (...limits: string[]) => (await cli.call(["update", ...limits, container.id])).code === 0;
  if (await update(...groups.flatMap((group) => group.arguments))) return kept;
  // One that the kernel refuses must not keep the others from being changed.
  for (const group of groups) {
    if (await update(...group.arguments)) continue;
    kept.push(
      ...group.fields.map((field) => ({ field, reason: "The node's kernel refused it while the server runs." })),
    );
  }
  return kept;
}
