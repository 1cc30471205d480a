/** What somebody does to the containers of a node behind its agent's back, and what becomes of it. */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerName } from "../runtime/nerdctl/options.ts";
import { ECHO_IMAGE } from "../runtime/nerdctl/testing/test-node.ts";
import { ContainerNode } from "../testing/container-node.ts";
import { waitUntil } from "../testing/wait-until.ts";

let node: ContainerNode;
beforeEach(async () => {
  node = await ContainerNode.make();
});
afterEach(() => node.cleanUp());

type Change = Parameters<ContainerNode["spec"]>[0];

/** A server that runs. */
async function running(change: Change = {}) {
  const spec = node.spec({ restartPolicy: "on-failure", ...change });
  node.plane.setServers(spec);
  await node.start();
  await node.plane.inState(spec.id, "running", 30_000);
  return { spec, id: spec.id, container: node.containerId(spec.id)! };
}

const runs = (id: string) => node.plane.states(id).filter((state) => state === "running").length;
const nextRun = (id: string, before = 1) => waitUntil("another run", () => runs(id) > before, 30_000);
const crashes = (id: string) => node.plane.events.filter((event) => event.serverId === id && event.crash).length;

const nothingLeft = (id: string) => waitUntil("no container to be left", () => node.containersOf(id).length === 0);

describe("a container that was ended from outside", () => {
  it.each([
    ["removed", (id: string) => node.nerdctl("rm", "-f", containerName(id))],
    ["stopped", (id: string) => node.nerdctl("stop", "-t", "1", containerName(id))],
    ["killed", (id: string) => node.nerdctl("kill", containerName(id))],
  ])("%s: counts as one crash, and its policy brings it back once", async (_what, end) => {
    const { id, container } = await running();
    end(id);
    await nextRun(id);
    expect(crashes(id)).toBe(1);
    expect(node.containersOf(id)).toEqual([containerName(id)]);
    expect(node.containerId(id)).not.toBe(container);
  });

  it("while no agent was there is found ended when one is, and brought back", async () => {
    const { id } = await running();
    await node.stop();
    node.nerdctl("rm", "-f", containerName(id));
    await node.start();
    await nextRun(id);
    expect(crashes(id)).toBe(1);
  });

  it("stays down under the policy never, and says so", async () => {
    const { id } = await running({ restartPolicy: "never" });
    node.nerdctl("rm", "-f", containerName(id));
    expect(await node.plane.inState(id, "crashed")).toMatchObject({ crashCount: 1 });
    await nothingLeft(id);
  });
});

describe("a container that was paused", () => {
  const isPaused = (id: string) => node.nerdctl("inspect", "--format", "{{.State.Paused}}", containerName(id)).trim();

  it("goes on at once", async () => {
    const { id, container } = await running();
    node.nerdctl("pause", containerName(id));
    await waitUntil("it to go on", () => isPaused(id) === "false");
    expect(node.containerId(id)).toBe(container);
    expect(runs(id)).toBe(1);
  });

  it("goes on when the agent comes back, and can be stopped", async () => {
    const { id } = await running();
    await node.stop();
    node.nerdctl("pause", containerName(id));
    await node.start();
    await waitUntil("it to go on", () => isPaused(id) === "false");
    await node.plane.power(id, "stop");
    expect(await node.plane.inState(id, "stopped")).toMatchObject({ exitCode: 0 });
  });
});

describe("a container that was renamed", () => {
  it.each(["while the agent watched", "while it was away"])(
    "%s: is still this server, and ends as it",
    async (when) => {
      const { id, container } = await running();
      if (when === "while it was away") await node.stop();
      node.nerdctl("rename", containerName(id), `renamed-${id}`);
      if (when === "while it was away") await node.start();
      expect(await node.plane.power(id, "start")).toMatchObject({ ok: false, code: "SERVER_ALREADY_RUNNING" });
      expect(node.containerId(id)).toBe(container);
      await node.plane.power(id, "restart");
      await nextRun(id);
      await waitUntil("one container, by its own name", () => node.containersOf(id).join() === containerName(id));
    },
  );
});

