/** What the agent is told of a run, from its record or its container. */
import type { RuntimeStatus } from "../container-runtime.ts";
import type { Container } from "./containers.ts";
import { exitStatus } from "./exit-status.ts";
import type { RunRecord, RunRecords } from "./run-records.ts";

export function runningStatus({ serverId, runId, startedAt }: RunRecord): RuntimeStatus {
  return { serverId, isRunning: true, runId, startedAt, exit: null };
}

export function stoppedStatus({ serverId, runId, startedAt, exit }: RunRecord): RuntimeStatus {
  return { serverId, isRunning: false, runId, startedAt, exit };
}

/** How a run ended is taken from its record where it was noted: containerd does not know of the want of memory. */
export async function containerStatus(container: Container, records: RunRecords): Promise<RuntimeStatus> {
  const { serverId, runId, startedAt, isRunning, exitCode, finishedAt } = container;
  if (isRunning) return { serverId, isRunning, runId, startedAt, exit: null };
  const record = await records.read(serverId);
  const known = record?.runId === runId ? record.exit : null;
  const exit = known ?? (exitCode === null ? null : exitStatus(exitCode, finishedAt ?? Date.now(), false));
  return { serverId, isRunning, runId, startedAt, exit };
}
