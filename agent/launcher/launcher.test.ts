/** Every state that a kill can leave in the launcher's folder, and what the launcher makes of it. */
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { launcherSource } from "../../local/build-agent.ts";

let folder: string;
let launcher: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst launcher-"));
  launcher = join(folder, "catalyst-agent");
  copyFileSync(launcherSource, launcher);
  chmodSync(launcher, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

const CURRENT = { "catalyst-agent.mjs": "current" };
const NEXT = { "catalyst-agent.next.mjs": "next" };
const TRIAL = { "update-trial": '{"updateId":"u-1"}' };

/** Starts the launcher on these files; says which bundle it started, with which arguments, and what it left. */
function launch(files: Record<string, string>, args = ["run", "--config", "/a b"]) {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  // Stands for Node.js: shows the bundle and how it was called.
  const node = join(folder, "fake-node");
  writeFileSync(
    node,
    '#!/bin/sh\nset -- "$(cat "$1")" "$@"; printf "%s|" "$1"; [ -n "$CATALYST_AGENT_TRIAL" ] && printf 1 || printf no; printf "|"; shift 2; printf "<%s>" "$@"\n',
  );
  chmodSync(node, 0o755);
  const run = spawnSync(launcher, args, {
    encoding: "utf8",
    env: { ...process.env, CATALYST_NODE: node, CATALYST_AGENT_TRIAL: "1", CATALYST_AGENT_TRIAL_SECONDS: "1" },
  });
  rmSync(node);
  const left = readdirSync(folder).filter((name) => name !== "catalyst-agent");
  return { started: run.stdout, left: left.sort(), stderr: run.stderr };
}

const read = (name: string) => readFileSync(join(folder, name), "utf8");
const OLD = "current|no|<run><--config></a b>";

describe("without a decided update", () => {
  it.each<[string, Record<string, string>]>([
    ["nothing else is there", {}],
    ["a download was cut short", { "catalyst-agent.part.mjs": "half" }],
    ["a whole download was not put on trial yet", NEXT],
    ["a count of starts was left", { "update-starts": ".." }],
  ])("starts the current bundle when %s, and tidies up", (_what, files) => {
    const { started, left, stderr } = launch({ ...CURRENT, ...files });
    expect([started, left, stderr]).toEqual([OLD, ["catalyst-agent.mjs"], ""]);
  });

  it("starts the one before when the current one is gone", () => {
    expect(launch({ "catalyst-agent.previous.mjs": "previous" }).started).toMatch(/^previous\|no/);
  });

  it("leaves everything alone for any other command", () => {
    const { started, left } = launch({ ...CURRENT, ...NEXT, ...TRIAL }, ["version"]);
    expect(started).toBe("current|no|<version>");
    expect(left).toEqual(["catalyst-agent.mjs", "catalyst-agent.next.mjs", "update-trial"]);
  });
});

describe("a bundle on trial", () => {
  it("is started so many times and then given up, with its name kept for the report", () => {
    launch({ ...CURRENT, ...NEXT, ...TRIAL });
    for (let start = 2; start <= 3; start++) expect(launch({}).started).toMatch(/^next\|1\|/);
    const { started, left } = launch({});
    expect([started, left]).toEqual([OLD, ["catalyst-agent.mjs", "update-failed.starts"]]);
    expect(read("update-failed.starts")).toBe(TRIAL["update-trial"]);
  });

  it("is given up when its file is gone", () => {
    const { started, left } = launch({ ...CURRENT, ...TRIAL });
    expect([started, left]).toEqual([OLD, ["catalyst-agent.mjs", "update-failed.lost"]]);
  });

  it("is no more when it was given up but not yet removed", () => {
    const { started, left } = launch({ ...CURRENT, ...NEXT, "update-failed.deadline": "{}" });
    expect([started, left]).toEqual([OLD, ["catalyst-agent.mjs", "update-failed.deadline"]]);
  });

  it("is given up when its starts cannot be counted, for it could start for ever", () => {
    // A folder where the count belongs can no more be written than a full disk.
    const made = spawnSync("mkdir", [join(folder, "update-starts")]);
    expect(made.status).toBe(0);
    const { started, left } = launch({ ...CURRENT, ...NEXT, ...TRIAL });
    expect(started).toBe(OLD);
    expect(left.some((name) => name.startsWith("update-failed."))).toBe(true);
  });
});

describe("a confirmed update", () => {
  it.each<[string, Record<string, string>]>([
    ["before anything of it was done", {}],
    ["after the one before was kept", { "catalyst-agent.previous.mjs": "current" }],
    ["with the one before that still there", { "catalyst-agent.previous.mjs": "older", "update-starts": "." }],
  ])("is finished when it was cut short %s", (_what, files) => {
    const { started, left } = launch({ ...CURRENT, ...NEXT, "update-confirmed": "{}", ...files });
    expect(started).toMatch(/^next\|no\|/);
    expect(left).toEqual(["catalyst-agent.mjs", "catalyst-agent.previous.mjs"]);
    expect([read("catalyst-agent.mjs"), read("catalyst-agent.previous.mjs")]).toEqual(["next", "current"]);
  });

  it("is finished when only its marks are left", () => {
    const { started, left } = launch({ ...CURRENT, "update-confirmed": "{}", "update-starts": "." });
    expect([started, left]).toEqual([OLD, ["catalyst-agent.mjs"]]);
  });
});
