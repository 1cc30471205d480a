import { abortAllDurableObjects, reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it } from "vitest";
import { HUB_IDENTITY_HEADER } from "../../protocol/hub-rpc.ts";
import { VIEWERS_PER_SERVER_MAX } from "../../protocol/limits.ts";
import {
  agentIdentity,
  consoleFrame,
  hello,
  NODE_ID,
  SERVER_ID,
  stateEvent,
  viewerIdentity,
} from "../testing/frames.ts";
import { hub, liveViewer, readyAgent } from "../testing/hub.ts";
import { connect } from "../testing/test-socket.ts";

afterEach(async () => {
  await reset();
});

describe("an agent and a viewer", () => {
  it("hear each other through the hub", async () => {
    const agent = await readyAgent();
    const viewer = await liveViewer(agent);
    agent.send(consoleFrame(0, "hello\n"));
    expect(await viewer.take("console_output")).toMatchObject({ data: "hello\n", offset: 0 });
    viewer.send({ type: "console_input", serverId: SERVER_ID, data: "say hi" });
    expect(await agent.take("request")).toMatchObject({ operation: { op: "console_input", data: "say hi" } });
    agent.send(stateEvent(1, { state: "crashed" }));
    expect(await agent.take("event_ack")).toMatchObject({ seq: 1 });
    await viewer.until(() => viewer.frames.some((frame) => frame.state === "crashed"), "the crash");
    expect(await hub().status()).toMatchObject({ agentConnected: true, viewerCount: 1, agentVersion: "0.1.0" });
  });

  it("are answered a close at once, with their own code", async () => {
    const agent = await readyAgent();
    const viewer = await liveViewer(agent);
    const started = Date.now();
    viewer.socket.close(4000, "bye");
    expect(await viewer.untilClosed()).toMatchObject({ code: 4000 });
    expect(Date.now() - started).toBeLessThan(3_000);
    await agent.until(() => JSON.stringify(agent.frames).includes('"serverIds":[]'), "the empty watch");
    expect(await hub().status()).toMatchObject({ viewerCount: 0 });
  });
});

describe("method calls", () => {
  it("are answered by the agent's response", async () => {
    const agent = await readyAgent();
    const reply = hub().request({ op: "health" }, "request-1", 5_000);
    const { requestId } = await agent.take("request");
    agent.send({ type: "response", requestId, ok: true, data: { fine: true } });
    expect(await reply).toEqual({ ok: true, data: { fine: true } });
  });

  it("fail at once when no agent is connected, and when it goes", async () => {
    expect(await hub().request({ op: "health" }, "request-1", 5_000)).toMatchObject({ code: "NODE_OFFLINE" });
    const agent = await readyAgent();
    const reply = hub().request({ op: "health" }, "request-2", 60_000);
    await agent.take("request");
    agent.close();
    expect(await reply).toMatchObject({ code: "NODE_OFFLINE" });
  });

  it("revoke ends matching sockets with a bye first", async () => {
    const viewer = await connect(hub(), viewerIdentity({ credentialId: "stolen" }));
    const other = await connect(hub(), viewerIdentity());
    expect(await hub().revoke({ credentialId: "stolen" }, 4401, "signed out")).toBe(1);
    expect(await viewer.take("bye")).toMatchObject({ code: 4401, reason: "signed out" });
    viewer.send({ type: "console_input", serverId: SERVER_ID, data: "op me" });
    expect(await hub().status()).toMatchObject({ viewerCount: 1 });
    other.send({ type: "console_input", serverId: SERVER_ID, data: "say hi" });
    expect(await other.take("error")).toMatchObject({ code: "NODE_OFFLINE" });
  });
});

describe("the agent's slot", () => {
  it("goes to the newest connection; the older one hears why and is closed", async () => {
    const first = await readyAgent();
    const second = await readyAgent();
    expect(await first.take("bye")).toMatchObject({ code: 1012, reason: expect.stringContaining("replaced") });
    expect(await first.untilClosed()).toMatchObject({ code: 1012 });
    second.send(stateEvent(2));
    expect(await second.take("event_ack")).toMatchObject({ seq: 2 });
    expect(await hub().status()).toMatchObject({ agentConnected: true });
  });

  it.each([
    ["names nobody", null],
    ["is no JSON", "agent"],
    ["is of no role", JSON.stringify({ role: "root", nodeId: NODE_ID, specGeneration: 1 })],
    ["is of another node", JSON.stringify(agentIdentity({ nodeId: "node-2" }))],
  ])("is refused to an upgrade whose identity %s", async (_, identity) => {
    const agent = await readyAgent();
    const headers: Record<string, string> = {
      Upgrade: "websocket",
      ...(identity ? { [HUB_IDENTITY_HEADER]: identity } : {}),
    };
    const response = await hub().fetch("https://hub.internal/connect?role=agent&_pk=agent", { headers });
    expect(response.status).toBe(403);
    expect(response.webSocket ?? null).toBeNull();
    agent.send(stateEvent(1));
    expect(await agent.take("event_ack")).toMatchObject({ seq: 1 });
  });

  it("is not opened by an ordinary request", async () => {
    const headers = { [HUB_IDENTITY_HEADER]: JSON.stringify(agentIdentity()) };
    expect((await hub().fetch("https://hub.internal/connect", { headers })).status).toBe(426);
  });

  it("is not taken by a viewer that speaks like an agent", async () => {
    const agent = await readyAgent();
    const viewer = await liveViewer(agent);
    viewer.send(hello);
    viewer.send(stateEvent(1));
    viewer.send(consoleFrame(0, "fake\n"));
    for (let count = 0; count < 3; count += 1) expect(await viewer.take("error")).toMatchObject({ code: "VALIDATION" });
    expect(await hub().status()).toMatchObject({ agentConnected: true });
    expect(viewer.frames.some(({ type }) => type === "console_output")).toBe(false);
  });
});

describe("too many viewers of one server", () => {
  it("are told so and closed at once; others of the node are let in", async () => {
    for (let count = 0; count < VIEWERS_PER_SERVER_MAX; count += 1) await connect(hub(), viewerIdentity());
    const started = Date.now();
    const refused = await connect(hub(), viewerIdentity());
    expect(await refused.take("bye")).toMatchObject({ code: 4429 });
    expect(await refused.untilClosed()).toMatchObject({ code: 4429 });
    expect(Date.now() - started).toBeLessThan(2_000);
    const admitted = await connect(hub(), viewerIdentity({ serverId: "creative" }));
    await admitted.take("node_status");
  });
});

describe("state events", () => {
  it("outlive a restart of the object while Postgres is away", async () => {
    const agent = await readyAgent();
    agent.send(stateEvent(1, { state: "crashed" }));
    await agent.take("event_ack");
    await runDurableObjectAlarm(hub());
    await abortAllDurableObjects();
    // The crash, and that the node is gone.
    expect(await hub().status()).toMatchObject({ outboxDepth: 2, agentConnected: false });
    const alarmAt = await runInDurableObject(hub(), (_, state) => state.storage.getAlarm());
    expect(alarmAt).not.toBeNull();
    const viewer = await connect(hub(), viewerIdentity({ state: "running" }));
    expect(await viewer.take("server_state_update")).toMatchObject({ state: "crashed" });
    const returned = await connect(hub(), agentIdentity());
    returned.send(hello);
    expect(await returned.take("welcome")).toMatchObject({ ackedSeq: 1 });
  });
});
