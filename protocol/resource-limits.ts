/** Limits of a server beyond memory, CPU and disk, and how much memory its container gets on top of what it asked for. */
import { z } from "zod";
import { cpuListDefect, normalCpuList } from "./cpu-list.ts";

export const MEMORY_HEADROOM_MAX_MB = 65_536;
/** The least head-room of a template that asks for some: a JVM needs this much beside any heap. */
export const MEMORY_HEADROOM_MIN_MB = 256;
export const SWAP_MAX_MB = 1_048_576;
export const PIDS_LIMIT_DEFAULT = 512;
export const OPEN_FILES_LIMIT_DEFAULT = 65_536;

export const memoryHeadroomMbSchema = z.number().int().min(0).max(MEMORY_HEADROOM_MAX_MB);
export const swapMbSchema = z.number().int().min(0).max(SWAP_MAX_MB);
export const pidsLimitSchema = z.number().int().min(16).max(4_194_304);
export const openFilesLimitSchema = z.number().int().min(64).max(1_048_576);
/** Share of the disks' time against the node's other servers; 100 is what one without a weight has. */
export const ioWeightSchema = z.number().int().min(10).max(1000);
export const stopTimeoutSecondsSchema = z.number().int().min(1).max(600);
/** CPUs that a server may run on, as the kernel writes them: `0-1,3`. */
export const cpuPinningSchema = z
  .string()
  .max(200)
  .superRefine((text, context) => {
    const defect = cpuListDefect(text);
    if (defect) context.addIssue({ code: "custom", message: defect });
  })
  .transform(normalCpuList);

/** Whether these settings need an administrator: they are taken from the other servers of the node. */
export const SHARED_LIMITS = ["swapMb", "cpuPinning", "ioWeight"] as const;

/**
 * Memory that the container gets beyond `memoryMb`, when the server names none itself. A game in a managed runtime
 * takes more than its heap: code, threads, buffers, the collector's own books. With `percent` 0 there is none.
 */
export function defaultHeadroomMb(memoryMb: number, percent: number): number {
  if (percent === 0) return 0;
  return Math.min(MEMORY_HEADROOM_MAX_MB, Math.max(MEMORY_HEADROOM_MIN_MB, Math.ceil((memoryMb * percent) / 100)));
}

/** A change of the spec that the present run does not follow. */
export const pendingChangeSchema = z.object({
  /** As the API names it, such as `openFilesLimit`. */
  field: z.string().max(64),
  /** A sentence for the owner, when there is more to say than that it waits for the next start. */
  reason: z.string().max(300).optional(),
});
export type PendingChange = z.infer<typeof pendingChangeSchema>;
export const pendingChangesSchema = z.array(pendingChangeSchema).max(40);
