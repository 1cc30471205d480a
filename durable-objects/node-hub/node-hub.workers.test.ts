import { evictDurableObject, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import type { Env } from "../../worker/env.ts";
import {
  agentIdentity,
  consoleFrame,
  hello,
  NODE_ID,
  SERVER_ID,
  stateEvent,
  viewerIdentity,
} from "../testing/frames.ts";
import { connect, type TestSocket } from "../testing/test-socket.ts";

const hub = () => (env as unknown as Env).NODE_HUB.getByName(NODE_ID);

/** An agent that said hello. */
async function agentReady(): Promise<TestSocket> {
  const agent = await connect(hub(), agentIdentity());
  agent.send(hello);
  await agent.take("welcome");
  return agent;
}

/** A viewer that joined at offset 0 with nothing to replay. */
async function joined(agent: TestSocket): Promise<TestSocket> {
  const viewer = await connect(hub(), viewerIdentity());
  const { requestId } = await agent.take("console_replay");
  agent.send({ type: "console_replay_done", requestId, serverId: SERVER_ID, offset: 0, oldest: 0 });
  await viewer.take("subscribed");
  return viewer;
}

afterEach(async () => {
  await reset();
});

describe("sockets", () => {
  it("brings what the agent sends to the viewer, and what the viewer types to the agent", async () => {
    const agent = await agentReady();
    const viewer = await joined(agent);
    agent.send(consoleFrame(0, "hello\n"));
    expect(await viewer.take("console_output")).toMatchObject({ data: "hello\n", offset: 0 });
    viewer.send({ type: "console_input", serverId: SERVER_ID, data: "say hi" });
    expect(await agent.take("request")).toMatchObject({ operation: { op: "console_input", data: "say hi" } });
    agent.send(stateEvent(1, { state: "crashed" }));
    expect(await agent.take("event_ack")).toMatchObject({ seq: 1 });
    await viewer.until(() => viewer.frames.some((frame) => frame.state === "crashed"), "the crash");
    expect(await hub().status()).toMatchObject({ agentConnected: true, viewerCount: 1, agentVersion: "0.1.0" });
  });

  it("answers a method call by the agent's response", async () => {
    const agent = await agentReady();
    const reply = hub().request({ op: "health" }, "request-1", 5_000);
    const { requestId } = await agent.take("request");
    agent.send({ type: "response", requestId, ok: true, data: { fine: true } });
    expect(await reply).toEqual({ ok: true, data: { fine: true } });
  });

  it("refuses an upgrade that names nobody", async () => {
    const response = await hub().fetch("https://hub.internal/connect", { headers: { Upgrade: "websocket" } });
    expect(response.status).toBe(403);
  });

  it("keeps sockets, epoch and offsets while it sleeps", async () => {
    const agent = await agentReady();
    const viewer = await joined(agent);
    agent.send(consoleFrame(0, "one\n"));
    await viewer.take("console_output");
    await evictDurableObject(hub());
    agent.send(consoleFrame(4, "two\n"));
    expect(await viewer.take("console_output")).toMatchObject({ data: "two\n", offset: 4 });
    expect(viewer.frames.filter(({ type }) => type === "console_gap")).toEqual([]);
  });
});
