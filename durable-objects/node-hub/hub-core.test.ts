import { beforeEach, describe, expect, it } from "vitest";
import { AGENT_SILENT_MS, BAD_FRAMES_MAX, SOCKETS_PER_HUB_MAX, VIEWERS_PER_SERVER_MAX } from "../../protocol/limits.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { agentIdentity, hello, NODE_ID, SERVER_ID, stateEvent, viewerIdentity } from "../testing/frames.ts";
import { SimulatedWorld } from "../testing/simulated-world.ts";
import { EVENT_RULES } from "./flood-limits.ts";

let world: SimulatedWorld;

function readyAgent(): string {
  const id = world.connectAgent();
  world.say(id, hello);
  return id;
}

const taken = (id: string, ...types: string[]) => world.take(id).filter((frame) => types.includes(frame.type));
const presences = () => world.done.flatMap((effect) => (effect.kind === "record_presence" ? [effect] : []));
const replies = () => world.done.flatMap((effect) => (effect.kind === "resolve" ? [effect] : []));
const request = (key: string, requestId = key, deadlineMs = 5_000) =>
  world.call((core, now) => core.request(key, { op: "health" }, requestId, deadlineMs, now));

beforeEach(() => {
  world = new SimulatedWorld();
});

describe("the agent's slot", () => {
  it("is taken by hello, which is answered with epoch, generation and the last event kept", () => {
    const agent = world.connectAgent();
    expect(world.status.agentConnected).toBe(false);
    world.say(agent, hello);
    expect(world.take(agent)).toMatchObject([
      { type: "welcome", protocol: 1, specGeneration: 7, ackedSeq: 0, serverTime: world.now },
      { type: "watch", serverIds: [], health: false },
    ]);
    expect(world.status).toMatchObject({ agentConnected: true, agentVersion: "0.1.0", runtime: "process" });
  });

  it("goes to the newest connection: the older one is told, closed and not heard any more", () => {
    const first = readyAgent();
    const before = world.status.epoch;
    const second = readyAgent();
    expect(world.byeOf(first)).toMatchObject({ code: 1012, reason: expect.stringContaining("replaced") });
    expect(world.status.epoch).toBeGreaterThan(before);
    world.call((core, now) => core.message(first, JSON.stringify(stateEvent(1)), now));
    expect(world.done.some(({ kind }) => kind === "record_state")).toBe(false);
    world.say(second, stateEvent(1));
    expect(world.done.some(({ kind }) => kind === "record_state")).toBe(true);
  });

  it("has rising epochs though the hub's storage was lost", () => {
    readyAgent();
    const before = world.status.epoch;
    const later = new SimulatedWorld();
    later.now = world.now + 10_000;
    later.connectAgent();
    expect(later.status.epoch).toBeGreaterThan(before);
  });

  it("is kept, and given on with rising epochs, while the clock jumps back", () => {
    const first = readyAgent();
    const before = world.status.epoch;
    world.now -= 3_600_000;
    world.say(first, stateEvent(1));
    expect(world.done.some(({ kind }) => kind === "record_state")).toBe(true);
    expect(world.status.agentConnected).toBe(true);
    readyAgent();
    expect(world.status.epoch).toBeGreaterThan(before);
  });

  it("is not given to a protocol that is not spoken here", () => {
    const agent = world.connectAgent();
    world.say(agent, { ...hello, protocol: PROTOCOL_VERSION + 1 });
    expect(world.byeOf(agent)).toMatchObject({ code: 4403 });
    expect(world.status.agentConnected).toBe(false);
    expect(presences()).toEqual([]);
  });

  it("hears nothing before hello, and hello only once", () => {
    const agent = world.connectAgent();
    world.say(agent, stateEvent(1));
    world.say(agent, hello);
    world.say(agent, hello);
    expect(taken(agent, "error").length).toBe(2);
    expect(world.done.some(({ kind }) => kind === "record_state")).toBe(false);
  });

  it("is still the same after the hub slept", () => {
    const agent = readyAgent();
    world.sleep();
    world.say(agent, stateEvent(1));
    expect(taken(agent, "event_ack")).toMatchObject([{ seq: 1 }]);
    expect(world.status.agentConnected).toBe(true);
  });

  it("is not given back by sleep to a connection that was replaced", () => {
    const first = readyAgent();
    const kept = world.links.get(first)!;
    const second = readyAgent();
    // As if the replaced socket's end had not been carried out before the hub lost its memory.
    world.drop(second);
    world.links.set(first, kept);
    world.sleep();
    expect(world.status.agentConnected).toBe(false);
    expect(world.byeOf(first)).toMatchObject({ code: 1012 });
    world.say(first, stateEvent(1));
    expect(world.done.some(({ kind }) => kind === "record_state")).toBe(false);
  });

  it("is freed by silence, but not while keep-alive pings are answered", () => {
    const agent = readyAgent();
    world.now += AGENT_SILENT_MS + 1;
    world.call((core, now) => core.checkAgent(now - 1_000, now));
    expect(world.byeOf(agent)).toBeNull();
    world.call((core, now) => core.checkAgent(null, now));
    expect(world.byeOf(agent)).not.toBeNull();
    expect(presences().at(-1)).toMatchObject({ presence: { isOnline: false } });
  });
});

