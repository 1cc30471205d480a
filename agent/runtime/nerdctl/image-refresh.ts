/** Which request for a newer image of the same name was served last, noted beside the server. */
import { join } from "node:path";
import { z } from "zod";
import { readRecord, writeRecord } from "../../records/record-file.ts";
import type { ServerPaths } from "../container-runtime.ts";

const recordSchema = z.object({ imageRefreshAt: z.number() });
const recordFile = (paths: ServerPaths) => join(paths.records, "image-refresh");

export async function owesRefresh(paths: ServerPaths, imageRefreshAt: number): Promise<boolean> {
  if (imageRefreshAt === 0) return false;
  const record = await readRecord(recordFile(paths)).catch(() => null);
  return (recordSchema.safeParse(record?.value).data?.imageRefreshAt ?? 0) < imageRefreshAt;
}

export const settleRefresh = (paths: ServerPaths, imageRefreshAt: number): Promise<void> =>
  writeRecord(recordFile(paths), { imageRefreshAt });
