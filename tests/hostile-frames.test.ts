import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { Panel } from "./world/panel.ts";
import { residentBytes } from "./world/processes.ts";
import { until } from "./world/until.ts";

const FRAMES = 10_000;
/** Buffers that an allocator keeps; a leak of the frames sent would be ten times as much. */
const MEMORY_SLACK_BYTES = 96 * 1024 * 1024;

let panel: Panel;
let serverId: string;

beforeAll(async () => {
  panel = await Panel.start();
  serverId = await panel.createServer();
  await panel.startServer(serverId);
});
afterAll(() => panel?.stop());

/** A seeded generator (mulberry32), so that a failure can be repeated. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const valid = [
  { type: "hello", protocol: 1, agentVersion: "9", bootId: "x", appliedGeneration: 0, runtime: "nerdctl" },
  { type: "welcome", protocol: 1, epoch: 99, specGeneration: 1, ackedSeq: 5, serverTime: 1 },
  { type: "server_state", seq: 1, serverId: "x", state: "running" },
  { type: "client_handshake", token: "cat_not_a_key" },
  { type: "subscribe", serverId: "somebody-elses" },
  { type: "console_input", serverId: "somebody-elses", data: "op me" },
  { type: "console_ack", serverId: "x", offset: Number.MAX_SAFE_INTEGER },
  { type: "server_control", serverId: "x", action: "explode" },
  { type: "request", requestId: "r", operation: { op: "power" } },
  { type: "bye", code: 1012, reason: "", reconnectAfterMs: 0 },
];

/** Malformed, truncated, oversized and out-of-role frames, none of which this socket may send. */
function hostileFrame(random: () => number): string | Buffer {
  const pick = valid[Math.floor(random() * valid.length)]!;
  const text = JSON.stringify(pick);
  switch (Math.floor(random() * 8)) {
    case 0:
      return text;
    case 1:
      return text.slice(0, Math.floor(random() * text.length));
    case 2:
      return Buffer.from(Array.from({ length: 64 }, () => Math.floor(random() * 256)));
    case 3:
      return JSON.stringify({ ...pick, type: ["array"], padding: "x".repeat(Math.floor(random() * 2000)) });
    case 4:
      return `C ${"../".repeat(5)} 0 5 -\n{}`;
    case 5:
      return `C survival ${Math.floor(random() * 1e9)} 5 -\n${text}`;
    case 6:
      return "[".repeat(1000 + Math.floor(random() * 3000));
    default:
      return random() < 0.02 ? "x".repeat(3 * 1024 * 1024) : `{"type":${random()}}`;
  }
}

/** Sends every frame, with a new socket whenever the other end closed the last; counts what came back. */
async function bombard(url: string, headers: Record<string, string>, hello?: string) {
  const random = randomNumbers(20261124);
  const result = { sent: 0, answers: 0, closes: [] as number[], leaked: [] as string[] };
  while (result.sent < FRAMES) {
    const socket = new WebSocket(url, { headers, perMessageDeflate: false });
    const closed = new Promise<void>((resolve) => {
      socket.on("close", (code) => {
        result.closes.push(code);
        resolve();
      });
      socket.on("error", () => {});
    });
    let ended = false;
    socket.on("message", (data) => {
      const text = String(data);
      result.answers++;
      if (/\bat .*\.(ts|js):\d+|select .* from|postgres:\/\//i.test(text)) result.leaked.push(text);
      if (text.includes('"type":"bye"')) {
        ended = true;
        socket.terminate();
      }
    });
    await new Promise<void>((resolve) => {
      socket.on("open", () => resolve());
      closed.then(resolve);
    });
    if (hello) socket.send(hello);
    while (result.sent < FRAMES && !ended && socket.readyState === WebSocket.OPEN) {
      socket.send(hostileFrame(random));
      result.sent++;
      if (result.sent % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    socket.terminate();
    await closed;
  }
  return result;
}

describe.each([
  ["the direct console socket", () => `/api/servers/${serverId}/console`, true],
  ["the general socket", () => "/ws", true],
  ["the general socket before any handshake", () => "/ws", false],
])("%s", (_name, path, signedIn) => {
  it(`survives ${FRAMES} hostile frames, answering or closing, with flat memory`, async () => {
    const url = panel.url.replace("http", "ws") + path();
    const headers: Record<string, string> = signedIn ? { authorization: `Bearer ${panel.token}` } : {};
    await bombard(url, headers);
    const workerPid = panel.workerPid();
    const agentPid = panel.agentPid();
    const edgeBefore = residentBytes(workerPid);
    const agentBefore = residentBytes(agentPid);

    const result = await bombard(url, headers);

    expect(result.sent).toBe(FRAMES);
    expect(result.answers).toBeGreaterThan(100);
    expect(result.leaked).toEqual([]);
    expect(panel.workerPid()).toBe(workerPid);
    expect(panel.agentPid()).toBe(agentPid);
    await panel.waitForNode();
    expect(await panel.state(serverId)).toBe("running");
    await until("memory is flat", () => residentBytes(workerPid) - edgeBefore < MEMORY_SLACK_BYTES);
    expect(residentBytes(agentPid) - agentBefore).toBeLessThan(MEMORY_SLACK_BYTES);
  });
});
