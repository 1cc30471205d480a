import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Crash } from "../../protocol/frames/shared.ts";
import { COMMAND_MEMORY, CRASH_TEXT_MAX_BYTES } from "../../protocol/limits.ts";
import { createLog } from "../log.ts";
import { firstStatus, type ServerStatus, serverStatusSchema } from "../power/server-status.ts";
import type { CommandAnswer } from "../power/transitions.ts";
import { Journal } from "./journal.ts";

let folder: string;
let opened: Journal[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-journal-"));
});
afterEach(async () => {
  await Promise.all(opened.map((journal) => journal.close()));
  opened = [];
  rmSync(folder, { recursive: true });
});

/** At the beginning of time, where numbers are easy to read. */
async function open(atMs = 0): Promise<Journal> {
  const journal = await Journal.open(folder, createLog("silent"), () => atMs);
  opened.push(journal);
  return journal;
}
const file = () => join(folder, "journal");
const status = (serverId: string, change: Partial<ServerStatus> = {}): ServerStatus => ({
  ...firstStatus(serverId, 0),
  ...change,
});
const ANSWER: CommandAnswer = { ok: true, reply: { state: "starting", alreadyUnderWay: false } };
const seqs = (journal: Journal) => journal.eventsAfter(0).map((event) => event.seq);

test("what was committed is there again, in order, and each event has one number", async () => {
  const journal = await open();
  await journal.commit({ status: status("a") });
  await journal.commit({ status: status("a", { state: "starting" }), command: { id: "c-1", answer: ANSWER } });
  await journal.commit({ status: status("b") });
  const again = await open();
  expect(again.status("a")?.state).toBe("starting");
  expect(again.serverIds()).toEqual(["a", "b"]);
  expect(again.answer("c-1")).toEqual(ANSWER);
  expect(again.eventsAfter(0)).toEqual(journal.eventsAfter(0));
  expect(seqs(again)).toEqual([1, 2, 3]);
});

test("a step that the control plane need not know of makes no event", async () => {
  const journal = await open();
  await journal.commit({ status: status("a") });
  await journal.commit({ status: status("a", { readyFrom: 77 }) });
  expect(seqs(journal)).toEqual([1]);
  expect((await open()).status("a")?.readyFrom).toBe(77);
});

test("an event is told only once it is on the disk", async () => {
  const journal = await open();
  const onDisk: boolean[] = [];
  journal.onEvent = (event) => onDisk.push(readFileSync(file(), "utf8").includes(`"seq":${event.seq},`));
  await Promise.all([1, 2, 3].map((n) => journal.commit({ status: status(`s${n}`) })));
  expect(onDisk).toEqual([true, true, true]);
});

test("cut at any byte, the journal holds a beginning of what was committed and goes on after it", async () => {
  const journal = await open();
  for (const state of ["stopped", "starting", "running"] as const)
    await journal.commit({ status: status("a", { state }) });
  const whole = readFileSync(file());
  for (let size = 0; size < whole.length; size += 13) {
    writeFileSync(file(), whole);
    truncateSync(file(), size);
    const cut = await open();
    const kept = seqs(cut);
    expect(kept).toEqual([1, 2, 3].slice(0, kept.length));
    await cut.commit({ status: status("b") });
    expect(seqs(await open())).toEqual([...kept, kept.length + 1]);
  }
});

test("a damaged line is left out and the others count", async () => {
  const journal = await open();
  await journal.commit({ status: status("a") });
  await journal.commit({ status: status("b") });
  await journal.close();
  const text = readFileSync(file(), "utf8");
  writeFileSync(file(), text.replace('"serverId":"a"', '"serverId":"x"'));
  appendFileSync(file(), "00000000 {}\n");
  const again = await open();
  expect(again.serverIds()).toEqual(["b"]);
  expect(again.lastSeq).toBe(2);
});

test("acknowledged events are forgotten, also over a restart, and numbers go on", async () => {
  const journal = await open();
  for (const id of ["a", "b", "c"]) await journal.commit({ status: status(id) });
  journal.acknowledge(2);
  expect(seqs(journal)).toEqual([3]);
  await journal.close();
  const again = await open();
  expect(seqs(again)).toEqual([3]);
  await again.commit({ status: status("d") });
  expect(seqs(again)).toEqual([3, 4]);
});

test("the file stays small however long it is used, and the rewrite loses nothing", async () => {
  const journal = await open();
  await journal.commit({ status: status("a"), command: { id: "c-1", answer: ANSWER } });
  for (let n = 1; n <= 1500; n++) {
    await journal.commit({ status: status("b", { state: n % 2 ? "running" : "stopped" }) });
    if (n % 10 === 0) journal.acknowledge(journal.lastSeq);
  }
  await journal.commit({ status: status("b", { state: "crashed" }) });
  expect(statSync(file()).size).toBeLessThan(512 * 1024);
  const again = await open();
  expect(again.lastSeq).toBe(1502);
  expect(again.answer("c-1")).toEqual(ANSWER);
  expect(again.status("b")?.state).toBe("crashed");
  expect(again.eventsAfter(0)).toEqual(journal.eventsAfter(0));
});

test("commits that race with a rewrite are kept once", async () => {
  const journal = await open();
  const padding = "x".repeat(900);
  for (let round = 0; round < 40; round++) {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        journal.commit({ status: status(`s${n}`, { reason: `${padding}${round}` }) }),
      ),
    );
  }
  const again = await open();
  expect(seqs(again)).toEqual(Array.from({ length: 800 }, (_, n) => n + 1));
});

