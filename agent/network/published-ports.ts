/**
 * Which ports of the node lead to which server, written down so that an agent that comes back goes on from there; and
 * the address that each server had last, which it gets again.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { idSchema } from "../../protocol/ids.ts";
import type { Log } from "../log.ts";
import { writeFileAtomic } from "../records/atomic-file.ts";
import type { Addresses } from "./addresses.ts";
import { holdPorts, type NodePort, type PortHold } from "./hold-ports.ts";

const publicationSchema = z.object({
  serverId: idSchema,
  /** The run that the ports lead to. */
  runId: z.string(),
  network: z.string(),
  ipv4: z.ipv4().nullable(),
  ipv6: z.ipv6().nullable(),
  ports: z.array(z.object({ ip: z.string(), port: z.number().int() })),
  /** Whether they do so now, or did until the run ended. */
  isOpen: z.boolean(),
});
export type Publication = z.infer<typeof publicationSchema>;

const SUFFIX = ".json";

export class PublishedPorts {
  readonly #folder: string;
  readonly #log: Log;
  /** By server. */
  readonly #publications = new Map<string, Publication>();
  readonly #holds = new Map<string, PortHold>();

  /** @param folder for this alone; it need not be there. */
  constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Reads what an earlier agent wrote. What is not whole is passed over: that server gets another address. */
  async load(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (!name.endsWith(SUFFIX)) continue;
      const text = await readFile(join(this.#folder, name), "utf8").catch(() => "null");
      const { success, data } = publicationSchema.safeParse(parseJson(text));
      if (success) this.#publications.set(data.serverId, data);
      else this.#log.warn({ file: name }, "a record of published ports is damaged");
    }
  }

  of(serverId: string): Publication | undefined {
    return this.#publications.get(serverId);
  }

  get all(): Publication[] {
    return [...this.#publications.values()];
  }

  /** IPv4 addresses of a network that servers have or had last, but this one's. */
  addressesIn(network: string, exceptServerId: string): Set<string> {
    const others = this.all.filter((each) => each.network === network && each.serverId !== exceptServerId);
    return new Set(others.flatMap(({ ipv4 }) => ipv4 ?? []));
  }

  /**
   * Takes ports for a run. From here on they are held; they lead to it when the firewall says so.
   *
   * @throws RuntimeError in words for the owner when one is in use, or its address is not the node's
   */
  async open(
    run: { serverId: string; runId: string; network: string },
    { ipv4, ipv6 }: Addresses,
    ports: readonly NodePort[],
  ): Promise<void> {
    await this.#release(run.serverId);
    this.#holds.set(run.serverId, await holdPorts(ports));
    const taken = ports.map(({ ip, port }) => ({ ip, port }));
    await this.#write({ ...run, ipv4, ipv6, ports: taken, isOpen: true });
  }

  /** The run has ended. False when its ports were not open any more. */
  async shut(serverId: string, runId: string): Promise<boolean> {
    const publication = this.#publications.get(serverId);
    if (!publication?.isOpen || publication.runId !== runId) return false;
    await this.#release(serverId);
    await this.#write({ ...publication, isOpen: false });
    return true;
  }

  /** Holds again what an earlier agent held. What another program took meanwhile leads to the server all the same. */
  async holdAgain(): Promise<void> {
    for (const { serverId, ports, isOpen } of this.all) {
      if (!isOpen || this.#holds.has(serverId)) continue;
      const hold = await holdPorts(ports).catch((error) => {
        this.#log.warn({ err: error, serverId }, "published ports cannot be held");
        return null;
      });
      if (hold) this.#holds.set(serverId, hold);
    }
  }

  async forget(serverId: string): Promise<void> {
    await this.#release(serverId);
    this.#publications.delete(serverId);
    await rm(this.#file(serverId), { force: true });
  }

  /** Lets go of every port; they lead where they led. */
  async close(): Promise<void> {
    for (const serverId of [...this.#holds.keys()]) await this.#release(serverId);
  }

  #file = (serverId: string) => join(this.#folder, `${idSchema.parse(serverId)}${SUFFIX}`);

  /** What cannot be written down (a full disk) is known until this agent ends. */
  async #write(publication: Publication): Promise<void> {
    this.#publications.set(publication.serverId, publication);
    await writeFileAtomic(this.#file(publication.serverId), JSON.stringify(publication)).catch((error) =>
      this.#log.error({ err: error, serverId: publication.serverId }, "published ports cannot be written down"),
    );
  }

  async #release(serverId: string): Promise<void> {
    const hold = this.#holds.get(serverId);
    this.#holds.delete(serverId);
    await hold?.release();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
