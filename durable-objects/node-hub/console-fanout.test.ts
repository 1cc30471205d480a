import { beforeEach, describe, expect, it } from "vitest";
import {
  CONSOLE_LINGER_MS,
  CONSOLE_REPLAY_MAX_BYTES,
  VIEWER_CREDIT_BYTES,
  VIEWER_STALL_MS,
} from "../../protocol/limits.ts";
import { consoleFrame, hello, SERVER_ID } from "../testing/frames.ts";
import { SimulatedWorld } from "../testing/simulated-world.ts";

const FRAME_BYTES = 32 * 1024;
let world: SimulatedWorld;
let agent: string;

function connectAgent(): string {
  const id = world.connectAgent();
  world.say(id, hello);
  return id;
}

/** Frames of some types that arrived at a socket; the others that arrived are thrown away. */
const taken = (id: string, ...types: string[]) => world.take(id).filter((frame) => types.includes(frame.type));
const text = (id: string) => taken(id, "console_output", "console_gap", "subscribed");

/** Answers the replay that was asked for last with nothing: the viewer goes on live at `offset`. */
function joinAt(offset: number): void {
  const replay = taken(agent, "console_replay").at(-1) as { requestId: string };
  world.say(agent, {
    type: "console_replay_done",
    requestId: replay.requestId,
    serverId: SERVER_ID,
    offset,
    oldest: 0,
  });
}

function viewerAt(offset: number): string {
  const id = world.connectViewer({ from: offset });
  joinAt(offset);
  world.take(id);
  return id;
}

const live = (offset: number, bytes: number) => world.say(agent, consoleFrame(offset, "x".repeat(bytes)));
const ack = (id: string, offset: number) => world.say(id, { type: "console_ack", serverId: SERVER_ID, offset });

/** Sends whole frames of text from `from`, and returns where it ended. */
function flood(from: number, bytes: number): number {
  let offset = from;
  for (; offset < from + bytes; offset += FRAME_BYTES) live(offset, FRAME_BYTES);
  return offset;
}

beforeEach(() => {
  world = new SimulatedWorld();
  agent = connectAgent();
  world.take(agent);
});

describe("joining", () => {
  it("opens the stream for the first viewer alone, and asks a replay for each", () => {
    world.connectViewer();
    expect(world.take(agent).map(({ type }) => type)).toEqual(["console_open", "console_replay", "watch"]);
    world.connectViewer({ from: 5 });
    expect(world.take(agent)).toMatchObject([{ type: "console_replay", from: 5, maxBytes: CONSOLE_REPLAY_MAX_BYTES }]);
  });

  it("sends the replay, then `subscribed`, then live text from exactly there", () => {
    const viewer = world.connectViewer();
    const [, replay] = world.take(agent) as { requestId: string }[];
    const requestId = replay!.requestId;
    live(94, 6);
    world.say(agent, consoleFrame(50, "x".repeat(50), requestId));
    world.say(agent, { type: "console_replay_done", requestId, serverId: SERVER_ID, offset: 100, oldest: 10 });
    live(100, 7);
    expect(text(viewer)).toMatchObject([
      { type: "console_output", offset: 50, bytes: 50 },
      { type: "subscribed", offset: 100, oldest: 10 },
      { type: "console_output", offset: 100, bytes: 7 },
    ]);
  });

  it("states what a replay leaves out, to that viewer alone", () => {
    const other = viewerAt(900);
    const viewer = world.connectViewer({ from: 100 });
    const { requestId } = taken(agent, "console_replay")[0] as { requestId: string };
    world.say(agent, { type: "console_gap", serverId: SERVER_ID, from: 100, to: 800, requestId });
    world.say(agent, consoleFrame(800, "x".repeat(100), requestId));
    expect(text(viewer)).toMatchObject([
      { type: "console_gap", from: 100, to: 800 },
      { type: "console_output", offset: 800 },
    ]);
    expect(text(other)).toEqual([]);
  });

  it("gives nothing to a viewer that may not read the console, and opens no stream for it", () => {
    const viewer = world.connectViewer({ permissions: ["server.read", "console.write"] });
    expect(taken(agent, "console_open", "console_replay")).toEqual([]);
    viewerAt(0);
    live(0, 10);
    world.say(viewer, { type: "subscribe", serverId: SERVER_ID });
    expect(text(viewer)).toEqual([]);
  });

  it("refuses a replay that carries more than was asked for", () => {
    world.connectViewer({ from: 0 });
    const { requestId } = taken(agent, "console_replay")[0] as { requestId: string };
    for (let offset = 0; offset < 2 * CONSOLE_REPLAY_MAX_BYTES; offset += FRAME_BYTES)
      world.say(agent, consoleFrame(offset, "x".repeat(FRAME_BYTES), requestId));
    expect(taken(agent, "error").length).toBe(CONSOLE_REPLAY_MAX_BYTES / FRAME_BYTES - 1);
  });

  it("limits how often a viewer makes the node read its disk", () => {
    const viewer = viewerAt(0);
    for (let count = 0; count < 10; count += 1) world.say(viewer, { type: "subscribe", serverId: SERVER_ID });
    expect(taken(agent, "console_replay").length).toBe(5);
    expect(taken(viewer, "error").length).toBe(5);
    world.now += 1_000;
    world.say(viewer, { type: "subscribe", serverId: SERVER_ID });
    expect(taken(agent, "console_replay").length).toBe(1);
  });

  it("asks again for a replay that does not end", () => {
    world.connectViewer({ from: 0 });
    taken(agent, "console_replay");
    live(0, 10);
    expect(taken(agent, "console_replay")).toEqual([]);
    world.now += 20_000;
    live(10, 10);
    expect(taken(agent, "console_replay")).toMatchObject([{ from: 0 }]);
  });
});

