/** What this runtime remembers of each server's last run, so that its end is known after the container is gone. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { idSchema } from "../../../protocol/ids.ts";
import { writeFileAtomic } from "../../records/atomic-file.ts";

const exitSchema = z.object({
  exitCode: z.number().int(),
  signal: z.string().nullable(),
  oomKilled: z.boolean(),
  exitedAt: z.number(),
});

const runRecordSchema = z.object({
  serverId: idSchema,
  runId: z.string(),
  containerId: z.string(),
  startedAt: z.number().nullable(),
  /** Where the kernel's figures are while the container exists. */
  cgroup: z
    .object({ version: z.union([z.literal(1), z.literal(2)]), memory: z.string(), cpu: z.string(), pids: z.string() })
    .nullable(),
  exit: exitSchema.nullable(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;

const SUFFIX = ".json";

export class RunRecords {
  readonly #folder: string;

  /** The last run of each server whose end was noted by this process. */
  readonly #ended = new Map<string, string>();
  readonly #writing = new Map<string, Promise<void>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  #file = (serverId: string) => join(this.#folder, `${idSchema.parse(serverId)}${SUFFIX}`);

  /** Null when there is none, or none that is whole. */
  async read(serverId: string): Promise<RunRecord | null> {
    try {
      return runRecordSchema.parse(JSON.parse(await readFile(this.#file(serverId), "utf8")));
    } catch {
      return null;
    }
  }

  /** The records of all servers. */
  async all(): Promise<RunRecord[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const ids = names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
    const records = await Promise.all(ids.map((id) => (idSchema.safeParse(id).success ? this.read(id) : null)));
    return records.filter((record) => record !== null);
  }

  /** One after the other for each server; a run whose end is noted never loses it to a note made before the end. */
  write(record: RunRecord): Promise<void> {
    const { serverId, runId, exit } = record;
    if (exit) this.#ended.set(serverId, runId);
    const turn = (this.#writing.get(serverId) ?? Promise.resolve()).then(async () => {
      if (!exit && this.#ended.get(serverId) === runId) return;
      await writeFileAtomic(this.#file(serverId), JSON.stringify(record));
    });
    const settled = turn.catch(() => {});
    this.#writing.set(serverId, settled);
    void settled.then(() => {
      if (this.#writing.get(serverId) === settled) this.#writing.delete(serverId);
    });
    return turn;
  }

  async remove(serverId: string): Promise<void> {
    this.#ended.delete(serverId);
    await rm(this.#file(serverId), { force: true });
  }
}