it("a second container with the labels of a running server is removed; the one that was started stays", async () => {
  const { id, container } = await running();
  await node.stop();
  const labels = JSON.parse(node.nerdctl("inspect", "--format", "{{json .Config.Labels}}", containerName(id)));
  const copied = Object.entries<string>({ ...labels, "catalyst.run": "forged" })
    .filter(([name]) => name.startsWith("catalyst."))
    .flatMap(([name, value]) => ["--label", `${name}=${value}`]);
  node.nerdctl("run", "-d", "--name", `double-${id}`, ...copied, ECHO_IMAGE, "sleep", "300");
  await node.start();
  await waitUntil("the double to be gone", () => node.containersOf(id).join() === containerName(id));
  expect(node.containerId(id)).toBe(container);
  expect(runs(id)).toBe(1);
});

it("a stranger's container with the server's name is left alone; the start fails in words, and works without it", async () => {
  const spec = node.spec({ desiredPower: "stopped" });
  node.plane.setServers(spec);
  await node.start();
  await node.plane.inState(spec.id, "stopped");
  node.nerdctl("run", "-d", "--name", containerName(spec.id), ECHO_IMAGE, "sleep", "300");
  try {
    await node.plane.power(spec.id, "start");
    const { reason } = await node.plane.inState(spec.id, "error");
    expect(reason).toMatch(/^Another container on this node, .* has the name catalyst-s-/);
    await node.plane.power(spec.id, "kill");
    expect(node.nerdctl("inspect", "--format", "{{.State.Status}}", containerName(spec.id)).trim()).toBe("running");
  } finally {
    node.nerdctl("rm", "-f", containerName(spec.id));
  }
  await node.plane.power(spec.id, "start");
  await node.plane.inState(spec.id, "running");
});

/** nerdctl would leave a nameless one behind for the container that runs. */
const deleteImage = (image: string) =>
  execFileSync("ctr", ["--namespace", "catalyst", "images", "remove", "--sync", `docker.io/${image}`]);

it("an image that was deleted ends nothing that runs; the next start says that it is missing, and works with it", async () => {
  const image = `catalyst-test/gone-${process.pid}:1`;
  node.nerdctl("tag", ECHO_IMAGE, image);
  const { id } = await running({ image });
  deleteImage(image);
  expect(node.containerId(id)).not.toBeNull();
  await node.plane.power(id, "restart");
  expect((await node.plane.inState(id, "error", 60_000)).reason).toMatch(/image/i);
  node.nerdctl("tag", ECHO_IMAGE, image);
  try {
    await node.plane.power(id, "start");
    await nextRun(id);
  } finally {
    await node.plane.power(id, "kill");
    await node.plane.inState(id, "stopped");
    deleteImage(image);
  }
});

describe("an agent that lost its own records", () => {
  it.each([
    ["of the runs", () => rmSync(join(node.dataDir, "nerdctl-runtime", "runs"), { recursive: true })],
    [
      "of this run, torn",
      (id: string) => writeFileSync(join(node.dataDir, "nerdctl-runtime/runs", `${id}.json`), '{"'),
    ],
    ["of every status", () => rmSync(join(node.dataDir, "journal"))],
    [
      "of the spec",
      () => {
        for (const name of ["spec.json", "spec.json.previous"]) rmSync(join(node.dataDir, name), { force: true });
      },
    ],
    ["of everything", () => node.loseData()],
  ])("%s, finds its server running in the same container, and can end it", async (_what, lose) => {
    const { id, container } = await running();
    await node.stop();
    lose(id);
    await node.start();
    const answer = await waitUntil("the server to be known", async () => {
      const start = await node.plane.power(id, "start");
      return !start.ok && start.code === "SERVER_ALREADY_RUNNING" && start;
    });
    expect(answer.ok).toBe(false);
    expect(node.containerId(id)).toBe(container);
    expect(node.plane.lastEvent(id)?.state).toBe("running");
    await node.plane.power(id, "kill");
    await node.plane.inState(id, "stopped");
    await nothingLeft(id);
  });
});
