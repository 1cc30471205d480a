/**
 * What is on disk of the runs of the process runtime: one record a server, which names its present or last run, and
 * beside it what that run wrote of itself.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { idSchema } from "../../../protocol/ids.ts";
import { type ProcessStat, parseProcessStat } from "../../process-stat.ts";
import { writeFileAtomic } from "../../records/atomic-file.ts";
import type { ExitStatus } from "../container-runtime.ts";

const runRecordSchema = z.object({
  serverId: idSchema,
  runId: z.string().regex(/^[0-9a-z]+$/),
  kind: z.enum(["game", "install"]),
  bootIdentity: z.string(),
  /** Milliseconds since 1970. */
  startedAt: z.number().int(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;

/** Of a run that was given up before it came to life. */
export const FORBIDDEN_EXIT_CODE = 125;
const CANCELLED = ".cancelled";
/** A wrapper that has not started its game by then never will. */
const CANCELLATION_KEPT_MS = 10 * 60 * 1000;

/** Shells report the end by signal N as 128 + N. */
const SIGNAL_BASE = 128;

export function signalName(exitCode: number): string | null {
  const number = exitCode - SIGNAL_BASE;
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null;
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

export class RunFiles {
  readonly #runs: string;
  /** Watched for new files: each tells of one end. */
  readonly exits: string;

  constructor(folder: string) {
    this.#runs = join(folder, "runs");
    this.exits = join(folder, "exits");
  }

  async prepare(): Promise<void> {
    await mkdir(this.#runs, { recursive: true, mode: 0o700 });
    await mkdir(this.exits, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#runs)) if (this.#isOldCancellation(name)) rmSync(join(this.#runs, name));
  }

  processFile = (run: RunRecord) => join(this.#runs, `${run.serverId}~${run.runId}.process`);
  cancelledFile = (run: RunRecord) => join(this.#runs, `${run.serverId}~${run.runId}${CANCELLED}`);
  exitFile = (run: RunRecord) => join(this.exits, `${run.serverId}~${run.runId}`);
  #recordFile = (serverId: string) => join(this.#runs, `${serverId}.json`);

  writeRecord(run: RunRecord): Promise<void> {
    return writeFileAtomic(this.#recordFile(run.serverId), JSON.stringify(run));
  }

  readRecord(serverId: string): RunRecord | null {
    const text = readText(this.#recordFile(idSchema.parse(serverId)));
    if (text === null) return null;
    try {
      return runRecordSchema.parse(JSON.parse(text));
    } catch {
      return null;
    }
  }

  serverIds(): string[] {
    return readdirSync(this.#runs)
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -".json".length))
      .filter((name) => idSchema.safeParse(name).success);
  }

  /** The game's first process as it named itself; null when it has not come that far. */
  readProcess(run: RunRecord): ProcessStat | null {
    const line = readText(this.processFile(run));
    return line?.endsWith("\n") ? parseProcessStat(line) : null;
  }

  cancel(run: RunRecord): void {
    writeFileSync(this.cancelledFile(run), "");
  }

  readExit(run: RunRecord): ExitStatus | null {
    const text = readText(this.exitFile(run));
    if (!text?.endsWith("\n")) return null;
    const written = Number.parseInt(text, 10);
    if (!Number.isInteger(written)) return null;
    // The kill came upon it between naming itself and living: as killed as any other.
    const isForbidden = written === FORBIDDEN_EXIT_CODE && existsSync(this.cancelledFile(run));
    const exitCode = isForbidden ? SIGNAL_BASE + constants.signals.SIGKILL : written;
    const exitedAt = Math.round(statSync(this.exitFile(run)).mtimeMs);
    return { exitCode, signal: signalName(exitCode), oomKilled: false, exitedAt };
  }

  /** Forgets a server's runs, but not yet what they are forbidden: a slow wrapper may still come to look. */
  remove(serverId: string): void {
    const isOfServer = (name: string) => name === `${serverId}.json` || name.startsWith(`${serverId}~`);
    for (const folder of [this.#runs, this.exits]) {
      for (const name of readdirSync(folder).filter(isOfServer)) {
        if (!name.endsWith(CANCELLED) || this.#isOldCancellation(name)) rmSync(join(folder, name), { force: true });
      }
    }
  }

  #isOldCancellation(name: string): boolean {
    if (!name.endsWith(CANCELLED)) return false;
    return Date.now() - statSync(join(this.#runs, name)).mtimeMs > CANCELLATION_KEPT_MS;
  }
}