describe("coming and going", () => {
  it("is told to viewers, and to Postgres with the epoch that fences it", () => {
    const viewer = world.connectViewer();
    expect(taken(viewer, "node_status")).toMatchObject([{ nodeId: NODE_ID, online: false }]);
    const agent = readyAgent();
    const { epoch } = world.status;
    world.drop(agent);
    expect(taken(viewer, "node_status")).toMatchObject([{ online: true }, { online: false }]);
    expect(presences().map(({ presence }) => presence)).toMatchObject([
      { nodeId: NODE_ID, isOnline: true, epoch, agentVersion: "0.1.0", runtime: "process" },
      { nodeId: NODE_ID, isOnline: false, epoch },
    ]);
  });

  it("leaves no node online for ever when the control plane restarts and the agent does not come back", () => {
    readyAgent();
    world.restart();
    expect(presences().at(-1)).toMatchObject({ presence: { isOnline: false }, delayMs: 20_000 });
  });

  it("says nothing to Postgres when the hub merely slept", () => {
    readyAgent();
    const before = presences().length;
    world.sleep();
    expect(presences().length).toBe(before);
  });
});

describe("state events", () => {
  it("are kept before they are acknowledged, and shown to that server's viewers alone", () => {
    const agent = readyAgent();
    const viewer = world.connectViewer();
    const other = world.connectViewer({ serverId: "creative" });
    for (const id of [agent, viewer, other]) world.take(id);
    world.say(agent, stateEvent(1, { state: "crashed", exitCode: 42 }));
    expect(world.done.at(-1)).toMatchObject({ kind: "remember", facts: { ackedSeq: 1 } });
    expect(world.done.at(-2)).toMatchObject({ kind: "record_state" });
    expect(world.take(agent)).toEqual([{ type: "event_ack", seq: 1 }]);
    expect(world.take(viewer)).toMatchObject([{ type: "server_state_update", state: "crashed", exitCode: 42 }]);
    expect(world.take(other)).toEqual([]);
  });

  it("do not reach a viewer whose sign-in has expired", () => {
    const agent = readyAgent();
    const viewer = world.connectViewer({ expiresAt: world.now + 1 });
    world.take(viewer);
    world.now += 1;
    world.say(agent, stateEvent(1, { state: "crashed" }));
    expect(world.take(viewer)).toEqual([]);
    expect(world.byeOf(viewer)).toMatchObject({ code: 4401 });
  });

  it("that come again are acknowledged again and change nothing, also after sleep", () => {
    const agent = readyAgent();
    world.say(agent, stateEvent(5));
    const recorded = world.done.length;
    world.sleep();
    world.say(agent, stateEvent(5));
    world.say(agent, stateEvent(4, { state: "error" }));
    expect(world.done.length).toBe(recorded);
    expect(taken(agent, "event_ack").map((frame) => (frame as { seq: number }).seq)).toEqual([5, 5, 5]);
  });

  it("greet a viewer: the hub's own newest, else what Postgres knew", () => {
    const known = world.connectViewer({ state: "stopped" }, stateEvent(3, { state: "running" }));
    const unknown = world.connectViewer({ state: "stopped" });
    const nonsense = world.connectViewer({ state: "levitating" });
    expect(taken(known, "server_state_update")).toMatchObject([{ state: "running" }]);
    expect(taken(unknown, "server_state_update")).toMatchObject([{ state: "stopped" }]);
    expect(taken(nonsense, "server_state_update")).toEqual([]);
  });
});

