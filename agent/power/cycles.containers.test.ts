/** Power actions in quick succession on containers. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { nerdctl, TestNode } from "../runtime/nerdctl/testing/test-node.ts";
import { cycle, LiveServer } from "./testing/live-server.ts";

let node: TestNode;
let server: LiveServer;
beforeEach(async () => {
  node = new TestNode();
  const allocations = [{ ip: "127.0.0.1", port: 26_531, isPrimary: true }];
  server = await LiveServer.open(node.runtime(), node.launch("", { networkMode: "bridge", allocations }));
});
afterEach(async () => {
  await server.close();
  await node.cleanUp();
});

test.each([
  ["kill", 15],
  ["stop", 5],
  ["restart", 5],
] as const)("a server that is started the moment it has ended by %s runs, %i times in a row", async (end, times) => {
  await cycle(server, end, times);
  expect(server.actor.status).toMatchObject({ state: "running", crashCount: 0 });
});

test("a server that is deleted while it is starting leaves nothing behind", async () => {
  for (const waitFor of ["starting", "running"]) {
    const own = await LiveServer.open(node.runtime(), node.launch(""));
    await own.command("start");
    await own.inState(waitFor);
    await own.actor.remove();
    expect(nerdctl("ps", "-a", "--format", "{{.Names}}")).not.toContain(own.actor.spec.id);
    await own.close();
  }
});
