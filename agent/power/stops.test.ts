/** Stopping host processes that listen to a line, to a signal, or to nothing; and what the agent tries again by itself. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ServerSpec } from "../../protocol/spec.ts";
import { bootIdentity } from "../boot-identity.ts";
import { writeConsoleInput } from "../console/console-input.ts";
import { serverPaths } from "../console/server-paths.ts";
import { createLog } from "../log.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { ProcessRuntime } from "../runtime/process/process-runtime.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { waitUntil } from "../testing/wait-until.ts";
import { LiveServer } from "./testing/live-server.ts";

let dataDir: string;
let runtime: ProcessRuntime;
let server: LiveServer;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "catalyst-stops-"));
  runtime = new ProcessRuntime({ dataDir, bootIdentity: bootIdentity(), log: createLog("silent") });
});
afterEach(async () => {
  await server.close();
  await runtime.close();
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

const paths = () => serverPaths(dataDir, "stopped-1");
async function running(change: Partial<ServerSpec>): Promise<void> {
  const spec = serverSpec({ id: "stopped-1", ...change });
  server = await LiveServer.open(runtime, { spec, paths: paths() });
  await server.command("start");
  await server.inState("running");
}

describe("a stop", { timeout: 30_000 }, () => {
  const listensTo = (name: string, code: number) =>
    `trap 'exit ${code}' ${name}; trap 'exit 99' TERM; echo ready; while :; do sleep 0.05; done`;

  test.each([
    ["^C", "INT", 11],
    ["^\\", "QUIT", 12],
    ["SIGUSR1", "USR1", 13],
    ["sigusr2", "USR2", 14],
  ])("by %s sends that signal, and neither SIGTERM nor SIGKILL", async (stopCommand, name, code) => {
    await running({ startup: listensTo(name, code), stopCommand });
    await server.command("stop");
    await server.inState("stopped");
    expect(server.actor.status).toMatchObject({ exitCode: code, isKilled: false });
  });

  test("ends a game that does not read its full input, by SIGTERM and without waiting for its grace time", async () => {
    await running({ startup: "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done", stopTimeoutSeconds: 60 });
    const line = "x".repeat(30_000);
    const fill = async () =>
      writeConsoleInput(paths(), line)
        .then(() => false)
        .catch(() => true);
    while (!(await fill()));
    const askedAt = Date.now();
    await server.command("stop");
    await server.inState("stopped");
    expect(server.actor.status.exitCode).toBe(7);
    expect(Date.now() - askedAt).toBeLessThan(15_000);
  });

  test("that a game ignores becomes SIGTERM after its grace time, and SIGKILL after that", async () => {
    await running({
      startup: "trap '' TERM INT; echo ready; while :; do sleep 0.05; done",
      stopCommand: "^C",
      stopTimeoutSeconds: 1,
    });
    const askedAt = Date.now();
    await server.command("stop");
    await server.inState("stopped");
    expect(server.actor.status).toMatchObject({ exitCode: 137, signal: "SIGKILL" });
    expect(Date.now() - askedAt).toBeGreaterThan(10_000);
  });

  test("with a start after it is a restart", async () => {
    await running({
      startup: "trap 'sleep 0.5; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
      stopCommand: "",
    });
    const { runId } = server.actor.status;
    await server.command("stop");
    await server.command("start");
    expect(server.actor.status).toMatchObject({ state: "stopping", next: "start", desiredPower: "running" });
    await waitUntil(
      "the next run",
      () => server.actor.status.state === "running" && server.actor.status.runId !== runId,
    );
  });
});

test("a restart that the node cannot do is tried again until it can, and costs the server nothing", {
  timeout: 30_000,
}, async () => {
  await running({ restartPolicy: "on-failure", maxCrashes: 2 });
  const start = runtime.start.bind(runtime);
  let failures = 0;
  runtime.start = async (launch) => {
    if (++failures <= 3) throw new RuntimeError("The node's container runtime does not answer.", { isNodeFault: true });
    return start(launch);
  };
  await writeConsoleInput(paths(), "exit 3");
  await waitUntil("an error that is not the last word", () => {
    const { state, reason, restartAt } = server.actor.status;
    return state === "error" && restartAt !== null && /does not answer\. Trying again in \d+ s\.$/.test(reason ?? "");
  });
  await waitUntil("the server to be back", () => server.actor.status.state === "running" && failures > 3, 25_000);
  expect(server.actor.status).toMatchObject({ crashCount: 1, recentCrashes: [expect.any(Number)] });
});