describe("live text", () => {
  it("is the agent's own string, the same for everybody", () => {
    const viewers = [viewerAt(0), viewerAt(0)];
    const payload = '{"type":"console_output",  "not":"parsed" }';
    world.say(agent, `C ${SERVER_ID} 0 5 -\n${payload}`);
    for (const id of viewers) expect(world.links.get(id)!.fromHub).toContain(payload);
  });

  it("is never sent twice, and what is missing is stated", () => {
    const viewer = viewerAt(0);
    live(0, 10);
    live(0, 10);
    live(30, 5);
    expect(text(viewer)).toMatchObject([
      { type: "console_output", offset: 0 },
      { type: "console_gap", from: 10, to: 30 },
      { type: "console_output", offset: 30 },
    ]);
  });

  it("states the agent's own gaps, and goes on behind them", () => {
    const viewer = viewerAt(0);
    live(0, 10);
    world.say(agent, { type: "console_gap", serverId: SERVER_ID, from: 10, to: 9_000_000 });
    live(9_000_000, 10);
    expect(text(viewer)).toMatchObject([
      { type: "console_output", offset: 0 },
      { type: "console_gap", from: 10, to: 9_000_000 },
      { type: "console_output", offset: 9_000_000 },
    ]);
  });

  it("stops at `unsubscribe`", () => {
    const viewer = viewerAt(0);
    world.say(viewer, { type: "unsubscribe", serverId: SERVER_ID });
    live(0, 10);
    expect(text(viewer)).toEqual([]);
  });

  it("ends a viewer whose sign-in has expired instead of reaching it", () => {
    const viewer = world.connectViewer({ from: 0, expiresAt: world.now + 1_000 });
    joinAt(0);
    world.now += 1_000;
    live(0, 10);
    expect(text(viewer)).toEqual([]);
    expect(world.byeOf(viewer)).toMatchObject({ code: 4401 });
  });
});

