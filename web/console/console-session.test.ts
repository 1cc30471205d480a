import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CLOSE } from "../../protocol/close-codes.ts";
import { PING_INTERVAL_MS, VIEWER_ACK_BYTES, VIEWER_ACK_MS } from "../../protocol/limits.ts";
import { FakeLog, FakeSocket } from "../testing/fake-console.ts";
import { GAP_FILL_MAX_BYTES } from "./console-assembler.ts";
import { ConsoleDocument } from "./console-document.ts";
import { ConsoleSession, type ConsoleSessionOptions, type ConsoleStatus } from "./console-session.ts";

/** A session over a fake socket and log, its text kept in a document, taken at once unless `hold` is set. */
function world(override: Partial<ConsoleSessionOptions> = {}) {
  const log = new FakeLog();
  const socket = new FakeSocket();
  const document = new ConsoleDocument(Number.POSITIVE_INFINITY);
  const statuses: ConsoleStatus[] = [];
  const notices: string[] = [];
  const untaken: (() => void)[] = [];
  const options = { hold: false };
  const session = new ConsoleSession({
    serverId: "s",
    openSocket: socket.open,
    fetchLogs: async (range) => log.read(range),
    sink: {
      start: (offset) => document.restart(offset),
      text: (data, from, to, taken) => {
        expect(from).toBe(document.end);
        document.append(data, to);
        if (options.hold) untaken.push(taken);
        else taken();
      },
      gap: (from, to, lost) => {
        expect(from).toBe(document.end);
        document.appendGap(to, lost);
      },
    },
    onStatus: (status) => statuses.push(status),
    onNotice: (frame) => notices.push(frame.type),
    ...override,
  });
  const acks = () => socket.sent.flatMap((frame) => (frame.type === "console_ack" ? [frame.offset] : []));
  return { log, socket, document, statuses, notices, untaken, options, session, acks };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("text", () => {
  test("arrives once and in order, whatever is repeated", () => {
    const { log, socket, document, session } = world();
    log.append("zero\none é\ntwo 😀\n");
    socket.accept();
    socket.deliverText(log, 5, 12);
    socket.deliverText(log, 5, 12);
    socket.deliverText(log, 9, log.end);
    socket.deliver({ type: "subscribed", serverId: "s", offset: log.end, oldest: 0 });
    expect(document.start).toBe(5);
    expect(document.text()).toBe("one é\ntwo 😀\n");
    session.dispose();
  });

  test("of a gap is fetched, and what came meanwhile waits for it", async () => {
    const { log, socket, document, session } = world();
    log.append("a".repeat(100));
    socket.accept();
    socket.deliverText(log, 0, 10);
    socket.deliver({ type: "console_gap", serverId: "s", from: 10, to: 90 });
    socket.deliverText(log, 90, 100);
    expect(document.end).toBe(10);
    await vi.advanceTimersByTimeAsync(0);
    expect(document.text()).toBe(log.text());
    expect(document.gaps).toEqual([]);
    session.dispose();
  });

  test("that jumps ahead without notice is treated as a gap", async () => {
    const { log, socket, document, session } = world();
    log.append("b".repeat(100));
    socket.accept();
    socket.deliverText(log, 0, 10);
    socket.deliverText(log, 50, 60);
    socket.deliver({ type: "subscribed", serverId: "s", offset: 100, oldest: 0 });
    await vi.advanceTimersByTimeAsync(0);
    expect(document.text()).toBe(log.text());
    session.dispose();
  });

  test("with bytes that are no UTF-8 is not cut by guess but read again", async () => {
    const ranges: unknown[] = [];
    const { socket, document, session } = world({
      fetchLogs: async (range) => {
        ranges.push(range);
        return { data: "\uFFFDc", from: range.from, to: range.from + range.limit, oldest: 0, latest: 6 };
      },
    });
    socket.accept();
    const frame = { type: "console_output", serverId: "s", stream: "stdout", timestamp: 0 } as const;
    socket.deliver({ ...frame, data: "ab\uFFFD", offset: 0, bytes: 3 });
    socket.deliver({ ...frame, data: "\uFFFD\uFFFDcd", offset: 2, bytes: 4 });
    await vi.advanceTimersByTimeAsync(0);
    expect(ranges).toEqual([{ from: 3, limit: 3 }]);
    expect(document.text()).toBe("ab\uFFFD\uFFFDc");
    expect(document.end).toBe(6);
    session.dispose();
  });

  test("of a gap too large to wait for stays a gap, and later text is shown at once", () => {
    const { log, socket, document, session } = world();
    log.append("c".repeat(10));
    socket.accept();
    socket.deliverText(log, 0, 10);
    const far = 10 + GAP_FILL_MAX_BYTES + 1;
    socket.deliver({ type: "console_gap", serverId: "s", from: 10, to: far });
    socket.deliver({
      type: "console_output",
      serverId: "s",
      stream: "stdout",
      data: "new\n",
      offset: far,
      bytes: 4,
      timestamp: 0,
    });
    expect(document.text()).toBe("ccccccccccnew\n");
    expect(document.gaps).toEqual([{ kind: "gap", from: 10, to: far, lost: false }]);
    session.dispose();
  });

  test("that the log has dropped is said to be lost, the rest of the gap is shown", async () => {
    const { log, socket, document, session } = world();
    log.append("d".repeat(100));
    log.oldest = 40;
    socket.accept();
    socket.deliverText(log, 0, 10);
    socket.deliverText(log, 90, 100);
    await vi.advanceTimersByTimeAsync(0);
    expect(document.gaps).toEqual([{ kind: "gap", from: 10, to: 40, lost: true }]);
    expect(document.text()).toBe("d".repeat(70));
    session.dispose();
  });

  test("that cannot be fetched is tried for a while, then left as a gap that does not hold up the rest", async () => {
    const fetchLogs = vi.fn(async () => Promise.reject(new Error("away")));
    const { log, socket, document, session } = world({ fetchLogs });
    log.append("e".repeat(30));
    socket.accept();
    socket.deliverText(log, 0, 10);
    socket.deliverText(log, 20, 30);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(fetchLogs).toHaveBeenCalledTimes(5);
    expect(document.gaps).toEqual([{ kind: "gap", from: 10, to: 20, lost: false }]);
    expect(document.end).toBe(30);
    session.dispose();
  });

  test("of a log that began anew replaces what is shown", () => {
    const { log, socket, document, session } = world();
    log.append("old".repeat(10));
    socket.accept();
    socket.deliverText(log, 0, 30);
    socket.drop(1006);
    socket.accept();
    socket.deliver({ type: "subscribed", serverId: "s", offset: 4, oldest: 0 });
    expect(socket.sent).toContainEqual({ type: "subscribe", serverId: "s" });
    socket.deliverText(log, 0, 3);
    expect(document.text()).toBe("old");
    session.dispose();
  });
});

describe("acknowledgements", () => {
  test("wait for the screen, go out at once when much was taken, and within the agreed time otherwise", async () => {
    const { log, socket, untaken, options, session, acks } = world();
    options.hold = true;
    log.append("x".repeat(VIEWER_ACK_BYTES + 10));
    socket.accept();
    socket.deliverText(log, 0, VIEWER_ACK_BYTES);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(acks()).toEqual([]);
    untaken.shift()?.();
    expect(acks()).toEqual([VIEWER_ACK_BYTES]);
    socket.deliverText(log, VIEWER_ACK_BYTES, log.end);
    untaken.shift()?.();
    expect(acks()).toEqual([VIEWER_ACK_BYTES]);
    await vi.advanceTimersByTimeAsync(VIEWER_ACK_MS);
    expect(acks()).toEqual([VIEWER_ACK_BYTES, log.end]);
    session.dispose();
  });
});

describe("the connection", () => {
  test("goes on where the text ended, and says so", () => {
    const { log, socket, statuses, session } = world();
    log.append("hello");
    expect(socket.from()).toBeNull();
    socket.accept();
    socket.deliverText(log, 0, 5);
    socket.drop(1006);
    expect(socket.from()).toBe(5);
    socket.accept();
    expect(statuses.map((status) => status.kind)).toEqual(["live", "reconnecting", "live"]);
    session.dispose();
  });

  test("acts on a bye at once and comes back when it was told to", async () => {
    const { socket, session } = world();
    socket.accept();
    socket.deliver({ type: "bye", code: CLOSE.RESTART, reason: "restart", reconnectAfterMs: 3_000 });
    expect(socket.wanted).toBe(false);
    expect(session.status.kind).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(2_999);
    expect(socket.reconnects).toBe(0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(socket.reconnects).toBe(1);
    session.dispose();
  });

  test.each([
    [CLOSE.FORBIDDEN, "You may not see this console."],
    [CLOSE.SUSPENDED, "This server is suspended."],
    [CLOSE.NO_SUCH_SERVER, "This server does not exist any more."],
    [CLOSE.NOT_AUTHENTICATED, "Your sign-in has ended."],
  ])("ends with words on %d and does not come back by itself", async (code, message) => {
    const { socket, session } = world();
    socket.accept();
    socket.deliver({ type: "bye", code, reason: "", reconnectAfterMs: 0 });
    socket.drop(code);
    expect(session.status).toEqual({ kind: "ended", code, message });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(socket.reconnects).toBe(0);
    session.reconnect();
    expect(socket.reconnects).toBe(1);
    session.dispose();
  });

  test("is asked for a sign of life when silent, and given up without one", async () => {
    const { socket, session } = world();
    socket.accept();
    await vi.advanceTimersByTimeAsync(PING_INTERVAL_MS);
    expect(socket.sent).toContainEqual({ type: "ping" });
    expect(socket.reconnects).toBe(0);
    await vi.advanceTimersByTimeAsync(PING_INTERVAL_MS);
    expect(socket.reconnects).toBe(1);
    session.dispose();
  });

  test("that answers is kept", async () => {
    const { socket, session } = world();
    socket.accept();
    for (let second = 0; second < 300; second++) {
      const pings = socket.sent.length;
      await vi.advanceTimersByTimeAsync(1_000);
      if (socket.sent.length > pings) socket.deliver({ type: "pong" });
    }
    expect(socket.reconnects).toBe(0);
    expect(socket.sent.length).toBeLessThan(20);
    session.dispose();
  });

  test("sends a line only while it stands: nothing is kept for later", () => {
    const { socket, session } = world();
    expect(session.sendLine("stop")).toBe(false);
    socket.accept();
    expect(socket.sent).toEqual([]);
    expect(session.sendLine("say hi")).toBe(true);
    expect(socket.sent).toEqual([{ type: "console_input", serverId: "s", data: "say hi" }]);
    session.dispose();
  });

  test("hands on everything that is no text, and survives nonsense", () => {
    const { socket, notices, session } = world();
    socket.accept();
    socket.deliver({ type: "node_status", nodeId: "n", online: false });
    socket.deliver({ type: "server_state_update", serverId: "s", state: "running", reason: null, timestamp: 0 });
    socket.deliver("not a frame" as never);
    expect(notices.slice(0, 2)).toEqual(["node_status", "server_state_update"]);
    session.dispose();
  });
});