describe("requests to the agent", () => {
  it("are answered by its response", () => {
    const agent = readyAgent();
    request("key-1", "request-1");
    const [frame] = taken(agent, "request");
    expect(frame).toMatchObject({ requestId: "request-1", operation: { op: "health" } });
    world.say(agent, { type: "response", requestId: "request-1", ok: true, data: { a: 1 } });
    world.say(agent, { type: "response", requestId: "request-1", ok: true, data: { a: 2 } });
    expect(replies()).toEqual([{ kind: "resolve", key: "key-1", reply: { ok: true, data: { a: 1 } } }]);
  });

  it("fail at once without an agent, and when it goes", () => {
    request("key-1");
    expect(replies()).toMatchObject([{ key: "key-1", reply: { ok: false, code: "NODE_OFFLINE" } }]);
    const agent = readyAgent();
    request("key-2");
    world.drop(agent);
    expect(replies()[1]).toMatchObject({ key: "key-2", reply: { ok: false, code: "NODE_OFFLINE" } });
  });

  it("end by their deadline at the next event", () => {
    const agent = readyAgent();
    request("key-1", "request-1", 1_000);
    world.now += 1_000;
    world.say(agent, { type: "ping" });
    expect(replies()).toMatchObject([{ reply: { ok: false, code: "AGENT_TIMEOUT" } }]);
  });

  it("that were given the same id do not mix up their answers", () => {
    const agent = readyAgent();
    request("key-1", "same");
    request("key-2", "same");
    const ids = taken(agent, "request").map((frame) => (frame as { requestId: string }).requestId);
    expect(new Set(ids).size).toBe(2);
    world.say(agent, { type: "response", requestId: ids[1], ok: true, data: "second" });
    world.say(agent, { type: "response", requestId: ids[0], ok: true, data: "first" });
    expect(replies()).toMatchObject([
      { key: "key-2", reply: { data: "second" } },
      { key: "key-1", reply: { data: "first" } },
    ]);
  });
});

describe("a viewer's commands", () => {
  const control = (action: string, commandId = "command-1") => ({
    type: "server_control",
    serverId: SERVER_ID,
    action,
    commandId,
  });
  const input = (data: string) => ({ type: "console_input", serverId: SERVER_ID, data });

  it("reach the agent, and its answer comes back", () => {
    const agent = readyAgent();
    const viewer = world.connectViewer();
    world.take(agent);
    world.say(viewer, control("start"));
    const [asked] = taken(agent, "request") as { requestId: string }[];
    expect(asked).toMatchObject({
      operation: { op: "power", serverId: SERVER_ID, action: "start", commandId: "command-1", issuedAt: world.now },
    });
    world.say(agent, { type: "response", requestId: asked!.requestId, ok: true, data: {} });
    expect(taken(viewer, "command_result")).toEqual([{ type: "command_result", commandId: "command-1", ok: true }]);
  });

  it("that fail say why; a typed line says nothing when it went well", () => {
    const agent = readyAgent();
    const viewer = world.connectViewer();
    world.take(agent);
    world.say(viewer, input("say hi"));
    world.say(viewer, input("say again"));
    const asked = taken(agent, "request") as { requestId: string }[];
    world.take(viewer);
    world.say(agent, { type: "response", requestId: asked[0]!.requestId, ok: true, data: null });
    const failure = { ok: false, code: "SERVER_NOT_RUNNING", error: "The server is not running." };
    world.say(agent, { type: "response", requestId: asked[1]!.requestId, ...failure });
    expect(world.take(viewer)).toEqual([{ type: "error", code: failure.code, error: failure.error }]);
  });

  it("are answered NODE_OFFLINE when no agent is connected", () => {
    const viewer = world.connectViewer();
    world.say(viewer, control("start"));
    world.say(viewer, input("say hi"));
    expect(taken(viewer, "command_result", "error")).toMatchObject([
      { type: "command_result", commandId: "command-1", ok: false, code: "NODE_OFFLINE" },
      { type: "error", code: "NODE_OFFLINE" },
    ]);
  });

  it.each([
    ["start", "server.stop"],
    ["stop", "server.start"],
    ["restart", "server.start"],
    ["kill", "server.stop"],
  ])("%s is not allowed by %s", (action, permission) => {
    const agent = readyAgent();
    const viewer = world.connectViewer({ permissions: [permission] });
    world.say(viewer, control(action));
    expect(taken(viewer, "command_result")).toMatchObject([{ ok: false, code: "PERMISSION_DENIED" }]);
    expect(taken(agent, "request")).toEqual([]);
  });

  it("typing needs console.write", () => {
    const agent = readyAgent();
    const viewer = world.connectViewer({ permissions: ["console.read"] });
    world.say(viewer, input("op me"));
    expect(taken(viewer, "error")).toMatchObject([{ code: "PERMISSION_DENIED" }]);
    expect(taken(agent, "request")).toEqual([]);
  });

  it.each(["two\nlines", "bell\u0007", "x".repeat(32 * 1024 + 1)])("refuses the line %#", (data) => {
    const agent = readyAgent();
    const viewer = world.connectViewer();
    world.say(viewer, input(data));
    expect(taken(viewer, "error")).toMatchObject([{ code: "VALIDATION" }]);
    expect(taken(agent, "request")).toEqual([]);
  });

  it("on another server than its own are refused", () => {
    const agent = readyAgent();
    const viewer = world.connectViewer();
    world.say(viewer, { ...input("say hi"), serverId: "creative" });
    expect(taken(viewer, "error")).toMatchObject([{ code: "NOT_FOUND" }]);
    expect(taken(agent, "request")).toEqual([]);
  });

  it("are limited in how many may be under way", () => {
    readyAgent();
    const viewer = world.connectViewer();
    for (let count = 0; count < 40; count += 1) world.say(viewer, input("say hi"));
    expect(taken(viewer, "error").filter((frame) => "code" in frame && frame.code === "RATE_LIMITED").length).toBe(8);
  });
});

