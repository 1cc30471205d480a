import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeServerFolders, serverPaths } from "../console/server-paths.ts";
import { createLog } from "../log.ts";
import { RuntimeError, type ServerPaths } from "../runtime/container-runtime.ts";
import { DiskUsage } from "../stats/disk-usage.ts";
import { waitUntil } from "../testing/wait-until.ts";
import type { DiskMeasure, HardLimit, RemakeOutcome } from "./hard-limit.ts";
import { ServerDisk } from "./server-disk.ts";

const MB = 2 ** 20;
const ID = "server-1";

/** A limit that only notes what it is told. */
class NotedLimit implements HardLimit {
  calls: string[] = [];
  bytes: number | null = null;
  isAttached = false;
  growsInUse = true;
  damage: Error | null = null;
  usedBytes = 0;
  remaking: PromiseWithResolvers<RemakeOutcome> | null = null;

  async tidy(): Promise<void> {}
  async isMade(): Promise<boolean> {
    return this.bytes !== null;
  }
  async make(_: ServerPaths, limitBytes: number): Promise<void> {
    this.calls.push(`make ${limitBytes / MB}`);
    this.bytes = limitBytes;
  }
  async attach(): Promise<void> {
    if (this.damage) throw this.damage;
    this.isAttached = true;
  }
  async detach(): Promise<void> {
    this.isAttached = false;
  }
  async limitBytes(): Promise<number | null> {
    return this.bytes;
  }
  async grow(_: ServerPaths, limitBytes: number, isAtRest: boolean): Promise<boolean> {
    if (limitBytes === this.bytes) return true;
    if (!isAtRest && !this.growsInUse) return false;
    this.calls.push(`grow ${limitBytes / MB}`);
    this.bytes = limitBytes;
    return true;
  }
  async remake(_: ServerPaths, limitBytes: number, abort: AbortSignal): Promise<RemakeOutcome> {
    this.calls.push(`remake ${limitBytes / MB}`);
    this.remaking = Promise.withResolvers<RemakeOutcome>();
    abort.addEventListener("abort", () => this.remaking!.resolve("aborted"));
    const outcome = await this.remaking.promise;
    if (outcome === "done") {
      this.bytes = limitBytes;
      this.isAttached = true;
    }
    return outcome;
  }
  async measure(): Promise<DiskMeasure | null> {
    if (!this.isAttached || this.bytes === null) return null;
    return { usedBytes: this.usedBytes, limitBytes: this.bytes, share: this.usedBytes / this.bytes };
  }
  async release(): Promise<void> {
    this.calls.push("release");
    this.isAttached = false;
  }
}

let folder: string;
let paths: ServerPaths;
let hard: NotedLimit;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-disk-"));
  paths = serverPaths(folder, ID);
  await makeServerFolders(paths);
  hard = new NotedLimit();
});
afterEach(() => rmSync(folder, { recursive: true }));

const wish = (diskMb: number) => ({ id: ID, diskMb });
const disk = (softReason: string | null = null) =>
  new ServerDisk(paths, { hard, softReason, folders: new DiskUsage(), log: createLog("silent") });
const plant = (bytes: number) => writeFileSync(join(paths.data, "world"), Buffer.alloc(bytes, 1));
const remade = (outcome: RemakeOutcome) =>
  waitUntil("the copying", () => hard.remaking !== null).then(() => hard.remaking!.resolve(outcome));

