/** The disks of all servers of the node, and the watch over how full they are. */
import type { ServerSpec } from "../../protocol/spec.ts";
import type { ServerPaths } from "../runtime/container-runtime.ts";
import { type DiskReading, type Purpose, ServerDisk, type ServerDiskServices } from "./server-disk.ts";

/** Mounting all disks after a boot shall not take the whole machine. */
const SETTLING_MAX = 4;

/** What the rest of the agent needs of disks. */
export interface Disks {
  /** Follows the spec's size as far as possible; never rejects. `isAtRest`: nothing of this server runs. */
  settle(spec: ServerSpec, paths: ServerPaths, isAtRest: boolean): Promise<void>;
  /**
   * Before each start and install. Beyond a soft limit only an install may go on, which may delete files.
   *
   * @throws RuntimeError when the data folder must not be used, in words for the owner.
   */
  prepare(spec: ServerSpec, paths: ServerPaths, purpose: Purpose): Promise<void>;
  read(spec: ServerSpec, paths: ServerPaths): Promise<DiskReading>;
  /** Unmounts what is mounted, so that the server's folder can be moved or deleted. Repeating it is harmless. */
  release(paths: ServerPaths): Promise<void>;
}

export interface ServerDisksOptions extends ServerDiskServices {
  /** A disk became nearly full, full, or has room again. */
  onChange(serverId: string, sentence: string): void;
}

export class ServerDisks implements Disks {
  readonly #options: ServerDisksOptions;
  /** By the server's folder. */
  readonly #disks = new Map<string, ServerDisk>();
  #settling = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: ServerDisksOptions) {
    this.#options = options;
  }

  async settle(spec: ServerSpec, paths: ServerPaths, isAtRest: boolean): Promise<void> {
    if (this.#settling >= SETTLING_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#settling++;
    try {
      await this.#of(paths).settle(spec, isAtRest);
    } finally {
      this.#settling--;
      this.#waiting.shift()?.();
    }
  }

  prepare(spec: ServerSpec, paths: ServerPaths, purpose: Purpose): Promise<void> {
    return this.#of(paths).prepare(spec, purpose);
  }

  async read(spec: ServerSpec, paths: ServerPaths): Promise<DiskReading> {
    const { change, ...reading } = await this.#of(paths).read(spec);
    if (change !== null) this.#options.onChange(spec.id, change);
    return reading;
  }

  async release(paths: ServerPaths): Promise<void> {
    await this.#of(paths).release();
    this.#disks.delete(paths.root);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#disks.values()].map((disk) => disk.close()));
  }

  #of(paths: ServerPaths): ServerDisk {
    const known = this.#disks.get(paths.root);
    if (known) return known;
    const disk = new ServerDisk(paths, this.#options);
    this.#disks.set(paths.root, disk);
    return disk;
  }
}
