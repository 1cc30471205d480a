/**
 * What a run was started with, so that changes which wait for the next start can be told, also by an agent that was
 * not there when it started. Pure.
 */
import { createHash } from "node:crypto";
import type { PendingChange } from "../../protocol/resource-limits.ts";
import type { ServerSpec } from "../../protocol/spec.ts";
import type { KeptLimit, LiveLimit } from "../runtime/container-runtime.ts";

const usesMemory = ({ startup, environment, configFiles }: ServerSpec): boolean =>
  JSON.stringify([startup, environment, configFiles]).includes("SERVER_MEMORY");

const TOLD_MEMORY = "toldMemory";

/** By the API's names; whoever can apply one to a running server names it in `LIVE_LIMITS`. */
const FIELDS: Record<string, (spec: ServerSpec) => unknown> = {
  allocatedMemoryMb: (spec) => spec.memoryMb,
  memoryHeadroomMb: (spec) => spec.memoryHeadroomMb,
  swapMb: (spec) => spec.swapMb,
  allocatedCpuCores: (spec) => spec.cpuCores,
  cpuPinning: (spec) => spec.cpuPinning,
  ioWeight: (spec) => spec.ioWeight,
  pidsLimit: (spec) => spec.pidsLimit,
  openFilesLimit: (spec) => spec.openFilesLimit,
  image: (spec) => spec.image,
  startup: (spec) => spec.startup,
  environment: (spec) => Object.entries(spec.environment).sort(),
  configFiles: (spec) => spec.configFiles,
  networkMode: (spec) => spec.networkMode,
  /** Not its name, and not whether its servers are kept apart: that holds at once. */
  pool: ({ pool }) => pool && [pool.poolId, pool.kind, pool.parent, pool.cidr, pool.gateway, pool.ip],
  allocations: (spec) => spec.allocations,
  /** The memory that the game itself was told of: no limit that is changed under it tells it anew. */
  [TOLD_MEMORY]: (spec) => (usesMemory(spec) ? spec.memoryMb : null),
};
const TOLD_MEMORY_WORDS = "The limit holds already; the game learns of it when it starts.";

const LIVE_LIMITS: ReadonlySet<string> = new Set<LiveLimit>([
  "allocatedMemoryMb",
  "memoryHeadroomMb",
  "swapMb",
  "allocatedCpuCores",
  "cpuPinning",
  "ioWeight",
  "pidsLimit",
]);

/** Hash of each field of a run's spec: values may be long, or secret. */
export type RunFields = Record<string, string>;

const HASH_CHARS = 8;
const hashOf = (value: unknown) =>
  createHash("sha256").update(JSON.stringify(value)).digest("base64url").slice(0, HASH_CHARS);

export function runFields(spec: ServerSpec): RunFields {
  return Object.fromEntries(Object.entries(FIELDS).map(([field, of]) => [field, hashOf(of(spec))]));
}

/** Fields in which the spec has moved away from a run. A field that the run's agent did not know yet is none. */
function changedFields(run: RunFields, spec: ServerSpec): string[] {
  const now = runFields(spec);
  return Object.keys(FIELDS).filter((field) => run[field] !== undefined && run[field] !== now[field]);
}

/** Whether the running server has limits to be given. */
export const hasLiveChanges = (run: RunFields | null, spec: ServerSpec): boolean =>
  run !== null && changedFields(run, spec).some((field) => LIVE_LIMITS.has(field));

/** The fields of a run after its limits were changed to the spec's, but for those that were kept. */
export function withLimitsOf(run: RunFields, spec: ServerSpec, kept: readonly KeptLimit[]): RunFields {
  const isKept = (field: string) => kept.some((limit) => limit.field === field);
  const now = Object.entries(runFields(spec));
  return { ...run, ...Object.fromEntries(now.filter(([field]) => LIVE_LIMITS.has(field) && !isKept(field))) };
}

/**
 * What waits for the next start.
 *
 * @param kept limits that the runtime could not change; others that can be changed live are on their way.
 */
export function pendingChanges(run: RunFields | null, spec: ServerSpec, kept: readonly KeptLimit[]): PendingChange[] {
  if (run === null) return [];
  const changed = changedFields(run, spec);
  return changed.flatMap((field): PendingChange[] => {
    if (field === TOLD_MEMORY) {
      return changed.includes("allocatedMemoryMb") ? [] : [{ field: "allocatedMemoryMb", reason: TOLD_MEMORY_WORDS }];
    }
    if (!LIVE_LIMITS.has(field)) return [{ field }];
    const reason = kept.find((limit) => limit.field === field)?.reason;
    return reason === undefined ? [] : [{ field, reason }];
  });
}
