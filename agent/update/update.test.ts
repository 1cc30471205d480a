/** An agent replaces itself: real processes, a real launcher, and a supervisor that starts it again. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AgentBuild, buildName } from "../../protocol/agent-update.ts";
import { makeWorld, type World } from "../testing/agent-process.ts";
import { serverSpec } from "../testing/server-spec.ts";
import { buildOf, SupervisedAgent, withStatement } from "../testing/supervised-agent.ts";
import { waitUntil } from "../testing/wait-until.ts";

const ID = "echo-1";
const DEADLINE_MS = 30_000;

let world: World;
let node: SupervisedAgent;

beforeEach(async () => {
  world = await makeWorld();
  node = new SupervisedAgent(world.agent, { CATALYST_AGENT_TRIAL_SECONDS: "10" });
});
afterEach(async () => {
  await node.stop();
  await world.close();
});

/** The build that the connected agent says it is. */
const present = () => {
  const hello = world.plane.frames.findLast((frame) => frame.type === "hello");
  return hello?.type === "hello" ? hello.agentVersion : null;
};
const isOnline = (build: AgentBuild) => world.plane.isConnected && present() === buildName(build);
const online = (build: AgentBuild) => waitUntil(`the agent as ${buildName(build)}`, () => isOnline(build), DEADLINE_MS);

function serve(bundle: string): AgentBuild {
  world.plane.serveBundle = (response) => void response.end(bundle);
  return buildOf(bundle);
}

const update = (build: AgentBuild, updateId = "u-1") => world.plane.request({ op: "update", updateId, build });
const failure = () =>
  waitUntil("the failure's report", () => world.plane.reports.find((report) => report.updateFailure), DEADLINE_MS);
const leftovers = () => node.files().filter((name) => !/^catalyst-agent(\.mjs|\.previous\.mjs)?$/.test(name));

/** The agent runs and is connected, as it shipped. */
async function shipped(): Promise<AgentBuild> {
  node.start();
  const build = buildOf(node.bundle());
  await online(build);
  return build;
}

describe("an update to a good build", { timeout: 60_000 }, () => {
  it("keeps the running game, its console to the byte, and what the panel was not told yet", async () => {
    const { plane, agent } = world;
    plane.setServers(serverSpec());
    const old = await shipped();
    await plane.startServer(ID);
    const pid = agent.serverPid(ID);
    await plane.request({ op: "console_input", serverId: ID, data: "before" });
    await waitUntil("the answer", async () => (await plane.logText(ID)).includes("echo: before"));
    const before = await plane.logText(ID);
    plane.isAcknowledging = false;
    plane.setServers(serverSpec(), serverSpec({ id: "echo-2" }));
    await plane.inState("echo-2", "stopped");
    const told = plane.events.length;

    const next = serve(`${node.bundle()}\n// next\n`);
    expect(await update(next)).toMatchObject({ ok: true, data: { state: "started" } });
    await online(next);

    expect(agent.serverPid(ID)).toBe(pid);
    expect((await plane.logText(ID)).startsWith(before)).toBe(true);
    await plane.request({ op: "console_input", serverId: ID, data: "after" });
    await waitUntil("the answer", async () => (await plane.logText(ID)).includes("echo: after"));
    expect((await plane.logText(ID)).match(/echo: before/g)).toHaveLength(1);
    // Unacknowledged events came again, and a hub that knows their numbers kept each once.
    expect(plane.rawEvents.length).toBeGreaterThan(told);
    const [first] = plane.events;
    expect(plane.events.map(({ seq }) => seq)).toEqual(plane.events.map((_, index) => first!.seq + index));
    await waitUntil("the update to be over", () => leftovers().length === 0);
    expect(readFileSync(join(node.home, "catalyst-agent.previous.mjs"), "utf8")).toBe(node.bundle());
    expect(buildOf(readFileSync(join(node.home, "catalyst-agent.mjs"), "utf8"))).toEqual(next);

    await agent.end("SIGKILL");
    await waitUntil("another start", () => plane.connections === 3);
    await online(next);
    expect(plane.reports.some((report) => report.updateFailure)).toBe(false);
    // And back, as an administrator would who deploys the release before.
    serve(node.bundle());
    await update(old, "u-2");
    await online(old);
  });

  it("is answered as done when it is done, and refused while another is under way", async () => {
    const old = await shipped();
    expect(await update(old)).toMatchObject({ ok: true, data: { state: "current" } });
    const bundle = `${node.bundle()}\n// next\n`;
    let finish = () => {};
    world.plane.serveBundle = (response) => {
      response.write(bundle.slice(0, 1000));
      finish = () => response.end(bundle.slice(1000));
    };
    const next = buildOf(bundle);
    expect(await update(next)).toMatchObject({ ok: true });
    await waitUntil("the download", () => world.plane.downloads === 1);
    expect(await update(next, "u-2")).toMatchObject({ ok: false, code: "CONFLICT" });
    finish();
    await online(next);
    expect(world.plane.downloads).toBe(1);
  });
});