describe("a viewer that confirms nothing", () => {
  it("gets no more than its credit, while another gets everything", () => {
    const slow = viewerAt(0);
    const quick = viewerAt(0);
    for (let offset = 0; offset < 2 * VIEWER_CREDIT_BYTES; offset += FRAME_BYTES) {
      live(offset, FRAME_BYTES);
      ack(quick, offset + FRAME_BYTES);
    }
    expect(text(slow).length).toBe(VIEWER_CREDIT_BYTES / FRAME_BYTES);
    expect(text(quick).length).toBe((2 * VIEWER_CREDIT_BYTES) / FRAME_BYTES);
  });

  it("goes on at the live position when it confirmed all it got, with the rest stated, though nothing new comes", () => {
    const viewer = viewerAt(0);
    const end = flood(0, 2 * VIEWER_CREDIT_BYTES);
    text(viewer);
    ack(viewer, VIEWER_CREDIT_BYTES - 1);
    expect(text(viewer)).toEqual([]);
    ack(viewer, VIEWER_CREDIT_BYTES);
    expect(text(viewer)).toMatchObject([{ type: "console_gap", from: VIEWER_CREDIT_BYTES, to: end }]);
    live(end, 10);
    expect(text(viewer)).toMatchObject([{ type: "console_output", offset: end }]);
  });

  it("is replayed from where it stood when the hub slept meanwhile and knows no live position", () => {
    const viewer = viewerAt(0);
    flood(0, 2 * VIEWER_CREDIT_BYTES);
    world.sleep();
    world.take(agent);
    ack(viewer, VIEWER_CREDIT_BYTES);
    expect(world.take(agent)).toMatchObject([{ type: "console_replay", from: VIEWER_CREDIT_BYTES }]);
  });

  it("goes on at the live position after a sleep too, when another viewer's position tells it", () => {
    const [slow, quick] = [viewerAt(0), viewerAt(0)];
    let end = 0;
    for (; end < 2 * VIEWER_CREDIT_BYTES; end += FRAME_BYTES) {
      live(end, FRAME_BYTES);
      ack(quick, end + FRAME_BYTES);
    }
    text(slow);
    world.sleep();
    ack(slow, VIEWER_CREDIT_BYTES);
    expect(text(slow)).toMatchObject([{ type: "console_gap", from: VIEWER_CREDIT_BYTES, to: end }]);
  });

  it("is closed as too slow after thirty seconds, though nothing happens", () => {
    const viewer = viewerAt(0);
    flood(0, 2 * VIEWER_CREDIT_BYTES);
    world.now += VIEWER_STALL_MS - 1;
    world.runDueAlarms();
    expect(world.byeOf(viewer)).toBeNull();
    world.now += 1;
    world.runDueAlarms();
    expect(world.byeOf(viewer)).toMatchObject({ code: 4408 });
  });

  it("is given thirty seconds anew by each progress", () => {
    const viewer = viewerAt(0);
    flood(0, 2 * VIEWER_CREDIT_BYTES);
    world.now += VIEWER_STALL_MS - 1;
    ack(viewer, 10);
    world.now += VIEWER_STALL_MS - 1;
    world.runDueAlarms();
    expect(world.byeOf(viewer)).toBeNull();
    world.now += 1;
    world.runDueAlarms();
    expect(world.byeOf(viewer)).toMatchObject({ code: 4408 });
  });

  it("keeps its socket as long as no text waits for it", () => {
    const viewer = viewerAt(0);
    live(0, 10);
    world.now += 10 * VIEWER_STALL_MS;
    world.runDueAlarms();
    live(10, 10);
    expect(world.byeOf(viewer)).toBeNull();
    expect(text(viewer).length).toBe(2);
  });

  it("does not lose credit by a gap, which carries no bytes", () => {
    const viewer = viewerAt(0);
    live(0, 10);
    world.say(agent, { type: "console_gap", serverId: SERVER_ID, from: 10, to: 50_000_000 });
    live(50_000_000, 10);
    live(50_000_010, 10);
    expect(taken(viewer, "console_output").length).toBe(3);
  });
});

describe("many gaps in a row", () => {
  it("cost a viewer nothing: clients confirm text, not gaps", () => {
    const viewer = viewerAt(0);
    for (let at = 0; at < 40; at += 1)
      world.say(agent, { type: "console_gap", serverId: SERVER_ID, from: at * 1_000_000, to: (at + 1) * 1_000_000 });
    live(40_000_000, 10);
    expect(taken(viewer, "console_output").length).toBe(1);
  });

  it("make a viewer that confirms nothing lag, so that they do not heap up", () => {
    const viewer = viewerAt(0);
    live(0, 10);
    for (let at = 1; at < 100; at += 1)
      world.say(agent, { type: "console_gap", serverId: SERVER_ID, from: at * 1_000, to: (at + 1) * 1_000 });
    expect(taken(viewer, "console_gap").length).toBeLessThan(20);
    ack(viewer, 10);
    expect(taken(viewer, "console_gap").at(-1)).toMatchObject({ to: 100_000 });
  });
});

