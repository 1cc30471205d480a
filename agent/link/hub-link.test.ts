import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PING_INTERVAL_MS } from "../../protocol/limits.ts";
import type { NodeIdentity } from "../config.ts";
import { createLog } from "../log.ts";
import { FakeControlPlane, NODE_ID } from "../testing/fake-control-plane.ts";
import { waitUntil } from "../testing/wait-until.ts";
import { backoffMs } from "./backoff.ts";
import { HubLink } from "./hub-link.ts";
import { parseFrame } from "./parse-frame.ts";

let plane: FakeControlPlane;
let link: HubLink;
let ups = 0;
let downs = 0;

function dial(change: Partial<NodeIdentity> = {}): HubLink {
  const identity = { panelUrl: new URL(plane.url), nodeId: NODE_ID, secret: plane.secret, ...change };
  const handlers = {
    hello: () => ({
      type: "hello" as const,
      protocol: 1,
      agentVersion: "0",
      bootId: "b-1",
      appliedGeneration: 0,
      runtime: "process" as const,
    }),
    onUp: () => void ups++,
    onDown: () => void downs++,
    onFrame: () => undefined,
  };
  link = new HubLink(identity, handlers, createLog("silent"));
  link.start();
  return link;
}

beforeEach(async () => {
  ups = downs = 0;
  plane = await FakeControlPlane.start();
});
afterEach(async () => {
  link.stop();
  await plane.close();
});

const up = (count: number) => waitUntil(`connection ${count}`, () => ups === count && link.state === "up");

test("nothing is sent before the hub's welcome, nor when the link is down", async () => {
  plane.isRefusing = true;
  dial();
  expect(link.send('{"type":"ping"}')).toBe(false);
  plane.isRefusing = false;
  await up(1);
  expect(link.send('{"type":"ping"}')).toBe(true);
  plane.drop();
  await waitUntil("the loss", () => downs === 1);
  expect(link.send('{"type":"ping"}')).toBe(false);
  expect(link.bufferedBytes()).toBe(0);
});

test("a lost link comes back at once the first time", async () => {
  dial();
  await up(1);
  const lostAt = performance.now();
  plane.drop();
  await up(2);
  expect(performance.now() - lostAt).toBeLessThan(1_500);
});

test("after a goodbye the agent waits as long as it was asked to", async () => {
  dial();
  await up(1);
  const askedAt = performance.now();
  plane.send({ type: "bye", code: 1012, reason: "restart", reconnectAfterMs: 700 });
  plane.drop();
  await up(2);
  expect(performance.now() - askedAt).toBeGreaterThanOrEqual(690);
});

test("a refused secret is tried again only after a long while", async () => {
  const looks = async (look: () => boolean) => {
    while (!look()) await new Promise((resolve) => setImmediate(resolve));
  };
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    dial({ secret: "wrong" });
    await looks(() => link.state === "refused");
    plane.secret = "wrong";
    vi.advanceTimersByTime(40_000);
    expect(plane.attempts).toBe(1);
    expect(link.state).toBe("refused");
    vi.advanceTimersByTime(50_000);
    await looks(() => ups === 1);
    expect(plane.attempts).toBe(2);
  } finally {
    vi.useRealTimers();
  }
});

test("a panel that is not ready is tried again soon", async () => {
  plane.isRefusing = true;
  dial();
  await waitUntil("two attempts", () => plane.attempts >= 2);
  plane.isRefusing = false;
  await up(1);
});

test("a link on which nothing is heard is given up after two pings, one that answers is kept", async () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  vi.useFakeTimers({ toFake: ["setInterval", "performance"] });
  try {
    dial();
    while (ups === 0) await turn();
    for (let n = 1; n <= 5; n++) {
      vi.advanceTimersByTime(PING_INTERVAL_MS);
      while (plane.pings < n) await turn();
      // The answer is on its way over loopback: each turn reads what has come.
      for (let turns = 0; turns < 50; turns++) await turn();
    }
    expect(downs).toBe(0);
    plane.isMute = true;
    vi.advanceTimersByTime(4 * PING_INTERVAL_MS);
    while (downs === 0) await turn();
    expect(link.state).not.toBe("up");
  } finally {
    vi.useRealTimers();
  }
});

test("waits double up to the limit and are spread over their upper half", () => {
  const limits = { firstMs: 250, maxMs: 15_000 };
  expect([0, 1, 2, 5, 6, 100].map((attempt) => backoffMs(attempt, limits, 1))).toEqual([
    250, 500, 1000, 8000, 15_000, 15_000,
  ]);
  expect(backoffMs(0, limits, 0)).toBe(125);
});

test("frames are told apart from what only looks like one", () => {
  expect(parseFrame('{"type":"pong"}')).toEqual({ kind: "frame", frame: { type: "pong" } });
  expect(parseFrame('{"type":"request","requestId":"q-1","operation":{"op":"x"}}')).toEqual({
    kind: "bad_request",
    requestId: "q-1",
  });
  for (const text of ["", "x", "[]", "null", '{"type":"request","requestId":"bad id"}', '{"type":"hello"}']) {
    expect(parseFrame(text)).toEqual({ kind: "bad" });
  }
});