describe("where hard limits can be set", () => {
  it("a new server gets one at once, and a start changes nothing more", async () => {
    const server = disk();
    await server.settle(wish(100), true);
    await server.prepare(wish(100), "start");
    expect(hard.calls).toEqual(["make 100"]);
    expect(await server.read(wish(100))).toMatchObject({ kind: "hard", limitBytes: 100 * MB, notice: null });
  });

  it("grows while the server runs where that can be done", async () => {
    const server = disk();
    await server.prepare(wish(100), "start");
    await server.settle(wish(200), false);
    expect(await server.read(wish(200))).toMatchObject({ limitBytes: 200 * MB, notice: null });
  });

  it("else grows at the next stop or start, and says so until then", async () => {
    hard.growsInUse = false;
    const server = disk();
    await server.prepare(wish(100), "start");
    await server.settle(wish(200), false);
    expect(await server.read(wish(200))).toMatchObject({
      limitBytes: 100 * MB,
      notice: expect.stringMatching(/200 MiB, waits until it is stopped or restarted/),
    });
    await server.prepare(wish(200), "start");
    expect(await server.read(wish(200))).toMatchObject({ limitBytes: 200 * MB, notice: null });
  });

  it("that cannot grow is used as it is, but never when it is not there any more", async () => {
    const server = disk();
    await server.prepare(wish(100), "start");
    hard.grow = async () => {
      throw new RuntimeError("There is no room.");
    };
    await server.prepare(wish(200), "start");
    expect((await server.read(wish(200))).notice).toMatch(/200 MiB, could not be set\. There is no room\.$/);
    hard.measure = async () => null;
    await expect(server.prepare(wish(200), "start")).rejects.toThrow("There is no room.");
  });

  it("shrinks only at rest, and tells that it waits, and that it does not fit", async () => {
    const server = disk();
    await server.prepare(wish(100), "start");
    await server.settle(wish(50), false);
    expect(hard.calls).toEqual(["make 100"]);
    expect((await server.read(wish(50))).notice).toMatch(/50 MiB, waits until it is stopped/);
    await server.settle(wish(50), true);
    await remade("does_not_fit");
    await waitUntil("the notice", async () => /too small/.test((await server.read(wish(50))).notice ?? ""));
    expect(await server.read(wish(50))).toMatchObject({ limitBytes: 100 * MB });
    hard.remaking = null;
    await server.settle(wish(50), true);
    await remade("done");
    await waitUntil("the new size", async () => (await server.read(wish(50))).limitBytes === 50 * MB);
    expect((await server.read(wish(50))).notice).toBeNull();
  });

  it("a start does not wait for files to be copied: the copying is given up, the size stays, the notice too", async () => {
    const server = disk();
    await server.prepare(wish(100), "start");
    await server.settle(wish(50), true);
    await waitUntil("the copying", () => hard.remaking !== null);
    await server.prepare(wish(50), "start");
    expect(await hard.remaking!.promise).toBe("aborted");
    expect(await server.read(wish(50))).toMatchObject({
      limitBytes: 100 * MB,
      notice: expect.stringMatching(/waits until it is stopped/),
    });
  });

  it("files from before are copied under a limit when the server rests, not while it runs", async () => {
    plant(1000);
    const server = disk();
    await server.settle(wish(100), false);
    expect(hard.calls).toEqual([]);
    expect(await server.read(wish(100))).toMatchObject({ kind: "soft", notice: expect.stringMatching(/stopped/) });
    await server.settle(wish(100), true);
    await remade("done");
    await waitUntil("the hard limit", async () => (await server.read(wish(100))).kind === "hard");
    expect((await server.read(wish(100))).notice).toBeNull();
  });

  it("a damaged disk refuses the start in words, and shows them while it rests", async () => {
    hard.bytes = 100 * MB;
    hard.damage = new RuntimeError("This disk is damaged.");
    const server = disk();
    await server.settle(wish(100), true);
    expect(await server.read(wish(100))).toMatchObject({ kind: "hard", notice: "This disk is damaged." });
    await expect(server.prepare(wish(100), "start")).rejects.toThrow("This disk is damaged.");
  });

  it("what the system says of a failure is for the log, not for the owner", async () => {
    hard.bytes = 100 * MB;
    hard.damage = new Error("EIO: /secret/path");
    const server = disk();
    await server.settle(wish(100), true);
    expect((await server.read(wish(100))).notice).toBe("This server's disk is not ready.");
  });

  it("tells each change of how full it is once, also when it cannot be measured for a moment", async () => {
    const server = disk();
    await server.prepare(wish(100), "start");
    hard.usedBytes = 95 * MB;
    expect((await server.read(wish(100))).change).toMatch(/nearly full/);
    expect(await server.read(wish(100))).toMatchObject({ change: null, state: "nearly_full" });
    hard.isAttached = false;
    expect(await server.read(wish(100))).toMatchObject({ change: null, state: "nearly_full", usedBytes: 95 * MB });
  });
});

describe("where they cannot", () => {
  it("the limit is named soft, is measured, and refuses the start of a server beyond it", async () => {
    plant(2 * MB);
    const server = disk("No loop devices.");
    await server.prepare(wish(3), "start");
    expect(await server.read(wish(3))).toMatchObject({ kind: "soft", state: "ok", notice: "No loop devices." });
    await server.prepare(wish(1), "install");
    await expect(server.prepare(wish(1), "start")).rejects.toThrow(/uses [23] MiB of disk and may use 1 MiB/);
    expect(await server.read(wish(1))).toMatchObject({ state: "full", change: expect.stringMatching(/started again/) });
    rmSync(join(paths.data, "world"));
    await server.prepare(wish(1), "start");
    expect(hard.calls).toEqual([]);
  });

  it("a server that has a hard limit already keeps it", async () => {
    hard.bytes = 100 * MB;
    const server = disk("This node is set to soft limits.");
    await server.prepare(wish(100), "start");
    expect(await server.read(wish(100))).toMatchObject({ kind: "hard", notice: null });
  });
});
