/** A run that no SIGKILL ends: its process hangs in the kernel. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bootIdentity } from "../boot-identity.ts";
import { serverPaths } from "../console/server-paths.ts";
import { Journal } from "../journal/journal.ts";
import { createLog } from "../log.ts";
import { ProcessRuntime } from "../runtime/process/process-runtime.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { LiveServer } from "./testing/live-server.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "catalyst-unkillable-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));

test("is an error in words, not stuck; a start is remembered, and comes when the run is over at last", {
  timeout: 60_000,
}, async () => {
  const log = createLog("silent");
  const makeRuntime = () => new ProcessRuntime({ dataDir, bootIdentity: bootIdentity(), log });
  const spec = serverSpec({ id: "unkillable-1" });
  const paths = serverPaths(dataDir, spec.id);
  const first = await LiveServer.open(makeRuntime(), { spec, paths });
  await first.command("start");
  await first.inState("running");
  const { runId } = first.actor.status;
  await first.letGo();

  // It has been killed for longer than anything takes to die.
  const journal = await Journal.open(paths.records, log);
  const since = {
    state: "stopping" as const,
    isKilled: true,
    desiredPower: "stopped" as const,
    enteredAt: Date.now() - 600_000,
  };
  await journal.commit({ status: { ...journal.status(spec.id)!, ...since } });
  await journal.close();
  const runtime = makeRuntime();
  const kill = runtime.kill.bind(runtime);
  let kills = 0;
  runtime.kill = async () => void kills++;
  const server = await LiveServer.open(runtime, { spec, paths });
  await server.inState("error");
  expect(kills).toBeGreaterThan(0);
  expect(server.actor.status).toMatchObject({ isLingering: true, runId });
  expect(server.actor.status.reason).toMatch(/^It cannot be ended: .* goes on trying\.$/);

  await server.command("start");
  expect(server.actor.status).toMatchObject({ state: "error", next: "start", desiredPower: "running", runId });
  runtime.kill = kill;
  await server.command("kill");
  await server.inState("stopped");
  await server.command("start");
  await server.inState("running");
  expect(server.actor.status).toMatchObject({ isLingering: false });
  expect(server.actor.status.runId).not.toBe(runId);
  await server.close();
  await runtime.close();
});
