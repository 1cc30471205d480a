/** The process of all viewers of a measurement; `crowd.ts` starts it and gives it its jobs. */
import { until } from "../../tests/world/until.ts";
import { judgeViewer } from "./burst-judgement.ts";
import { BURST_LINE_BYTES } from "./burst-lines.ts";
import { CrowdViewer } from "./crowd-viewer.ts";
import type { BurstResult, Connected, ConsoleTarget, Job, JobAnswer, JobMessage, Latencies } from "./jobs.ts";
import { nowMicros } from "./talk.ts";

const DEADLINE_MS = 60_000;
let target: ConsoleTarget;
let viewers: CrowdViewer[] = [];

async function connect(to: ConsoleTarget, count: number): Promise<Connected> {
  target = to;
  viewers = Array.from({ length: count }, () => new CrowdViewer(to));
  await Promise.all(viewers.map((viewer) => viewer.joined()));
  return { extensions: viewers[0]!.extensions };
}

async function echo(trips: number, pauseMs: number): Promise<Latencies> {
  const viewer = viewers[0]!;
  const ms: number[] = [];
  for (let trip = 0; trip < trips; trip++) {
    // An uneven rhythm, so that no timer of the other side falls into step with it.
    if (pauseMs > 0) await pause(pauseMs * (0.75 + Math.random() / 2));
    const answer = Buffer.from(`echo: trip ${trip}\\n`);
    viewer.forget();
    const answered = textWith(viewer, (frame) => frame.includes(answer));
    const sentAt = performance.now();
    viewer.type(`echo trip ${trip}`);
    await answered;
    ms.push(performance.now() - sentAt);
  }
  return { ms };
}

async function tick(lines: number, everyMs: number): Promise<Latencies> {
  const ms: number[] = [];
  for (const viewer of viewers) {
    viewer.forget();
    viewer.onText = (frame) => {
      const now = nowMicros();
      for (const match of frame.toString("latin1").matchAll(/tick \d+ (\d+)/g))
        ms.push((now - Number(match[1])) / 1000);
    };
  }
  viewers[0]!.type(`tick ${lines} ${everyMs}`);
  await until(
    "every line is at every viewer",
    () => ms.length >= lines * viewers.length,
    lines * everyMs + DEADLINE_MS,
  );
  for (const viewer of viewers) viewer.onText = () => {};
  return { ms };
}

async function burst(lines: number): Promise<BurstResult> {
  const starts = viewers.map((viewer) => viewer.next);
  for (const viewer of viewers) viewer.forget();
  const sentAt = performance.now();
  viewers[0]!.type(`burst ${lines}`);
  const size = lines * BURST_LINE_BYTES;
  await until(
    "the burst is at every viewer",
    () => viewers.every((viewer, i) => viewer.next >= starts[i]! + size),
    DEADLINE_MS,
  );
  const judged = await Promise.all(viewers.map((viewer, i) => judgeViewer(viewer, target, starts[i]!, lines)));
  for (const viewer of viewers) viewer.forget();
  return {
    viewers: judged.map(({ endedAt, ...result }) => result),
    commandToLastMs: Math.max(...judged.map(({ endedAt }) => endedAt)) - sentAt,
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function textWith(viewer: CrowdViewer, isIt: (frame: Buffer) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer came")), DEADLINE_MS);
    viewer.onText = (frame) => {
      if (!isIt(frame)) return;
      clearTimeout(timer);
      viewer.onText = () => {};
      resolve();
    };
  });
}

function run(job: Job): Promise<unknown> {
  switch (job.kind) {
    case "connect":
      return connect(job.target, job.viewers);
    case "echo":
      return echo(job.trips, job.pauseMs);
    case "tick":
      return tick(job.lines, job.everyMs);
    case "burst":
      return burst(job.lines);
    case "disconnect":
      for (const viewer of viewers) viewer.close();
      viewers = [];
      return Promise.resolve(null);
  }
}

process.on("message", async ({ id, job }: JobMessage) => {
  let answer: JobAnswer;
  try {
    answer = { id, result: await run(job) };
  } catch (error) {
    answer = { id, error: String(error) };
  }
  process.send!(answer);
});
process.once("disconnect", () => process.exit(0));
