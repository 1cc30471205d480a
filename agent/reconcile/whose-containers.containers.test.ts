/** Which containers of a machine an agent takes for its own, and which it removes. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { containerName } from "../runtime/nerdctl/options.ts";
import { ECHO_IMAGE } from "../runtime/nerdctl/testing/test-node.ts";
import { ContainerNode } from "../testing/container-node.ts";
import { FakeControlPlane } from "../testing/fake-control-plane.ts";
import { waitUntil } from "../testing/wait-until.ts";

let node: ContainerNode;
const others: ContainerNode[] = [];
const planes: FakeControlPlane[] = [];
beforeEach(async () => {
  node = await ContainerNode.make();
});
afterEach(async () => {
  for (const other of others.splice(0)) await other.cleanUp();
  await node.cleanUp();
  for (const plane of planes.splice(0)) await plane.close();
});

async function running(on = node) {
  const spec = on.spec();
  on.plane.setServers(spec);
  await on.start();
  await on.plane.inState(spec.id, "running", 30_000);
  return { spec, id: spec.id, container: on.containerId(spec.id)! };
}

/** A panel that this node's files and configuration speak of next. */
async function anotherPanel(nodeId = node.plane.nodeId) {
  const plane = await FakeControlPlane.start(nodeId);
  planes.push(plane);
  return plane;
}

it("an unknown container with its labels goes when the panel's present spec lacks it, not before", async () => {
  const { spec, id } = await running();
  const kept = node.containerId(id);
  const labels = JSON.parse(node.nerdctl("inspect", "--format", "{{json .Config.Labels}}", containerName(id)));
  const orphan = node.spec().id;
  const pairs = { ...labels, "catalyst.server": orphan, "catalyst.run": "r-1" };
  const args = Object.entries<string>(pairs).filter(([name]) => name.startsWith("catalyst."));
  await node.stop();
  node.nerdctl(
    "run",
    "-d",
    "--name",
    containerName(orphan),
    ...args.flatMap(([k, v]) => ["--label", `${k}=${v}`]),
    ECHO_IMAGE,
    "sleep",
    "300",
  );
  node.nerdctl("run", "-d", "--name", `stranger-${orphan}`, ECHO_IMAGE, "sleep", "300");
  node.plane.isRefusing = true;
  const started = node.start();
  // The agent is at work without a panel, and judges nothing from what it has on disk.
  await node.plane.attempted();
  expect(node.containersOf(orphan)).toHaveLength(1);
  node.plane.isRefusing = false;
  await started;
  await waitUntil("the orphan to be gone", () => node.containersOf(orphan).length === 0);
  expect(node.containerId(id)).toBe(kept);
  expect(node.nerdctl("ps", "--format", "{{.Names}}")).toContain(`stranger-${orphan}`);
  node.nerdctl("rm", "-f", `stranger-${orphan}`);
  expect(node.plane.spec.servers).toEqual([spec]);
});

it("a copied panel's agent with the same node id on the same machine touches nothing of the first", async () => {
  const { id, container } = await running();
  const copy = node.twin(await anotherPanel());
  others.push(copy);
  const own = copy.spec();
  copy.plane.setServers(own);
  await copy.start();
  await copy.plane.inState(own.id, "running", 30_000);
  expect(node.containerId(id)).toBe(container);
  // Not even one that both know: the name is taken, which is said.
  copy.plane.setServers(own, { ...node.plane.spec.servers[0]!, allocations: [] });
  expect((await copy.plane.inState(id, "error", 30_000)).reason).toContain(`has the name catalyst-${id}`);
  copy.plane.setServers();
  await waitUntil("the copy's own to be gone", () => copy.containersOf(own.id).length === 0);
  expect(node.containerId(id)).toBe(container);
});

it("a panel that moved to another address finds its servers running in the same containers", async () => {
  const { spec, id, container } = await running();
  await node.stop();
  const moved = await anotherPanel();
  moved.spec = { ...node.plane.spec };
  await node.start({ plane: moved });
  expect(await moved.power(id, "start")).toMatchObject({ ok: false, code: "SERVER_ALREADY_RUNNING" });
  expect(node.containerId(id)).toBe(container);
  moved.setServers({ ...spec, version: 2, desiredPower: "stopped", desiredPowerAt: 99 });
  await moved.inState(id, "stopped");
});

it("a node that was enrolled anew ends what it ran for the old name, and keeps its files", async () => {
  const { id } = await running();
  await node.stop();
  const anew = await anotherPanel("node-enrolled-anew");
  anew.setServers();
  await node.start({ plane: anew });
  await waitUntil("the old server's container to be gone", () => node.containersOf(id).length === 0);
  await waitUntil("its files to be kept", () => node.keptFolders().some((name) => name.startsWith(`${id}-`)));
});
