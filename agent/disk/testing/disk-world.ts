/** One server's disk on real loop devices, in a folder of its own, for tests as root. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeServerFolders, serverPaths } from "../../console/server-paths.ts";
import { createLog } from "../../log.ts";
import type { ServerPaths } from "../../runtime/container-runtime.ts";
import { DiskUsage } from "../../stats/disk-usage.ts";
import { type DiskPaths, diskPaths } from "../disk-paths.ts";
import { LoopImages } from "../loop-images.ts";
import { type LoopDevice, loopsOf } from "../mounts.ts";
import { ServerDisk } from "../server-disk.ts";
import { unmountBelow } from "./disk-mounts.ts";

export const GAME = { uid: 988, gid: 988 };
export const MB = 2 ** 20;

export class DiskWorld {
  readonly folder: string;
  readonly paths: ServerPaths;
  readonly places: DiskPaths;

  /** @param parent where the world's folder is made: another file system than the usual one, for example. */
  constructor(parent = tmpdir()) {
    this.folder = mkdtempSync(join(parent, "catalyst-loop-"));
    this.paths = serverPaths(this.folder, "server-1");
    this.places = diskPaths(this.paths);
  }

  async prepare(): Promise<void> {
    await makeServerFolders(this.paths);
  }

  images(isReserved = false): LoopImages {
    return new LoopImages({ gameOwner: GAME, isReserved, log: createLog("silent") });
  }

  disk(hard = this.images()): ServerDisk {
    return new ServerDisk(this.paths, { hard, softReason: null, folders: new DiskUsage(), log: createLog("silent") });
  }

  /** Programs named in `scripts` are found before the system's own: whoever gets this PATH runs them instead. */
  pathWith(scripts: Record<string, string>): string {
    const bin = join(this.folder, "bin");
    mkdirSync(bin, { recursive: true });
    for (const [name, script] of Object.entries(scripts)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    return `${bin}:${process.env.PATH}`;
  }

  /** Loop devices whose file lies, or lay, in this world. */
  loops(): Promise<LoopDevice[]> {
    return loopsOf((image) => image.startsWith(`${this.folder}/`));
  }

  /** What a reboot does to mounts. */
  reboot(): void {
    unmountBelow(this.folder);
  }

  cleanUp(): void {
    unmountBelow(this.folder);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
