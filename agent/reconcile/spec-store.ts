/** The last spec, on disk, so that the agent works with no control plane at hand. */
import { join } from "node:path";
import { type NodeSpec, nodeSpecSchema } from "../../protocol/spec.ts";
import type { Log } from "../log.ts";
import { readRecord, writeRecord } from "../records/record-file.ts";

const specFile = (dataDir: string) => join(dataDir, "spec.json");

/** @returns null when there is none that is whole; then nothing may be taken for removed. */
export async function readStoredSpec(dataDir: string, log: Log): Promise<NodeSpec | null> {
  const record = await readRecord(specFile(dataDir));
  if (!record) return null;
  if (record.isPrevious) log.warn("the stored spec was damaged; going on from the one before");
  const parsed = nodeSpecSchema.safeParse(record.value);
  if (!parsed.success) {
    log.error({ issue: parsed.error.issues[0] }, "the stored spec is not understood");
    return null;
  }
  // An old version may lack servers that exist: its generation must not pass for the newest.
  return record.isPrevious ? { ...parsed.data, generation: 0 } : parsed.data;
}

export const storeSpec = (dataDir: string, spec: NodeSpec): Promise<void> => writeRecord(specFile(dataDir), spec);
