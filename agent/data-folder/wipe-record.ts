/**
 * Which wipe of a server's files was carried out last. The record lies beside the data that it speaks of: whatever
 * else the agent forgets, files that came after a wipe are never taken for those before it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readRecord, writeRecord } from "../records/record-file.ts";
import type { ServerPaths } from "../runtime/container-runtime.ts";

const recordSchema = z.object({ wipeGeneration: z.number().int().nonnegative() });
const recordFile = (paths: ServerPaths) => join(paths.records, "wiped");

/** Whether the wipe of this generation is still to be done. With a damaged record files are kept: in doubt, nothing is deleted. */
export async function owesWipe(paths: ServerPaths, wipeGeneration: number): Promise<boolean> {
  if (wipeGeneration === 0) return false;
  const record = await readRecord(recordFile(paths)).catch(() => null);
  if (!record) return !existsSync(recordFile(paths));
  const done = recordSchema.safeParse(record.value).data?.wipeGeneration;
  return !record.isPrevious && done !== undefined && done < wipeGeneration;
}

/** Carried out, or taken back by whoever asked for it. */
export const settleWipe = (paths: ServerPaths, wipeGeneration: number): Promise<void> =>
  writeRecord(recordFile(paths), { wipeGeneration });
