/** Live figures of one server: what the kernel counts, and rates between two looks. */
import { setTimeout as delay } from "node:timers/promises";
import type { ResourceStats } from "../../protocol/frames/shared.ts";
import type { Disks } from "../disk/server-disks.ts";
import type { ServerActor } from "../power/server-actor.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";

const MB = 1024 * 1024;
/** An older look says nothing about now. */
const LOOK_MAX_AGE_MS = 10_000;
const FIRST_LOOK_MS = 200;
const US_PER_MS = 1_000;

interface Look {
  runId: string | null;
  cpuUsageUs: number;
  at: number;
}

export class ResourceSampler {
  readonly #runtime: ContainerRuntime;
  readonly #disks: Pick<Disks, "read">;
  readonly #looks = new Map<string, Look>();

  constructor(runtime: ContainerRuntime, disks: Pick<Disks, "read">) {
    this.#runtime = runtime;
    this.#disks = disks;
  }

  async sample(actor: ServerActor): Promise<ResourceStats> {
    const { spec, status } = actor;
    const isAlive = status.state === "running" || status.state === "starting" || status.state === "stopping";
    let usage = isAlive ? await this.#runtime.usage(spec.id) : null;
    if (usage && !this.#previous(spec.id, status.runId)) {
      this.#remember(spec.id, status.runId, usage.cpuUsageUs);
      await delay(FIRST_LOOK_MS);
      usage = await this.#runtime.usage(spec.id);
    }
    const cpuPercent = usage ? this.#cpuPercent(spec.id, status.runId, usage.cpuUsageUs) : 0;
    if (!usage) this.#looks.delete(spec.id);
    const disk = await this.#disks.read(spec, actor.paths);
    return {
      type: "resource_stats",
      serverId: spec.id,
      cpuPercent,
      memoryBytes: usage?.memoryBytes ?? 0,
      memoryLimitBytes: usage?.memoryLimitBytes ?? (spec.memoryMb + spec.memoryHeadroomMb) * MB,
      networkRxBytes: usage?.networkRxBytes ?? 0,
      networkTxBytes: usage?.networkTxBytes ?? 0,
      diskBytes: disk.usedBytes,
      diskLimitBytes: disk.limitBytes,
      diskLimitKind: disk.kind,
      diskState: disk.state,
      diskNotice: disk.notice,
      processCount: usage?.processCount ?? 0,
      uptimeMs: usage && status.startedAt !== null ? Math.max(0, Date.now() - status.startedAt) : 0,
      timestamp: Date.now(),
    };
  }

  forget(serverId: string): void {
    this.#looks.delete(serverId);
  }

  #previous(serverId: string, runId: string | null): Look | null {
    const look = this.#looks.get(serverId);
    return look && look.runId === runId && performance.now() - look.at < LOOK_MAX_AGE_MS ? look : null;
  }

  #remember(serverId: string, runId: string | null, cpuUsageUs: number): void {
    this.#looks.set(serverId, { runId, cpuUsageUs, at: performance.now() });
  }

  /** 100 is one whole core. */
  #cpuPercent(serverId: string, runId: string | null, cpuUsageUs: number): number {
    const look = this.#previous(serverId, runId);
    this.#remember(serverId, runId, cpuUsageUs);
    if (!look) return 0;
    const elapsedUs = (performance.now() - look.at) * US_PER_MS;
    // A process that ended takes its time out of a sum over processes.
    const percent = elapsedUs > 0 ? (Math.max(0, cpuUsageUs - look.cpuUsageUs) / elapsedUs) * 100 : 0;
    return Math.round(percent * 10) / 10;
  }
}
