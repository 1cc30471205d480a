/** A run that ended by SIGKILL when its cgroup, and with it the kernel's count, is gone: containerd's word decides. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "../../log.ts";
import type { ExitStatus } from "../container-runtime.ts";
import { NerdctlCli } from "./cli.ts";
import { EndedRuns } from "./ended-runs.ts";
import { type RunRecord, RunRecords } from "./run-records.ts";

let folder: string;
let exits: ExitStatus[];
let shut: string[][];
let ended: EndedRuns;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-ended-"));
  const binary = join(folder, "nerdctl");
  writeFileSync(binary, "#!/bin/sh\n");
  chmodSync(binary, 0o755);
  const log = createLog("silent");
  const cli = new NerdctlCli({ nodeId: "node-1", panel: "panel-1", dataDir: folder, log, binary });
  const records = new RunRecords(join(folder, "runs"));
  const shutPorts = async (serverId: string, runId: string) => void shut.push([serverId, runId]);
  ended = new EndedRuns({ cli, records, namespace: "catalyst", log, shutPorts });
  exits = [];
  shut = [];
  ended.listen((_serverId, _runId, exit) => exits.push(exit));
});
afterEach(() => rmSync(folder, { recursive: true }));

const KILLED = 137;
const record: RunRecord = {
  serverId: "server-1",
  runId: "run-1",
  containerId: "no-such-container",
  startedAt: 1,
  cgroup: null,
  exit: null,
};

it("was out of memory when that is told before the end", async () => {
  await ended.settle(record, KILLED, 2, true);
  expect(exits).toMatchObject([{ exitCode: KILLED, oomKilled: true }]);
  expect(shut).toEqual([["server-1", "run-1"]]);
});

it("was out of memory when that is told just after the end", async () => {
  const settled = ended.settle(record, KILLED, 2, false);
  const telling = setInterval(() => ended.tellOom(record.containerId), 20);
  await settled;
  clearInterval(telling);
  expect(exits).toMatchObject([{ exitCode: KILLED, oomKilled: true }]);
});

it("was killed when nothing, or something of another container, is told", async () => {
  const settled = ended.settle(record, KILLED, 2, false);
  const telling = setInterval(() => ended.tellOom("another"), 20);
  await settled;
  clearInterval(telling);
  expect(exits).toMatchObject([{ exitCode: KILLED, oomKilled: false }]);
});

it("of any other end nothing is waited for", async () => {
  let wasTold = false;
  const telling = setTimeout(() => (wasTold = true), 400);
  await ended.settle(record, 0, 2, false);
  clearTimeout(telling);
  expect(exits).toMatchObject([{ exitCode: 0, oomKilled: false }]);
  expect(wasTold).toBe(false);
});