describe("credit to the agent", () => {
  const credits = () => taken(agent, "console_credit").map((frame) => (frame as { offset: number }).offset);

  it("follows the slowest viewer, in steps of 32 KiB", () => {
    const [first, second] = [viewerAt(0), viewerAt(0)];
    flood(0, 4 * FRAME_BYTES);
    ack(first, 4 * FRAME_BYTES);
    expect(credits()).toEqual([]);
    ack(second, FRAME_BYTES - 1);
    expect(credits()).toEqual([]);
    ack(second, FRAME_BYTES);
    ack(second, 3 * FRAME_BYTES);
    expect(credits()).toEqual([FRAME_BYTES, 3 * FRAME_BYTES]);
  });

  it("is whole again when everything is confirmed, so that the next burst starts with all of it", () => {
    const [first, second] = [viewerAt(0), viewerAt(0)];
    live(0, 10);
    ack(first, 10);
    expect(credits()).toEqual([]);
    ack(second, 10);
    expect(credits()).toEqual([10]);
  });

  it("does not wait for one that confirmed nothing for half a second", () => {
    const [quick] = [viewerAt(0), viewerAt(0)];
    flood(0, 2 * FRAME_BYTES);
    world.now += 501;
    live(2 * FRAME_BYTES, FRAME_BYTES);
    ack(quick!, 3 * FRAME_BYTES);
    expect(credits()).toEqual([3 * FRAME_BYTES]);
  });

  it("does not wait for one that left", () => {
    const [quick, leaving] = [viewerAt(0), viewerAt(0)];
    flood(0, 2 * FRAME_BYTES);
    ack(quick!, 2 * FRAME_BYTES);
    world.drop(leaving!);
    expect(credits()).toEqual([2 * FRAME_BYTES]);
  });
});

describe("leaving and coming back", () => {
  it("closes the stream a moment after the last reader left", () => {
    world.drop(viewerAt(0));
    live(0, 10);
    expect(taken(agent, "console_close")).toEqual([]);
    world.now += CONSOLE_LINGER_MS;
    world.runDueAlarms();
    expect(taken(agent, "console_close")).toMatchObject([{ serverId: SERVER_ID }]);
  });

  it("keeps the stream when somebody comes back within that moment", () => {
    world.drop(viewerAt(0));
    world.now += CONSOLE_LINGER_MS - 1;
    viewerAt(0);
    world.now += CONSOLE_LINGER_MS;
    world.runDueAlarms();
    expect(taken(agent, "console_close")).toEqual([]);
  });

  it("closes the stream though the hub slept after the last reader left", () => {
    world.drop(viewerAt(0));
    world.sleep();
    world.now += CONSOLE_LINGER_MS;
    world.runDueAlarms();
    expect(taken(agent, "console_close").length).toBe(1);
  });

  it("opens every stream anew for an agent that comes back, and replays from each viewer's position", () => {
    const viewer = viewerAt(0);
    live(0, 10);
    ack(viewer, 10);
    world.drop(agent);
    agent = connectAgent();
    expect(taken(agent, "console_open", "console_replay")).toMatchObject([
      { type: "console_open", serverId: SERVER_ID },
      { type: "console_replay", from: 10 },
    ]);
  });

  it("heaps up no replays for a viewer that takes none, however often the agent comes and goes", () => {
    const viewer = viewerAt(0);
    live(0, 10);
    world.drop(agent);
    agent = connectAgent();
    expect(taken(agent, "console_replay")).toEqual([]);
    ack(viewer, 10);
    expect(taken(agent, "console_replay")).toMatchObject([{ from: 10 }]);
  });

  it("tells an agent once a second to close a stream that nobody reads", () => {
    for (let count = 0; count < 50; count += 1) live(count * 10, 10);
    expect(taken(agent, "console_close").length).toBe(1);
    world.now += 1_000;
    live(500, 10);
    expect(taken(agent, "console_close").length).toBe(1);
  });
});
