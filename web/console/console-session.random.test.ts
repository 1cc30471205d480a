import { expect, test } from "vitest";
import { FakeLog, FakeSocket } from "../testing/fake-console.ts";
import { ConsoleDocument } from "./console-document.ts";
import { ConsoleSession } from "./console-session.ts";

/** Small, seeded and good enough: a failing run can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const WORDS = ["spawn", "grün", "線路", "🎮", "\r\n", "\x1b[31m", "tick", "é"];

test.each(Array.from({ length: 40 }, (_, index) => index + 1))(
  "whatever is dropped, repeated, cut or skipped, the text equals the log (seed %d)",
  async (seed) => {
    const next = random(seed);
    const below = (limit: number) => Math.floor(next() * limit);
    const log = new FakeLog();
    const socket = new FakeSocket();
    const document = new ConsoleDocument(Number.POSITIVE_INFINITY);
    let pending = 0;
    const session = new ConsoleSession({
      serverId: "s",
      openSocket: socket.open,
      fetchLogs: async (range) => {
        pending += 1;
        for (let wait = below(4); wait > 0; wait--) await Promise.resolve();
        pending -= 1;
        // A history route may give less than was asked for.
        return log.read({ from: range.from, limit: Math.max(4, Math.ceil(range.limit * next())) });
      },
      sink: {
        start: (offset) => document.restart(offset),
        text: (data, from, to, taken) => {
          expect(from).toBe(document.end);
          document.append(data, to);
          taken();
        },
        gap: () => expect.unreachable("every gap here can be filled"),
      },
      onStatus: () => {},
      onNotice: () => {},
    });

    // The hub's view of this viewer: where its stream stands.
    let position = 0;
    const connect = () => {
      socket.accept();
      position = socket.from() ?? 0;
    };
    connect();
    for (let step = 0; step < 250; step++) {
      for (let words = below(8); words > 0; words--) log.append(`${WORDS[below(WORDS.length)]} ${step}\n`);
      const target = log.boundary(position + below(log.end - position + 1));
      const choice = next();
      if (choice < 0.55) {
        socket.deliverText(log, position, target);
        position = target;
      } else if (choice < 0.7) {
        // Reaches back over what was sent before, at any character.
        socket.deliverText(log, log.boundary(Math.max(0, position - below(60))), target);
        position = target;
      } else if (choice < 0.8) {
        socket.deliver({ type: "console_gap", serverId: "s", from: position, to: target });
        position = target;
      } else if (choice < 0.87) {
        position = target;
      } else if (choice < 0.95) {
        socket.drop(1006);
        connect();
      } else {
        for (let turns = below(10); turns > 0; turns--) await Promise.resolve();
      }
    }
    socket.deliverText(log, position, log.end);
    socket.deliver({ type: "subscribed", serverId: "s", offset: log.end, oldest: 0 });
    for (let turns = 0; turns < 20_000 && (pending > 0 || document.end < log.end); turns++) await Promise.resolve();
    expect(document.end).toBe(log.end);
    expect(document.text()).toBe(log.text(document.start));
    session.dispose();
  },
);
