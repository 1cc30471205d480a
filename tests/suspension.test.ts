import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import WebSocket from "ws";
import type { AuditEntry } from "../protocol/api/audit.ts";
import type { ServerDetail } from "../protocol/api/servers.ts";
import { type Member, member } from "./world/member.ts";
import { Panel } from "./world/panel.ts";
import { processesOf } from "./world/processes.ts";
import { templateCopy } from "./world/template-copy.ts";
import { until } from "./world/until.ts";

let panel: Panel;
let owner: Member;
let name: string;
let count = 0;
beforeAll(async () => {
  panel = await Panel.start();
  owner = await member(panel, "owner");
});
afterAll(() => panel?.stop());
beforeEach(() => {
  name = `suspended ${++count}`;
});

const create = (changes: Record<string, unknown> = {}) => panel.createServer({ name, ownerId: owner.id, ...changes });
const suspend = (id: string, reason?: string) => panel.must("POST", `/api/servers/${id}/suspend`, { reason });
const unsuspend = (id: string) => panel.must("POST", `/api/servers/${id}/unsuspend`);
const games = (id: string) => processesOf(`SERVER_ID=${id}`);
/** What the node itself says: the panel shows `suspended` before the node has obeyed. */
const nodeSays = async (of = name) => (await panel.agentStats()).servers.find((server) => server.name === of)?.state;
const obeyed = (of = name) => until(`the node has suspended ${of}`, async () => (await nodeSays(of)) === "suspended");

interface Watching {
  frames: Record<string, unknown>[];
  code: Promise<number>;
}

function watch(id: string, token: string): Watching {
  const socket = new WebSocket(`${panel.url.replace("http", "ws")}/api/servers/${id}/console`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const frames: Record<string, unknown>[] = [];
  socket.on("message", (data) => frames.push(JSON.parse(String(data))));
  socket.on("error", () => {});
  return { frames, code: new Promise((resolve) => socket.on("close", resolve)) };
}
const of = (watching: Watching, type: string) => watching.frames.filter((frame) => frame.type === type);

it("a running server is stopped, its users are sent away with 4409, and it is back when the suspension ends", async () => {
  const id = await create();
  await panel.startServer(id);
  const own = watch(id, owner.token);
  const staff = watch(id, panel.token);
  await until("both watch", () => of(own, "subscribed").length + of(staff, "subscribed").length === 2);
  await suspend(id, "The invoice is open.");
  // The close itself may come seconds later: clients act on the bye.
  await until("the owner is told", () => of(own, "bye").length > 0);
  expect(of(own, "bye")).toMatchObject([{ code: 4409, reason: expect.stringContaining("The invoice is open.") }]);
  await obeyed();
  expect(games(id)).toEqual([]);
  await until("staff sees it", () => of(staff, "server_state_update").at(-1)?.state === "suspended");

  expect(await watch(id, owner.token).code).toBe(4409);
  for (const action of ["start", "restart", "stop", "kill"]) {
    const refused = await owner.api("POST", `/api/servers/${id}/${action}`);
    expect([refused.status, refused.body.code]).toEqual([423, "SERVER_SUSPENDED"]);
  }
  const seen = await owner.api<ServerDetail>("GET", `/api/servers/${id}`);
  expect(seen.body.data).toMatchObject({
    status: "suspended",
    suspension: { reason: "The invoice is open.", by: null },
  });
  const activity = await owner.api<AuditEntry[]>("GET", `/api/servers/${id}/activity`);
  expect(activity.body.data.map((entry) => entry.action)).toContain("server.suspend");

  await unsuspend(id);
  await panel.waitForState(id, "running");
  expect(games(id).length).toBeGreaterThan(0);
});

it("survives the end of the agent and of the Worker, and a server that was stopped stays so afterwards", async () => {
  const running = await create();
  const resting = await create({ name: `${name} at rest` });
  await panel.startServer(running);
  await suspend(running);
  await suspend(resting);
  await obeyed();
  await panel.killAgent();
  await panel.killWorker();
  await panel.waitForNode();
  await obeyed();
  expect(games(running)).toEqual([]);
  expect((await owner.api("POST", `/api/servers/${running}/start`)).status).toBe(423);
  await unsuspend(running);
  await unsuspend(resting);
  await panel.waitForState(running, "running");
  await until("it lies", async () => (await nodeSays(`${name} at rest`)) === "stopped");
  expect(games(resting)).toEqual([]);
});

it("said while the agent is away is obeyed when it is back", async () => {
  const id = await create();
  await panel.startServer(id);
  const before = panel.agentPid();
  process.kill(before, "SIGKILL");
  await suspend(id);
  await until("another agent", () => ![0, before].includes(panel.agentPid()));
  await panel.waitForNode();
  await obeyed();
  expect(games(id)).toEqual([]);
});

it("takes back a restart that is waited for", async () => {
  const id = await create();
  await panel.startServer(id);
  for (const crash of [1, 2, 3]) {
    await panel.must("POST", `/api/servers/${id}/command`, { command: "exit 42" });
    await until(`crash ${crash}`, async () => {
      const server = await panel.must<ServerDetail>("GET", `/api/servers/${id}`);
      return server.crashCount === crash && (crash === 3 || server.status === "running");
    });
  }
  // Four seconds from now it would be started.
  await suspend(id);
  await obeyed();
  await delay(5_000);
  expect(await nodeSays()).toBe("suspended");
  expect(games(id)).toEqual([]);
});

it("cuts an install short, and the install is done anew when it ends", async () => {
  const installScript = "if [ -e second ]; then exit 0; fi; touch second; sleep 300";
  const id = await create({ templateId: await templateCopy(panel, "echo", "slow-install", { installScript }) });
  await until("it is being installed", async () => (await nodeSays()) === "installing" && games(id).length > 0);
  await suspend(id);
  await obeyed();
  await until("its script is gone", () => games(id).length === 0);
  await unsuspend(id);
  await panel.waitForState(id, "stopped");
});

it("wins over a start that is given at the same moment, in each of 50 orders", async () => {
  const servers = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => ({ id: await create({ name: `race ${index}` }), at: index })),
  );
  const answers: number[] = [];
  for (let round = 0; round < 5; round++) {
    await Promise.all(
      servers.map(async ({ id, at }) => {
        // From well before to well after: the start is on its way, accepted, launching or running by then.
        const leadMs = (at - 3) * 20 + round * 7;
        const start = delay(Math.max(0, -leadMs)).then(() => owner.api("POST", `/api/servers/${id}/start`));
        const stop = delay(Math.max(0, leadMs)).then(() => suspend(id));
        answers.push((await start).status);
        await stop;
      }),
    );
    for (const { id, at } of servers) {
      await obeyed(`race ${at}`);
      expect(games(id)).toEqual([]);
      expect((await owner.api("POST", `/api/servers/${id}/start`)).status).toBe(423);
    }
    await delay(300);
    for (const { id, at } of servers) {
      expect([await nodeSays(`race ${at}`), games(id)]).toEqual(["suspended", []]);
    }
    // Back to a server at rest, for the next round.
    await Promise.all(servers.map(({ id }) => panel.must("POST", `/api/servers/${id}/stop`).catch(() => {})));
    await Promise.all(servers.map(({ id }) => unsuspend(id)));
    for (const { at } of servers) {
      await until("it lies again", async () => (await nodeSays(`race ${at}`)) === "stopped");
    }
  }
  // Some starts came first and were undone, some came too late.
  expect([...new Set(answers)].sort()).toEqual([202, 423]);
  expect(answers).toHaveLength(50);
});
