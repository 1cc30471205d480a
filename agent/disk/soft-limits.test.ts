/** What a server's owner sees where disk limits are soft: on the process runtime, always. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ResourceStats } from "../../protocol/frames/shared.ts";
import { serverPaths } from "../console/server-paths.ts";
import { makeWorld, type World } from "../testing/agent-process.ts";
import { serverSpec } from "../testing/server-spec.ts";

const ID = "echo-1";
const MB = 2 ** 20;
let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.close());

test("a server beyond its soft limit goes on, is not started again, and is told why, until there is room", {
  timeout: 60_000,
}, async () => {
  const { plane, agent } = world;
  const data = join(serverPaths(agent.dataDir, ID).data);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  writeFileSync(join(data, "world"), Buffer.alloc(3 * MB, 1));
  plane.setServers(serverSpec({ diskMb: 2 }));
  agent.start();
  await plane.inState(ID, "stopped");
  await plane.power(ID, "start");
  const { reason } = await plane.inState(ID, "error");
  expect(reason).toMatch(/uses [34] MiB of disk and may use 2 MiB: delete files or raise the limit/);

  const answer = await plane.request({ op: "stats", serverId: ID });
  expect(answer).toMatchObject({ ok: true });
  expect((answer as { data: ResourceStats }).data).toMatchObject({
    diskLimitKind: "soft",
    diskLimitBytes: 2 * MB,
    diskState: "full",
    diskNotice: expect.stringMatching(/limit is soft.*without containers/),
  });

  rmSync(join(data, "world"));
  await plane.power(ID, "start");
  await plane.inState(ID, "running");
  writeFileSync(join(data, "world"), Buffer.alloc(3 * MB, 1));
  await plane.request({ op: "console_input", serverId: ID, data: "still here" });
  expect(plane.lastEvent(ID)?.state).toBe("running");
});