describe("bad frames", () => {
  const bad: [string, string][] = [
    ["no JSON", "{"],
    ["not an object", "[]"],
    ["an unknown type", '{"type":"sudo"}'],
    ["a wrong field", `{"type":"console_ack","serverId":"${SERVER_ID}","offset":-1}`],
    ["an agent's frame", JSON.stringify(stateEvent(1))],
    ["a console envelope", `C ${SERVER_ID} 0 1 -\n{}`],
    ["a frame over the limit", JSON.stringify({ type: "ping", padding: "x".repeat(64 * 1024) })],
  ];
  it.each(bad)("%s is answered with an error and does nothing", (_, frame) => {
    const viewer = world.connectViewer();
    world.take(viewer);
    world.say(viewer, frame);
    expect(world.take(viewer)).toMatchObject([{ type: "error" }]);
    expect(world.done.some(({ kind }) => kind === "record_state")).toBe(false);
  });

  it("end a viewer's socket when there are too many, though the hub slept between", () => {
    const viewer = world.connectViewer();
    for (let count = 0; count < BAD_FRAMES_MAX; count += 1) world.sayBinary(viewer);
    expect(world.byeOf(viewer)).toBeNull();
    world.sleep();
    world.sayBinary(viewer);
    expect(world.byeOf(viewer)).toMatchObject({ code: 4429 });
  });

  it("end an agent's socket when there are too many", () => {
    const agent = readyAgent();
    for (let count = 0; count <= BAD_FRAMES_MAX; count += 1) world.say(agent, "C not an envelope");
    expect(world.byeOf(agent)).toMatchObject({ code: 4429 });
    expect(presences().at(-1)).toMatchObject({ presence: { isOnline: false } });
  });
});

describe("revocation", () => {
  it("ends the sockets that match every field, and says why", () => {
    const mine = world.connectViewer({ userId: "u1", credentialId: "c1" });
    const elsewhere = world.connectViewer({ userId: "u1", credentialId: "c2", serverId: "creative" });
    const other = world.connectViewer({ userId: "u2", credentialId: "c3" });
    const counts: number[] = [];
    const revoke = (filter: object) =>
      world.call((core, now) => {
        const { effects, count } = core.revoke(filter, 4401, "signed out", now);
        counts.push(count);
        return effects;
      });
    revoke({ userId: "u1", serverId: SERVER_ID });
    expect([mine, elsewhere, other].map((id) => world.isOpen(id))).toEqual([false, true, true]);
    expect(world.byeOf(mine)).toMatchObject({ code: 4401, reason: "signed out" });
    revoke({ credentialId: "c2" });
    expect([elsewhere, other].map((id) => world.isOpen(id))).toEqual([false, true]);
    expect(counts).toEqual([1, 1]);
  });

  it("of the node's secret ends the agent's socket", () => {
    const agent = readyAgent();
    world.call((core, now) => core.disconnectAgent("the secret was changed", now));
    expect(world.byeOf(agent)).toMatchObject({ code: 4401, reason: "the secret was changed" });
    expect(world.status.agentConnected).toBe(false);
  });

  it("by time: a frame of an expired sign-in is not obeyed", () => {
    const agent = readyAgent();
    const viewer = world.connectViewer({ expiresAt: world.now + 1 });
    world.now += 1;
    world.say(viewer, { type: "console_input", serverId: SERVER_ID, data: "op me" });
    expect(world.byeOf(viewer)).toMatchObject({ code: 4401 });
    expect(taken(agent, "request")).toEqual([]);
  });
});

