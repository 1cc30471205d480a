/**
 * Whose containers are whose. Several agents may share one containerd: of two panels, with data folders of their own,
 * even under the same node id where one panel's database is a copy of the other's. A container is an agent's own when
 * its labels name a panel and a node that this data folder has served: so it stays its own when the panel moves to
 * another address or the node is enrolled anew, and when the data folder is lost and only the configuration is left.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { Log } from "../../log.ts";
import { readRecord, writeRecord } from "../../records/record-file.ts";
import { LABEL } from "./options.ts";

const ownerSchema = z.object({ panel: z.string().min(1), node: z.string().min(1) });
type Owner = z.infer<typeof ownerSchema>;

/** The label of agents that did not tell panels apart yet: only the node counts with it. */
const ANY_PANEL = "1";
const PANEL_NAME_CHARS = 16;

/** How labels name a panel: by its address, without showing it to whoever may list containers. */
export function panelName(url: URL | string): string {
  const { origin, pathname } = new URL(url);
  const address = `${origin}${pathname.replace(/\/+$/, "")}`;
  return createHash("sha256").update(address).digest("hex").slice(0, PANEL_NAME_CHARS);
}

export class Ownership {
  readonly present: Owner;
  readonly #file: string;
  readonly #log: Log;
  #known: Promise<Owner[]> | null = null;

  constructor(dataDir: string, present: Owner, log: Log) {
    this.present = present;
    this.#file = join(dataDir, "nerdctl-runtime", "owners");
    this.#log = log;
  }

  /** Resolves with the question whether labels are those of a container of this agent. */
  async judge(): Promise<(labels: Record<string, string>) => boolean> {
    this.#known ??= this.#load();
    const known = await this.#known;
    return (labels) => {
      const panel = labels[LABEL.panel];
      const node = labels[LABEL.node];
      return known.some((owner) => owner.node === node && (owner.panel === panel || panel === ANY_PANEL));
    };
  }

  async #load(): Promise<Owner[]> {
    const record = await readRecord(this.#file).catch(() => null);
    const earlier = z.array(ownerSchema).safeParse(record?.value ?? []).data ?? [];
    const { panel, node } = this.present;
    if (earlier.some((owner) => owner.panel === panel && owner.node === node)) return earlier;
    const all = [...earlier, this.present];
    await writeRecord(this.#file, all).catch((error) =>
      this.#log.warn({ err: error }, "whose containers these are could not be written down"),
    );
    return all;
  }
}
