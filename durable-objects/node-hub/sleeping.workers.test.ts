import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it } from "vitest";
import { BAD_FRAMES_MAX, CONSOLE_FRAME_MAX_BYTES, PING_TEXT, VIEWER_CREDIT_BYTES } from "../../protocol/limits.ts";
import { consoleFrame, SERVER_ID, stateEvent } from "../testing/frames.ts";
import { hub, liveViewer, readyAgent } from "../testing/hub.ts";

afterEach(async () => {
  await reset();
});

const sleep = () => evictDurableObject(hub());
const alarmAt = () => runInDurableObject(hub(), (_, state) => state.storage.getAlarm());

describe("a hub that sleeps", () => {
  it("wakes with sockets, epoch and offsets as they were", async () => {
    const agent = await readyAgent();
    const { epoch } = await hub().status();
    const viewer = await liveViewer(agent);
    agent.send(consoleFrame(0, "one\n"));
    await viewer.take("console_output");
    await sleep();
    agent.send(consoleFrame(4, "two\n"));
    expect(await viewer.take("console_output")).toMatchObject({ data: "two\n", offset: 4 });
    expect(viewer.frames.some(({ type }) => type === "console_gap")).toBe(false);
    expect(await hub().status()).toMatchObject({ agentConnected: true, epoch, viewerCount: 1 });
  });

  it("knows how much each viewer owes", async () => {
    const agent = await readyAgent();
    const viewer = await liveViewer(agent);
    let offset = 0;
    const send = () => {
      agent.send(consoleFrame(offset, "x".repeat(CONSOLE_FRAME_MAX_BYTES)));
      offset += CONSOLE_FRAME_MAX_BYTES;
    };
    while (offset < VIEWER_CREDIT_BYTES) send();
    const received = () => viewer.frames.filter(({ type }) => type === "console_output").length;
    await viewer.until(() => received() === VIEWER_CREDIT_BYTES / CONSOLE_FRAME_MAX_BYTES, "all of the credit");
    await sleep();
    send();
    // The agent's ping comes behind its text: when the pong is back, the text was handled.
    agent.send({ type: "ping", again: true });
    await agent.take("pong");
    expect(received()).toBe(VIEWER_CREDIT_BYTES / CONSOLE_FRAME_MAX_BYTES);
    await sleep();
    viewer.send({ type: "console_ack", serverId: SERVER_ID, offset: VIEWER_CREDIT_BYTES });
    expect(await agent.take("console_replay")).toMatchObject({ from: VIEWER_CREDIT_BYTES });
  });

  it("still counts refused frames", async () => {
    const viewer = await liveViewer(await readyAgent());
    for (let count = 0; count < BAD_FRAMES_MAX; count += 1) viewer.send("{");
    for (let count = 0; count < BAD_FRAMES_MAX; count += 1) await viewer.take("error");
    await sleep();
    viewer.send("{");
    expect(await viewer.take("bye")).toMatchObject({ code: 4429 });
  });

  it("drops events it has seen", async () => {
    const agent = await readyAgent();
    agent.send(stateEvent(3));
    await agent.take("event_ack");
    await sleep();
    agent.send(stateEvent(3, { state: "error" }));
    expect(await agent.take("event_ack")).toMatchObject({ seq: 3 });
    const viewer = await liveViewer(agent);
    expect(await viewer.take("server_state_update")).toMatchObject({ state: "running" });
  });
});

describe("an idle hub", () => {
  it("is not woken by the agent's keep-alive", async () => {
    const agent = await readyAgent();
    await sleep();
    for (let count = 0; count < 5; count += 1) {
      agent.send(PING_TEXT);
      await agent.take("pong");
    }
    // Only a running object can be evicted.
    await expect(sleep()).rejects.toThrow();
    expect(await hub().status()).toMatchObject({ agentConnected: true });
  });

  it("has no alarm but the rare look for a silent agent", async () => {
    const agent = await readyAgent();
    const viewer = await liveViewer(agent);
    agent.send(consoleFrame(0, "hello\n"));
    await viewer.take("console_output");
    viewer.close();
    await agent.until(
      () => agent.frames.some((frame) => frame.type === "watch" && isEmpty(frame.serverIds)),
      "no watch",
    );
    // What is left to do is brought forward until only the look is left: presence (written to a Postgres that is
    // away, so the outbox is emptied here), and the end of the stream.
    await runInDurableObject(hub(), (_, state) => {
      state.storage.sql.exec("DELETE FROM outbox");
      state.storage.sql.exec("UPDATE alarms SET due_at = 0 WHERE name <> 'agent-silence'");
    });
    await sleep();
    await runDurableObjectAlarm(hub());
    await agent.take("console_close");
    expect((await alarmAt())! - Date.now()).toBeGreaterThan(60_000);
    await sleep();
    expect(await runDurableObjectAlarm(hub())).toBe(true);
    expect((await alarmAt())! - Date.now()).toBeGreaterThan(60_000);
    expect(await hub().status()).toMatchObject({ agentConnected: true });
  });

  it("has no alarm at all without an agent", async () => {
    const agent = await readyAgent();
    agent.close();
    await agent.untilClosed();
    await runInDurableObject(hub(), (_, state) => {
      state.storage.sql.exec("DELETE FROM outbox");
      state.storage.sql.exec("UPDATE alarms SET due_at = 0");
    });
    await sleep();
    await runDurableObjectAlarm(hub());
    expect(await alarmAt()).toBeNull();
  });
});

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
