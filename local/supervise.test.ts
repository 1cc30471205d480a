import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { isStillRunning, processStartedAt } from "./process-identity.ts";
import { type Supervised, supervise } from "./supervise.ts";

let running: Supervised | undefined;
afterEach(() => running?.stop());

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await delay(10);
  }
}

const start = (script: string) => async () => {
  const child = spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return child;
};
const quiet = { name: "test", stopSignal: "SIGTERM", log: () => {} } as const;

describe("supervise", () => {
  it("starts a killed process again within two seconds", async () => {
    running = await supervise({ ...quiet, start: start("echo up; exec sleep 100") });
    const first = running.pid();
    const killedAt = Date.now();
    process.kill(first, "SIGKILL");
    await until("another process", () => ![0, first].includes(running!.pid()));
    expect(Date.now() - killedAt).toBeLessThan(2_000);
  });

  it("starts nothing after stop, and stop leaves nothing running", async () => {
    running = await supervise({ ...quiet, start: start("echo up; exec sleep 100") });
    const pid = running.pid();
    await running.stop();
    expect(processStartedAt(pid)).toBeNull();
    expect(running.pid()).toBe(0);
  });

  it("kills a process that will not end by itself", async () => {
    running = await supervise({
      ...quiet,
      start: start("trap '' TERM; echo up; while :; do sleep 0.05; done"),
      stopDeadlineMs: 100,
    });
    const pid = running.pid();
    await running.stop();
    expect(processStartedAt(pid)).toBeNull();
  });

  it("keeps trying when a later start fails", async () => {
    let starts = 0;
    running = await supervise({
      ...quiet,
      start: async () => {
        starts += 1;
        if (starts === 2) throw new Error("not this time");
        return start("echo up; exec sleep 100")();
      },
    });
    process.kill(running.pid(), "SIGKILL");
    await until("a third start", () => starts === 3 && running!.pid() !== 0);
  });

  it("passes on the failure of the first start", async () => {
    const failing = supervise({ ...quiet, start: () => Promise.reject(new Error("never")) });
    await expect(failing).rejects.toThrow("never");
  });
});

describe("process identity", () => {
  it("does not take a pid for the process it once was", () => {
    expect(isStillRunning({ pid: process.pid, startedAt: processStartedAt(process.pid)! })).toBe(true);
    expect(isStillRunning({ pid: process.pid, startedAt: "another time" })).toBe(false);
    expect(processStartedAt(0)).toBeNull();
  });
});
