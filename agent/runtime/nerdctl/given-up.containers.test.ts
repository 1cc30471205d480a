/** Starts and installs whose answer is lost: what they made does not go on without anybody knowing of it. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { waitUntil } from "../../testing/wait-until.ts";
import { CALL_DEADLINE_MS } from "./cli.ts";
import type { NerdctlRuntime } from "./nerdctl-runtime.ts";
import { LABEL } from "./options.ts";
import { environmentFolder } from "./run-container.ts";
import { nerdctl, TestNode } from "./testing/test-node.ts";

let node: TestNode;
let runtime: NerdctlRuntime;
/** A file by which nerdctl loses the answer of every `run`, and one by which containerd is also away from then on. */
let losesAnswers: string;
/** One by which every `run` begins late. */
let isSlow: string;
let goesAway: string;
let isAway: string;
beforeEach(async () => {
  node = new TestNode();
  [losesAnswers, goesAway, isAway, isSlow] = ["loses-answers", "goes-away", "is-away", "is-slow"].map((name) =>
    join(node.dataDir, name),
  ) as [string, string, string, string];
  const binary = join(node.dataDir, "nerdctl");
  const script = `#!/bin/sh
case "$*" in *" run "*)
  if [ -e ${isSlow} ]; then touch ${isSlow}.begun; sleep 1; fi
  if [ -e ${goesAway} ]; then touch ${isAway}; nerdctl "$@"; exit 1; fi
  if [ -e ${losesAnswers} ]; then nerdctl "$@"; exit 1; fi
esac
case "$*" in *" inspect "* | *" ps "*)
  if [ -e ${isAway} ]; then echo 'cannot access containerd socket' >&2; exit 1; fi
esac
exec nerdctl "$@"
`;
  writeFileSync(binary, script, { mode: 0o755 });
  runtime = await node.watchedRuntime({ binary });
});
afterEach(async () => {
  containerdIsBack();
  await node.cleanUp();
});

const containersOf = (id: string) => nerdctl("ps", "-aq", "--filter", `label=${LABEL.server}=${id}`).trim();

function containerdIsBack(): void {
  for (const file of [losesAnswers, goesAway, isAway]) rmSync(file, { force: true });
}

it("the container of a start that failed is gone at once", { timeout: 60_000 }, async () => {
  const launch = node.launch("sleep 600");
  writeFileSync(losesAnswers, "");
  await expect(runtime.start(launch)).rejects.toThrow();
  expect(containersOf(launch.spec.id)).toBe("");
  expect(node.exits).toEqual([]);
});

it("one that could not be looked for, because containerd was away, goes when it is back", {
  timeout: 120_000,
}, async () => {
  const launch = node.launch("sleep 600");
  writeFileSync(goesAway, "");
  await expect(runtime.start(launch)).rejects.toThrow();
  expect(containersOf(launch.spec.id)).not.toBe("");
  containerdIsBack();
  await waitUntil("the container to be gone", () => containersOf(launch.spec.id) === "", 60_000);
  expect(node.exits).toEqual([]);
});

it("and the next start is a run of its own", { timeout: 60_000 }, async () => {
  const launch = node.launch("sleep 600");
  writeFileSync(goesAway, "");
  await expect(runtime.start(launch)).rejects.toThrow();
  const before = containersOf(launch.spec.id);
  expect(before).not.toBe("");
  containerdIsBack();
  expect(await runtime.start(launch)).toMatchObject({ isRunning: true });
  const after = containersOf(launch.spec.id);
  expect(after.split("\n")).toHaveLength(1);
  expect(after).not.toBe(before);
  expect(node.exits).toEqual([]);
});

it("nor does an install's that lost containerd in the middle", { timeout: 120_000 }, async () => {
  const launch = node.launch("true", { installScript: "sleep 600" });
  writeFileSync(goesAway, "");
  await expect(runtime.install(launch, new AbortController().signal)).rejects.toThrow();
  expect(containersOf(launch.spec.id)).not.toBe("");
  containerdIsBack();
  await waitUntil("the container to be gone", () => containersOf(launch.spec.id) === "", 60_000);
});

it("a run that was given up is not taken for the server's game by a look at its figures", {
  timeout: 120_000,
}, async () => {
  const launch = node.launch("sleep 600");
  writeFileSync(goesAway, "");
  await expect(runtime.start(launch)).rejects.toThrow();
  expect(containersOf(launch.spec.id)).not.toBe("");
  containerdIsBack();
  expect(await runtime.usage(launch.spec.id)).toBeNull();
  await waitUntil("the container to be gone", () => containersOf(launch.spec.id) === "", 60_000);
  expect(node.exits).toEqual([]);
});

it("a start that was under way when its agent died is over before the next one looks", {
  timeout: 60_000,
}, async () => {
  const launch = node.launch("sleep 600");
  writeFileSync(isSlow, "");
  const ofDeadAgent = runtime.start(launch);
  await waitUntil("it to be under way", () => existsSync(`${isSlow}.begun`));
  const next = await node.watchedRuntime();
  expect(await next.inspect(launch.spec.id)).toMatchObject({ isRunning: true });
  await ofDeadAgent;
});

it("a game that looks like a lost start holds up no agent, and goes on", { timeout: 60_000 }, async () => {
  const launch = node.launch(`exec sh -c 'sleep 600; true' run --env-file ${environmentFolder(node.dataDir)}/x`);
  await runtime.start(launch);
  await runtime.close();
  const startedAt = performance.now();
  const next = await node.watchedRuntime();
  // It would be waited for as long as a start may take, and then ended.
  expect(performance.now() - startedAt).toBeLessThan(CALL_DEADLINE_MS / 2);
  expect(await next.inspect(launch.spec.id)).toMatchObject({ isRunning: true });
});
