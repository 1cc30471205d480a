/**
 * A JSON record on disk that knows whether it is whole: its first line is a checksum of the rest. The version before
 * is kept beside it, so that one that was damaged on disk is replaced by the last good one instead of by nothing.
 */
import { createHash } from "node:crypto";
import { link, readFile, rm } from "node:fs/promises";
import { writeFileAtomic } from "./atomic-file.ts";

const checksum = (body: string) => createHash("sha256").update(body).digest("hex");
const previousOf = (file: string) => `${file}.previous`;

async function readOne(file: string): Promise<{ value: unknown } | null> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const lineEnd = text.indexOf("\n");
  const body = text.slice(lineEnd + 1);
  if (lineEnd < 0 || text.slice(0, lineEnd) !== checksum(body)) return null;
  return { value: JSON.parse(body) };
}

/** Writes `value`; what was there stays as the previous version. */
export async function writeRecord(file: string, value: unknown): Promise<void> {
  if (await readOne(file)) {
    await rm(previousOf(file), { force: true });
    await link(file, previousOf(file));
  }
  const body = JSON.stringify(value);
  await writeFileAtomic(file, `${checksum(body)}\n${body}`);
}

/** The newest version that is whole, or null when there is none. `isPrevious` tells that the newest one was damaged or missing. */
export async function readRecord(file: string): Promise<{ value: unknown; isPrevious: boolean } | null> {
  const newest = await readOne(file);
  if (newest) return { ...newest, isPrevious: false };
  const previous = await readOne(previousOf(file));
  return previous && { ...previous, isPrevious: true };
}