test("whoever rewrites the file is not overtaken: events are told in the order of their numbers", async () => {
  const journal = await open();
  const told: number[] = [];
  // What is acknowledged is left out of the next rewrite, so that there are many.
  journal.onEvent = ({ seq }) => {
    told.push(seq);
    journal.acknowledge(seq);
  };
  const padding = "x".repeat(8_000);
  // Each server commits its next step when it likes, whatever is being written for the others.
  const steps = async (server: number) => {
    for (let round = 0; round < 60; round++) {
      await delay(((server * 7 + round * 3) % 11) / 2);
      await journal.commit({ status: status(`s${server}`, { reason: `${padding}${round}` }) });
    }
  };
  await Promise.all(Array.from({ length: 20 }, (_, server) => steps(server)));
  expect(told).toHaveLength(1200);
  expect(told).toEqual([...told].sort((a, b) => a - b));
});

test("as many commands are remembered as the protocol says", async () => {
  const journal = await open();
  for (let n = 0; n <= COMMAND_MEMORY; n++)
    await journal.commit({ status: status("a"), command: { id: `c-${n}`, answer: ANSWER } });
  expect(journal.answer("c-0")).toBeNull();
  expect(journal.answer("c-1")).toEqual(ANSWER);
});

test("a hub with another memory is told every status anew, under numbers it has not seen", async () => {
  const journal = await open();
  await journal.commit({ status: status("a") });
  await journal.commit({ status: status("b", { state: "running" }) });
  await journal.restate(90);
  expect(journal.eventsAfter(2).map(({ seq, serverId, state }) => [seq, serverId, state])).toEqual([
    [91, "a", "stopped"],
    [92, "b", "running"],
  ]);
  expect((await open()).lastSeq).toBe(92);
});

test("a number that an earlier run told without writing it down is given to no other event, and the hub is known to be ahead", async () => {
  const journal = await open(1_000);
  await journal.commit({ status: status("a") });
  const hub: number[] = [];
  journal.onEvent = (event) => hub.push(event.seq);
  await journal.close();
  // Closed stands for a disk that takes nothing: this is told, and lost with the run.
  const written = readFileSync(file());
  await journal.commit({ status: status("a", { state: "running" }) });
  writeFileSync(file(), written);

  const again = await open(2_000);
  expect(again.status("a")?.state).toBe("stopped");
  expect(again.knows(hub.at(-1)!)).toBe(false);
  await again.commit({ status: status("b") });
  expect(again.lastSeq).toBeGreaterThan(hub.at(-1)!);
  await again.restate(hub.at(-1)!);
  expect(again.eventsAfter(hub.at(-1)!).map(({ serverId, state }) => [serverId, state])).toEqual([
    ["b", "stopped"],
    ["a", "stopped"],
    ["b", "stopped"],
  ]);
  expect(again.knows(again.lastSeq)).toBe(true);
});

test("a hub that has what was written down, in this run or before, is known", async () => {
  const first = await open(1_000);
  expect(first.knows(0)).toBe(true);
  await first.commit({ status: status("a") });
  await first.commit({ status: status("b") });
  const written = seqs(first);
  await first.close();
  const again = await open(2_000);
  for (const seq of written) expect(again.knows(seq)).toBe(true);
  await again.commit({ status: status("c") });
  expect(again.knows(again.lastSeq)).toBe(true);
  expect(again.knows(again.lastSeq + 1)).toBe(false);
  again.acknowledge(again.lastSeq);
  expect(again.knows(written[0]!)).toBe(false);
});

test("a clock that went back never makes a number come twice", async () => {
  const first = await open(5_000);
  await first.commit({ status: status("a") });
  await first.close();
  const again = await open(3_000);
  await again.commit({ status: status("b") });
  expect(seqs(again)).toEqual([first.lastSeq, first.lastSeq + 1]);
});

test("a disk that takes nothing stops nobody, and gets it all when it is back", async () => {
  const journal = await open();
  await journal.commit({ status: status("a") });
  const told: number[] = [];
  journal.onEvent = (event) => told.push(event.seq);
  await journal.close();
  // Closed stands for a write that fails.
  await journal.commit({ status: status("a", { state: "running" }) });
  expect(journal.status("a")?.state).toBe("running");
  expect(told).toEqual([2]);
  await journal.commit({ status: status("b") });
  const again = await open();
  expect(seqs(again)).toEqual([1, 2, 3]);
  expect(again.status("a")?.state).toBe("running");
  await journal.close();
});

test("a crash is told with its step, and its text is let go of before the crash itself", async () => {
  const journal = await open();
  const crash = (id: string): Crash => ({
    id,
    at: 1,
    exitCode: 1,
    signal: null,
    oomKilled: false,
    runTimeMs: 1,
    crashCount: 1,
    restartAt: null,
    lastLines: "x".repeat(CRASH_TEXT_MAX_BYTES),
  });
  const count = 600;
  for (let n = 0; n < count; n++) {
    await journal.commit({ status: status("a", { state: "crashed", crashCount: n }), crash: crash(`c-${n}`) });
  }
  for (const known of [journal, await open()]) {
    const events = known.eventsAfter(0);
    expect(events.map((event) => event.crash?.id)).toEqual(Array.from({ length: count }, (_, n) => `c-${n}`));
    const withText = events.filter((event) => event.crash?.lastLines).map((event) => event.seq);
    expect(withText).toEqual(Array.from({ length: 512 }, (_, n) => count - 512 + n + 1));
  }
});

test("a status written before crashes were counted is read", () => {
  const { restartAt: _, recentCrashes: __, backoffStep: ___, crashResetAt: ____, ...older } = status("b");
  expect(serverStatusSchema.parse(older)).toEqual(status("b"));
});
