import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { ownMemory } from "../tests/world/processes.ts";
import { familyCpuMs, listProcesses, type ProcessEntry, serverProcesses } from "./server-processes.ts";

const DATA = "/tmp/panel-a/nodes/node-1/data";
const SHIM = "/usr/local/bin/containerd-shim-runc-v2 -namespace catalyst -id 43688932 -address /run/containerd.sock";
const logger = (dataDir: string) => `/usr/bin/perl ${dataDir}/bin/console-logger dir ${dataDir}/servers/s/console`;
const entry = (pid: number, parentPid: number, commandLine: string): ProcessEntry => ({ pid, parentPid, commandLine });

describe("the processes around a server", () => {
  const one = [
    entry(10, 1, SHIM),
    entry(11, 10, logger(DATA)),
    entry(12, 10, "/sbin/tini -- sh -c game"),
    entry(13, 12, "game"),
  ];

  it("are its shim, its init and its logger", () => {
    expect(serverProcesses(one, DATA)).toEqual([{ shim: 10, init: 12, logger: 11, others: [] }]);
  });

  it("are counted by the folder of their node: a neighbour's are not, whose folder begins alike", () => {
    const neighbour = [
      entry(20, 1, SHIM),
      entry(21, 20, logger(`${DATA}-2`)),
      entry(22, 20, "tini"),
      entry(23, 22, "x"),
    ];
    expect(serverProcesses([...one, ...neighbour], DATA)).toHaveLength(1);
    expect(serverProcesses([...one, ...neighbour], `${DATA}-2`)).toMatchObject([{ shim: 20 }]);
  });

  it("are told from anything else that a shim holds", () => {
    const held = [entry(14, 10, "something"), entry(15, 10, "sleep infinity")];
    expect(serverProcesses([...one, ...held], DATA)).toMatchObject([{ init: 12, others: [14, 15] }]);
  });
});

describe("figures of a living process", () => {
  it("count its own memory, and the processor time of its children, ended ones too", async () => {
    const busy = "while (process.cpuUsage().user < 200_000);";
    const script = `require("node:child_process").execFileSync(process.execPath, ["-e", ${JSON.stringify(busy)}]); console.log("done"); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      await new Promise((resolve) => child.stdout.once("data", resolve));
      const pid = child.pid!;
      expect(listProcesses()).toContainEqual(expect.objectContaining({ pid, parentPid: process.pid }));
      const { privateDirty, proportional } = ownMemory(pid);
      expect(privateDirty).toBeGreaterThan(1024 * 1024);
      expect(proportional).toBeGreaterThanOrEqual(privateDirty);
      expect(familyCpuMs(pid, listProcesses())).toBeGreaterThan(100);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
