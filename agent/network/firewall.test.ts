/** How rules come into the kernel, with programs in its place that keep them in a file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLog } from "../log.ts";
import { RuntimeError } from "../runtime/container-runtime.ts";
import { Firewall } from "./firewall.ts";
import type { FirewallPlan } from "./firewall-rules.ts";

/** `iptables-save` and `iptables-restore`; the next writes fail, as many as the file `failures` says. */
const PROGRAM = `#!${process.execPath}
const fs = require("node:fs");
const file = __dirname + "/rules.json";
const failures = __dirname + "/failures";
const tables = JSON.parse(fs.readFileSync(file, "utf8"));
if (process.argv[1].endsWith("-save")) {
  for (const [table, chains] of Object.entries(tables)) {
    console.log("*" + table);
    for (const chain of Object.keys(chains)) console.log(":" + chain + " - [0:0]");
    for (const [chain, rules] of Object.entries(chains)) for (const rule of rules) console.log("-A " + chain + " " + rule);
    console.log("COMMIT");
  }
} else {
  const left = Number(fs.readFileSync(failures, "utf8"));
  if (left > 0) {
    fs.writeFileSync(failures, String(left - 1));
    console.error("somebody else was faster");
    process.exit(4);
  }
  let table;
  for (const line of fs.readFileSync(0, "utf8").split("\\n")) {
    const [verb, chain, ...rule] = line.split(" ");
    if (line.startsWith("*")) table = tables[line.slice(1)];
    else if (line.startsWith(":")) table[verb.slice(1)] = [];
    else if (verb === "-A") table[chain].push(rule.join(" "));
    else if (verb === "-I") table[chain].unshift(rule.slice(1).join(" "));
    else if (verb === "-D") table[chain] = table[chain].filter((each) => each !== rule.join(" "));
  }
  fs.writeFileSync(file, JSON.stringify(tables));
}
`;

let folder: string;
let firewall: Firewall;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-firewall-"));
  for (const name of ["iptables-save", "iptables-restore"]) {
    writeFileSync(join(folder, name), PROGRAM, { mode: 0o755 });
  }
  writeFileSync(
    join(folder, "rules.json"),
    JSON.stringify({
      filter: { INPUT: [], FORWARD: [], OUTPUT: [] },
      nat: { PREROUTING: [], OUTPUT: [], POSTROUTING: [] },
    }),
  );
  failNext(0);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
  firewall = new Firewall(createLog("silent"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const failNext = (count: number) => writeFileSync(join(folder, "failures"), String(count));
const rules = () => readFileSync(join(folder, "rules.json"), "utf8");
const plan = (...bridges: string[]): FirewallPlan => ({
  key: "k",
  hostPorts: [],
  publishedPorts: [],
  gamePorts: [],
  bridges: bridges.map((bridge) => ({ bridge, isIsolated: false, isPool: false, isRouted: false, subnets: [] })),
});

test("rules that could not be written at once are written with the next attempt, also beside older ones", async () => {
  failNext(1);
  await firewall.assert(plan("cat-1"), ["ipv4"]);
  expect(rules()).toContain("-i cat-1 -j ACCEPT");
  failNext(1);
  await firewall.assert(plan("cat-1", "cat-2"), ["ipv4"]);
  expect(rules()).toContain("-i cat-2 -j ACCEPT");
});

test("rules that cannot be written at all are said to be missing, and are written as soon as they can be", async () => {
  await firewall.assert(plan("cat-1"), ["ipv4"]);
  failNext(1_000);
  await expect(firewall.assert(plan("cat-1", "cat-2"), ["ipv4"])).rejects.toThrow(RuntimeError);
  expect(rules()).not.toContain("cat-2");
  failNext(0);
  await firewall.assert(plan("cat-1", "cat-2"), ["ipv4"]);
  expect(rules()).toContain("-i cat-2 -j ACCEPT");
});
