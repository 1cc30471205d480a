/** Decides what limits disks on this node, once for each start of the agent. */
import type { AgentConfig } from "../config.ts";
import type { Log } from "../log.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import { GAME_OWNER_DEFAULT } from "../runtime/nerdctl/options.ts";
import { DiskUsage } from "../stats/disk-usage.ts";
import { readDiskFacts, softLimitCause } from "./capability.ts";
import { LoopImages } from "./loop-images.ts";
import { ServerDisks, type ServerDisksOptions } from "./server-disks.ts";

const SOFT = "This server's disk limit is soft: it is measured, and a server beyond it is not started again.";

async function softReason(config: AgentConfig, runtime: ContainerRuntime): Promise<string | null> {
  if (runtime.name === "process") return `${SOFT} Games run without containers on this node.`;
  if (config.agent.disk_limit === "soft") return `${SOFT} This node is set to soft limits.`;
  const cause = softLimitCause(await readDiskFacts());
  return cause && `${SOFT} This node cannot set hard ones.`;
}

export async function openDisks(
  config: AgentConfig,
  runtime: ContainerRuntime,
  log: Log,
  onChange: ServerDisksOptions["onChange"],
): Promise<ServerDisks> {
  const reason = await softReason(config, runtime);
  if (reason !== null) log.warn({ reason }, "disk limits are soft");
  const hard = new LoopImages({ gameOwner: GAME_OWNER_DEFAULT, isReserved: config.agent.disk_reserve, log });
  return new ServerDisks({ hard, softReason: reason, folders: new DiskUsage(), log, onChange });
}
