import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { serverSpec } from "../testing/server-spec.ts";
import { PhaseTimers } from "./phase-timers.ts";
import { firstStatus } from "./server-status.ts";

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 0, 1);
let ends: string[];
let timers: PhaseTimers;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  ends = [];
  const note = (name: string) => () => void ends.push(name);
  const console = {
    bounds: async () => ({ oldest: 0, latest: 0 }),
    read: async () => Promise.reject(new Error("none")),
  };
  timers = new PhaseTimers(console as never, {
    ready: note("ready"),
    deadline: (name) => void ends.push(name),
  });
});
afterEach(() => {
  timers.clear();
  vi.useRealTimers();
});

const stopping = () => ({ ...firstStatus("a", Date.now()), state: "stopping" as const, enteredAt: Date.now() });
const spec = serverSpec({ stopTimeoutSeconds: 30 });

test.each([-HOUR_MS, HOUR_MS])("a clock that jumps by %i ms while a stop waits changes nothing of it", (jumpMs) => {
  timers.arm(stopping(), spec);
  vi.setSystemTime(Date.now() + jumpMs);
  vi.advanceTimersByTime(29_000);
  expect(ends).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(ends).toEqual(["terminate"]);
  vi.advanceTimersByTime(10_000);
  expect(ends).toEqual(["terminate", "kill"]);
});

test("after the agent's restart a clock set back lengthens no wait beyond the whole of it", () => {
  const status = stopping();
  vi.setSystemTime(NOW - HOUR_MS);
  timers.arm(status, spec);
  vi.advanceTimersByTime(30_000);
  expect(ends).toEqual(["terminate"]);
});

test("after the agent's restart a clock set forward ends the wait at once, in the same order", () => {
  const status = stopping();
  vi.setSystemTime(NOW + HOUR_MS);
  timers.arm(status, spec);
  vi.advanceTimersByTime(0);
  expect(ends).toEqual(["terminate", "kill"]);
});