describe("an update that must not be", { timeout: 60_000 }, () => {
  it.each<[string, () => AgentBuild, RegExp]>([
    ["of another hash", () => ({ ...serve(`${node.bundle()}\n// evil\n`), sha256: "0".repeat(64) }), /SHA-256/],
    [
      "of another version than promised",
      () => ({ ...serve(`${node.bundle()}\n`), version: "9.9.9" }),
      /another version/,
    ],
    [
      "that does not start here",
      () => serve("#!/usr/bin/env node\nimport 'node:nothing-like-it';\n"),
      /does not start/,
    ],
    [
      "that the panel does not serve",
      () => {
        world.plane.serveBundle = (response) => void response.writeHead(404).end("<html>");
        return buildOf("x");
      },
      /answered 404/,
    ],
    [
      "that leads elsewhere",
      () => {
        world.plane.serveBundle = (response) =>
          void response.writeHead(302, { location: "http://127.0.0.1:1/evil.mjs" }).end();
        return buildOf("x");
      },
      /answered 302/,
    ],
    [
      "that breaks off",
      () => {
        world.plane.serveBundle = (response) => {
          response.writeHead(200, { "content-length": "1000000" });
          response.write("x".repeat(1000));
          setTimeout(() => response.destroy(), 50);
        };
        return buildOf("x");
      },
      /broke off/,
    ],
    [
      "that never ends",
      () => {
        world.plane.serveBundle = (response) => {
          const pour = () => {
            while (response.writable && response.write(Buffer.alloc(256 * 1024)));
            response.once("drain", pour);
          };
          pour();
        };
        return buildOf("x");
      },
      /too large/,
    ],
  ])("is refused when it is %s, and told; the agent runs on", async (_what, prepare, reason) => {
    const old = await shipped();
    expect(await update(prepare())).toMatchObject({ ok: true, data: { state: "started" } });
    expect((await failure()).updateFailure).toEqual({ updateId: "u-1", reason: expect.stringMatching(reason) });
    expect([node.exits, world.plane.connections]).toEqual([[], 1]);
    await waitUntil("nothing to be left", () => leftovers().length === 0);
    // Nothing is in the way of the next one.
    const next = serve(`${node.bundle()}\n// next\n`);
    expect(next).not.toEqual(old);
    await update(next, "u-2");
    await online(next);
  });

  it("is refused by an agent that nothing would start again", async () => {
    world.agent.start();
    await world.plane.connected();
    const answer = await update(serve(`${node.bundle()}\n`));
    expect(answer).toMatchObject({ ok: false, code: "CONFLICT", error: expect.stringContaining("launcher") });
    expect(world.plane.downloads).toBe(0);
  });
});

describe("a new build that does not do", { timeout: 90_000 }, () => {
  it.each([
    ["ends at once", "process.exit(3);", /again and again/],
    // After its welcome, on a machine that is not busy, and before it could be confirmed on any.
    ["falls over soon", "setTimeout(() => process.exit(3), 1900);", /again and again/],
    ["never reaches its panel", "await new Promise(() => setInterval(() => {}, 1000));", /in time/],
    ["hangs", "for (;;);", /in time/],
    ["reaches its panel too late", "await new Promise((resolve) => setTimeout(resolve, 11_000));", /in time/],
  ])("%s: the one before runs again, with its game, and the panel is told", async (_what, statement, reason) => {
    const { plane, agent } = world;
    plane.setServers(serverSpec());
    const old = await shipped();
    await plane.startServer(ID);
    const pid = agent.serverPid(ID);
    await update(serve(withStatement(node.bundle(), statement)));
    expect((await failure()).updateFailure).toEqual({ updateId: "u-1", reason: expect.stringMatching(reason) });
    await online(old);
    expect(agent.serverPid(ID)).toBe(pid);
    expect(await plane.request({ op: "logs", serverId: ID, from: 0, limitBytes: 1000 })).toMatchObject({ ok: true });
    await waitUntil("nothing to be left", () => leftovers().length === 0);
    expect(readFileSync(join(node.home, "catalyst-agent.mjs"), "utf8")).toBe(node.bundle());
    const before = plane.connections;
    await agent.end("SIGKILL");
    await waitUntil("another start", () => plane.connections > before);
    await online(old);
    expect(plane.reports.filter((report) => report.updateFailure)).toHaveLength(1);
  });
});

it("boots whenever it is killed during an update, as the one or the other build", { timeout: 180_000 }, async () => {
  const builds = [node.bundle(), `${node.bundle()}\n// next\n`];
  await shipped();
  for (let round = 0; round < 12; round++) {
    const [from, to] = round % 2 === 0 ? builds : [builds[1]!, builds[0]!];
    // From whichever of both the last round left.
    const isAlready = present() === buildName(buildOf(to!));
    const target = isAlready ? from! : to!;
    const before = world.plane.connections;
    await update(serve(target), `u-${round}`).catch(() => null);
    await delay(round * 90);
    await world.agent.end("SIGKILL");
    await waitUntil("the node to be online again", () => world.plane.connections > before && world.plane.isConnected);
    await waitUntil("a known build", () => builds.some((bundle) => isOnline(buildOf(bundle))), DEADLINE_MS);
    await waitUntil("the update to be over", () => !node.has("update-trial") && !node.has("update-confirmed"), 20_000);
  }
  const last = `${node.bundle()}\n// last\n`;
  await update(serve(last), "u-last");
  await online(buildOf(last));
});
