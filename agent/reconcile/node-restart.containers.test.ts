/** What the agent stands on goes away under it and comes back: itself, containerd, the whole machine. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { writeConsoleInput } from "../console/console-input.ts";
import { serverPaths } from "../console/server-paths.ts";
import { ContainerNode } from "../testing/container-node.ts";
import { PrivateContainerd } from "../testing/private-containerd.ts";
import { waitUntil } from "../testing/wait-until.ts";

let containerd: PrivateContainerd;
let node: ContainerNode;
beforeAll(() => {
  containerd = PrivateContainerd.start();
});
afterAll(() => containerd.stop());
beforeEach(async () => {
  node = await ContainerNode.make(containerd.place);
});
afterEach(() => node.cleanUp());

const type = (id: string, line: string) => writeConsoleInput(serverPaths(node.dataDir, id), line);
const runs = (id: string) => node.plane.states(id).filter((state) => state === "running").length;

/** One that shall run and runs, one that was stopped, one that ended by itself with code 0. */
async function three() {
  const [up, down, done] = [node.spec({ restartPolicy: "on-failure" }), node.spec(), node.spec()];
  node.plane.setServers(up, down, done);
  await node.start();
  for (const { id } of [up, down, done]) await node.plane.inState(id, "running", 30_000);
  await node.plane.power(down.id, "stop");
  await type(done.id, "exit 0");
  for (const { id } of [down, done]) await node.plane.inState(id, "stopped");
  return { up: up.id, down: down.id, done: done.id };
}

it("an agent's restart leaves every server as it is", async () => {
  const { up, down, done } = await three();
  const container = node.containerId(up);
  const told = node.plane.events.length;
  await node.stop();
  await node.start();
  expect(await node.plane.power(up, "start")).toMatchObject({ ok: false, code: "SERVER_ALREADY_RUNNING" });
  expect(node.containerId(up)).toBe(container);
  expect([...node.containersOf(down), ...node.containersOf(done)]).toEqual([]);
  expect(node.plane.events.length).toBe(told);
});

it("games go on while containerd is killed and started again, and their ends are seen afterwards", async () => {
  const { up } = await three();
  const container = node.containerId(up);
  const pid = node.pid(up);
  await containerd.kill();
  await type(up, "alone");
  containerd.again();
  expect(node.pid(up)).toBe(pid);
  expect(node.containerId(up)).toBe(container);
  expect(await node.plane.power(up, "start")).toMatchObject({ ok: false, code: "SERVER_ALREADY_RUNNING" });
  await type(up, "exit 42");
  await waitUntil("the crash to be seen", () => node.plane.events.some(({ crash }) => crash), 30_000);
  await waitUntil("the second run", () => runs(up) === 2, 30_000);
});

it("a power request while containerd is away is refused or put off in words, and nothing is stuck afterwards", async () => {
  const { up, down } = await three();
  await containerd.kill();
  await node.plane.power(down, "start");
  expect((await node.plane.inState(down, "error", 30_000)).reason).toMatch(/containerd\) does not answer/);
  expect(await node.plane.power(up, "stop")).toMatchObject({ ok: true });
  containerd.again();
  await node.plane.inState(up, "stopped", 40_000);
  await node.plane.power(down, "start");
  await node.plane.inState(down, "running", 30_000);
});

it("a game that ended while containerd was away is found ended, and brought back by its policy", async () => {
  const { up } = await three();
  await containerd.kill();
  await type(up, "exit 42");
  containerd.again();
  await waitUntil("the second run", () => runs(up) === 2, 40_000);
  expect(node.plane.events.filter(({ crash }) => crash)).toHaveLength(1);
  expect(node.containersOf(up)).toHaveLength(1);
});

it("after a boot of the machine those that shall run come back, once, and no other", async () => {
  const { up, down, done } = await three();
  await node.stop();
  await containerd.powerCut();
  // The agent may be there before containerd.
  const started = node.start({ bootIdentity: "boot-2" });
  containerd.again();
  await started;
  await waitUntil("the second run", () => runs(up) === 2, 40_000);
  const event = node.plane.events.findLast(({ serverId, state }) => serverId === up && state === "starting");
  expect(event).toMatchObject({ crashCount: 0 });
  await type(up, "back");
  await waitUntil(
    "no rest of the other two",
    () => [...node.containersOf(down), ...node.containersOf(done)].length === 0,
  );
  expect(node.containersOf(up)).toHaveLength(1);
  expect([down, done].map((id) => node.plane.lastEvent(id)?.state)).toEqual(["stopped", "stopped"]);
  await node.plane.power(up, "stop");
  expect(await node.plane.inState(up, "stopped")).toMatchObject({ exitCode: 0 });
});