describe("the spec's generation", () => {
  const hint = (generation: number) => world.call((core, now) => core.setSpecGeneration(generation, now));
  const welcome = (agent: string) => taken(agent, "welcome")[0] as { specGeneration: number };

  it("is passed on at once, and stated at the next connect", () => {
    const agent = readyAgent();
    hint(8);
    expect(taken(agent, "spec_changed")).toEqual([{ type: "spec_changed", generation: 8 }]);
  });

  it("is not lost when it changes between the Worker's reading and the agent's connect", () => {
    hint(9);
    expect(welcome(readyAgent()).specGeneration).toBe(9);
  });

  it("may go back, as it does when the database was restored", () => {
    hint(50);
    world.now += 60_000;
    expect(welcome(readyAgent()).specGeneration).toBe(7);
  });
});

describe("what is looked at", () => {
  it("is told to the agent when it changes, with health only for whom it is meant", () => {
    const agent = readyAgent();
    world.take(agent);
    const first = world.connectViewer({ permissions: ["*"] });
    world.connectViewer();
    const admin = world.connectViewer({ serverId: "creative", permissions: ["*", "node.view_stats"] });
    world.drop(admin);
    expect(taken(agent, "watch")).toEqual([
      { type: "watch", serverIds: [SERVER_ID], health: false },
      { type: "watch", serverIds: ["creative", SERVER_ID], health: true },
      { type: "watch", serverIds: [SERVER_ID], health: false },
    ]);
    expect(world.isOpen(first)).toBe(true);
  });

  it("is told again to an agent that comes back", () => {
    readyAgent();
    world.connectViewer();
    expect(taken(readyAgent(), "watch")).toEqual([{ type: "watch", serverIds: [SERVER_ID], health: false }]);
  });

  it("health reaches only who may see it, under the node's own name", () => {
    const agent = readyAgent();
    const owner = world.connectViewer({ permissions: ["*"] });
    const admin = world.connectViewer({ permissions: ["*", "node.view_stats"] });
    world.say(agent, {
      type: "health_report",
      nodeId: "another-node",
      cpuPercent: 1,
      memoryUsageMb: 1,
      memoryTotalMb: 2,
      diskUsageMb: 1,
      diskTotalMb: 2,
      containerCount: 0,
      uptimeSeconds: 1,
    });
    expect(taken(owner, "health_report")).toEqual([]);
    expect(taken(admin, "health_report")).toMatchObject([{ nodeId: NODE_ID }]);
  });
});

describe("limits", () => {
  it("on a server's viewers leave other servers alone", () => {
    for (let count = 0; count < VIEWERS_PER_SERVER_MAX; count += 1) world.connectViewer();
    expect(world.core.refusal(viewerIdentity())).toMatchObject({ code: 4429 });
    expect(world.core.refusal(viewerIdentity({ serverId: "creative" }))).toBeNull();
  });

  it("on a hub's sockets always leave a place for the agent", () => {
    for (let count = 0; count < SOCKETS_PER_HUB_MAX - 1; count += 1)
      world.connectViewer({ serverId: `s-${count % 20}` });
    expect(world.core.refusal(viewerIdentity({ serverId: "creative" }))).toMatchObject({ code: 4429 });
    expect(world.core.refusal(agentIdentity())).toBeNull();
  });
});

describe("an agent that tells more events than an honest one could", () => {
  it("is sent away, loses nothing, and is heard again later", () => {
    const agent = readyAgent();
    let seq = 0;
    while (!world.byeOf(agent)) {
      world.say(agent, stateEvent(++seq));
      world.take(agent);
      world.done.length = 0;
    }
    expect(seq).toBe(EVENT_RULES.burst + 1);
    expect(world.byeOf(agent)).toMatchObject({ code: 4429, reconnectAfterMs: 60_000 });
    world.now += 60_000;
    const again = readyAgent();
    expect(taken(again, "welcome")).toMatchObject([{ ackedSeq: seq - 1 }]);
    for (let count = 0; count < 60 * EVENT_RULES.perSecond; count += 1) world.say(again, stateEvent(seq++));
    expect(taken(again, "event_ack").at(-1)).toMatchObject({ seq: seq - 1 });
    expect(world.byeOf(again)).toBeFalsy();
    world.say(again, stateEvent(seq));
    expect(world.byeOf(again)).toMatchObject({ code: 4429 });
  });

  it("may send the whole of an agent's longest backlog at once", () => {
    const agent = readyAgent();
    for (let seq = 1; seq <= 20_000; seq += 1) world.say(agent, stateEvent(seq));
    expect(taken(agent, "event_ack").at(-1)).toMatchObject({ seq: 20_000 });
  });
});
