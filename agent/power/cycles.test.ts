/** Power actions in quick succession on host processes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bootIdentity } from "../boot-identity.ts";
import { serverPaths } from "../console/server-paths.ts";
import { createLog } from "../log.ts";
import { ProcessRuntime } from "../runtime/process/process-runtime.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { cycle, LiveServer } from "./testing/live-server.ts";

let dataDir: string;
let runtime: ProcessRuntime;
let server: LiveServer;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "catalyst-cycles-"));
  runtime = new ProcessRuntime({ dataDir, bootIdentity: bootIdentity(), log: createLog("silent") });
  const spec = serverSpec({ id: "cycled-1" });
  server = await LiveServer.open(runtime, { spec, paths: serverPaths(dataDir, spec.id) });
});
afterEach(async () => {
  await server.close();
  await runtime.close();
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

test.each([
  ["kill", 15],
  ["stop", 5],
  ["restart", 5],
] as const)(
  "a server that is started the moment it has ended by %s runs, %i times in a row",
  async (end, times) => {
    await cycle(server, end, times);
    expect(server.actor.status).toMatchObject({ state: "running", crashCount: 0 });
  },
  30_000,
);
