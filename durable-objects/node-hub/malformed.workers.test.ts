import { reset, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it } from "vitest";
import { AGENT_FRAME_MAX_BYTES, BAD_FRAMES_MAX, CLIENT_FRAME_MAX_BYTES } from "../../protocol/limits.ts";
import { consoleFrame, hello, SERVER_ID, stateEvent, viewerIdentity } from "../testing/frames.ts";
import { hub, liveViewer, readyAgent } from "../testing/hub.ts";
import { connect, type TestSocket } from "../testing/test-socket.ts";

const FRAMES = 10_000;

afterEach(async () => {
  await reset();
});

type BadFrame = string | ArrayBuffer;

/** The `n`th of an endless row of frames that no peer may send. */
function malformed(n: number, otherRole: object | string): BadFrame {
  const whole = JSON.stringify({ type: "console_input", serverId: SERVER_ID, data: `line ${n}` });
  const kinds: (() => BadFrame)[] = [
    () => whole.slice(0, 1 + (n % (whole.length - 1))),
    () => new Uint8Array([n & 0xff, 0xff, 0x00]).buffer,
    () => JSON.stringify({ type: "__proto__", n }),
    () => JSON.stringify([n]),
    () => `C ${"X".repeat(n % 400)} 0 1 -\n{}`,
    () => JSON.stringify({ type: "subscribe", serverId: "../../etc/passwd", from: n }),
    () => "[".repeat(1 + (n % 2_000)),
    () => (typeof otherRole === "string" ? otherRole : JSON.stringify(otherRole)),
    () => String.fromCharCode(0xd800 + (n % 0x400), 0),
    () => JSON.stringify({ type: "console_ack", serverId: SERVER_ID, offset: -n - 0.5 }),
  ];
  return kinds[n % kinds.length]!();
}

/** Sends bad frames over as many connections as it takes; returns how many answers and closings came. */
async function abuse(
  open: () => Promise<TestSocket>,
  otherRole: object | string,
): Promise<{ errors: number; byes: number }> {
  const seen = { errors: 0, byes: 0 };
  for (let n = 0; n < FRAMES; ) {
    const socket = await open();
    for (let count = 0; count <= BAD_FRAMES_MAX && n < FRAMES; count += 1, n += 1) socket.send(malformed(n, otherRole));
    const count = () => socket.frames.filter(({ type }) => type === "error").length;
    if (n < FRAMES) {
      expect(await socket.take("bye")).toMatchObject({ code: 4429 });
      seen.byes += 1;
    } else await socket.until(() => count() > 0, "an answer");
    seen.errors += count();
    expect(JSON.stringify(socket.frames)).not.toMatch(/\bat .*\.ts:|Error:/);
    socket.close();
  }
  return seen;
}

describe("ten thousand malformed frames", { timeout: 120_000 }, () => {
  it("at viewers' sockets are answered or closed, and the hub goes on", async () => {
    const agent = await readyAgent();
    const seen = await abuse(() => connect(hub(), viewerIdentity()), stateEvent(1));
    expect(seen.byes).toBe(Math.floor(FRAMES / (BAD_FRAMES_MAX + 1)));
    expect(seen.errors).toBeGreaterThanOrEqual(seen.byes * (BAD_FRAMES_MAX + 1));
    const viewer = await liveViewer(agent);
    agent.send(consoleFrame(0, "alive\n"));
    expect(await viewer.take("console_output")).toMatchObject({ data: "alive\n" });
    expect(await hub().status()).toMatchObject({ agentConnected: true, outboxDepth: 1 });
  });

  it("at the agent's socket are answered or closed, and the hub goes on", async () => {
    const clientFrame = { type: "server_control", serverId: SERVER_ID, action: "start" };
    const seen = await abuse(readyAgent, clientFrame);
    expect(seen.byes).toBe(Math.floor(FRAMES / (BAD_FRAMES_MAX + 1)));
    const agent = await readyAgent();
    const viewer = await liveViewer(agent);
    agent.send(consoleFrame(0, "alive\n"));
    expect(await viewer.take("console_output")).toMatchObject({ data: "alive\n" });
    // One row for the node's presence, none for what was made up.
    expect(await hub().status()).toMatchObject({ agentConnected: true, outboxDepth: 1 });
    const rows = await runInDurableObject(hub(), (_, state) =>
      state.storage.sql
        .exec<{ n: number }>("SELECT (SELECT count(*) FROM server_states) + (SELECT count(*) FROM alarms) AS n")
        .one(),
    );
    expect(rows.n).toBeLessThan(10);
  });
});

describe("an oversized frame", () => {
  it("of a viewer is refused by size", async () => {
    const viewer = await connect(hub(), viewerIdentity());
    viewer.send({ type: "console_input", serverId: SERVER_ID, data: "x".repeat(CLIENT_FRAME_MAX_BYTES) });
    expect(await viewer.take("error")).toMatchObject({ code: "BODY_TOO_LARGE" });
  });

  it("of an agent is refused by size", async () => {
    const agent = await readyAgent();
    agent.send({ type: "response", requestId: "r", ok: true, data: "x".repeat(AGENT_FRAME_MAX_BYTES) });
    expect(await agent.take("error")).toMatchObject({ code: "BODY_TOO_LARGE" });
    agent.send(`C ${SERVER_ID} 0 1 -\n${"x".repeat(AGENT_FRAME_MAX_BYTES)}`);
    expect(await agent.take("error")).toMatchObject({ code: "VALIDATION" });
    agent.send(hello);
    expect(await agent.take("error")).toMatchObject({ code: "VALIDATION" });
  });
});
