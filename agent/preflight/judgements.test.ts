import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FINDING_TEXT_MAX, type Finding, preflightReplySchema } from "../../protocol/findings.ts";
import { createLog } from "../log.ts";
import { judgeCgroups } from "../runtime/nerdctl/cgroup-findings.ts";
import { judgeClock } from "./clock.ts";
import { judgeMount, judgeSpace } from "./data-folder.ts";
import { error, ok, troubleOf, warning } from "./finding.ts";
import { judgeKernel } from "./kernel.ts";
import { judgeMemory } from "./machine.ts";
import { mountOf } from "./mounts.ts";
import { preflight } from "./preflight.ts";
import { checkService } from "./service.ts";

const levels = (findings: readonly Finding[]) => Object.fromEntries(findings.map(({ id, level }) => [id, level]));

describe("the clock", () => {
  it.each([
    [null, {}],
    [0, { clock: "ok" }],
    [9_999, { clock: "ok" }],
    [-10_000, { clock: "warning" }],
    [300_000, { clock: "error" }],
    [-86_400_000, { clock: "error" }],
  ])("%s ms off", (skewMs, expected) => {
    expect(levels(judgeClock(skewMs))).toEqual(expected);
  });

  it("says which way it is off, in a unit that fits", () => {
    expect(judgeClock(-43_000)[0]!.message).toContain("43 seconds behind");
    expect(judgeClock(600_000)[0]!.message).toContain("10 minutes ahead");
    expect(judgeClock(5 * 3_600_000)[0]!.message).toContain("5 hours ahead");
  });
});

describe("the data folder", () => {
  const GIB = 1024 ** 3;
  const space = { totalBytes: 100 * GIB, freeBytes: 50 * GIB, inodes: 1e6, freeInodes: 9e5 };

  it.each([
    [{}, { "disk-space": "ok", "disk-inodes": "ok" }],
    [{ freeBytes: GIB }, { "disk-space": "warning", "disk-inodes": "ok" }],
    [{ freeBytes: 4 * GIB }, { "disk-space": "warning", "disk-inodes": "ok" }],
    [{ freeInodes: 100 }, { "disk-space": "ok", "disk-inodes": "warning" }],
    // btrfs and such make them as they need them.
    [{ inodes: 0, freeInodes: 0 }, { "disk-space": "ok" }],
  ])("%j", (change, expected) => {
    expect(levels(judgeSpace("/data", { ...space, ...change }))).toEqual(expected);
  });

  const MOUNTS = [
    "24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "25 24 0:20 / /tmp rw - tmpfs tmpfs rw",
    "26 24 0:21 / /srv/my\\040games rw - nfs4 nas:/games rw",
    "27 24 8:2 / /var/lib/catalyst rw - ext4 /dev/sdb1 rw",
    "28 24 8:2 / /var/lib/catalyst ro - xfs /dev/sdc1 rw",
  ].join("\n");

  it.each([
    ["/data", "ext4", "ok"],
    ["/tmp/catalyst", "tmpfs", "warning"],
    ["/tmpfiles", "ext4", "ok"],
    ["/srv/my games/a", "nfs4", "warning"],
    ["/var/lib/catalyst/servers", "xfs", "error"],
  ])("%s is on %s", (path, type, level) => {
    const mount = mountOf(path, MOUNTS);
    expect(mount?.type).toBe(type);
    expect(judgeMount(path, mount).level).toBe(level);
  });
});

describe("the kernel", () => {
  const facts = {
    release: "6.1",
    status: "Seccomp:\t2\n",
    fileSystems: "nodev\toverlay\n",
    maxUserNamespaces: "1000\n",
  };
  it.each([
    [{}, "ok", "ok"],
    [{ status: "" }, "warning", "ok"],
    [{ fileSystems: "\text4\n" }, "ok", "warning"],
  ])("%j", (change, seccomp, overlayfs) => {
    expect(levels(judgeKernel({ ...facts, ...change }))).toMatchObject({ seccomp, overlayfs });
  });

  it.each([
    [{}, { cgroups: "ok", "swap-limit": "ok", "io-weight": "ok" }],
    [{ names: ["cpu"] }, { cgroups: "error" }],
    [{ hasSwapLimit: false }, { cgroups: "ok", "swap-limit": "warning", "io-weight": "ok" }],
  ])("limits with %j", (change, expected) => {
    const controllers = {
      version: 2 as const,
      names: ["cpu", "memory", "pids"],
      hasSwapLimit: true,
      hasIoWeight: true,
    };
    expect(levels(judgeCgroups({ ...controllers, ...change }))).toEqual(expected);
  });

  it("has too little memory left", () => {
    const meminfo = "MemTotal: 4194304 kB\nMemAvailable: 102400 kB\nSwapTotal: 0 kB\n";
    expect(levels(judgeMemory(meminfo))).toEqual({ memory: "warning", swap: "ok" });
    expect(judgeMemory(meminfo)[0]!.message).toBe("100 MiB of 4096 MiB available.");
  });
});

describe("the service", () => {
  it("is kept running by whoever says so, and by nobody where there is no unit", async () => {
    const folder = mkdtempSync(join(tmpdir(), "catalyst-units-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const level = async (environment: NodeJS.ProcessEnv) => (await checkService(environment, [folder]))[0]!.level;
    expect(await level({})).toBe("warning");
    expect(await level({ CATALYST_AGENT_SUPERVISOR: "npm-start" })).toBe("ok");
    writeFileSync(join(folder, "catalyst-agent.service"), "");
    expect(await level({})).toBe("warning");
    expect(await level({ INVOCATION_ID: "1" })).toBe("ok");
  });
});

describe("the whole check", () => {
  it("survives a check that fails, and stays within what the protocol takes", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "catalyst-preflight-"));
    onTestFinished(() => rmSync(dataDir, { recursive: true }));
    mkdirSync(join(dataDir, "x"));
    const log = createLog("silent");
    const base = { dataDir, clockSkewMs: 0, log };
    const failing = { name: "process" as const, preflight: () => Promise.reject(new Error("secret /path")) };
    const broken = preflightReplySchema.parse(await preflight({ ...base, runtime: failing }));
    expect(broken.findings).toContainEqual(expect.objectContaining({ id: "check-runtime", level: "warning" }));
    expect(JSON.stringify(broken)).not.toContain("secret");
    const many = Array.from({ length: 200 }, (_, i) => ok(`check-${i}`, "Check", "x".repeat(10_000)));
    const long = { name: "process" as const, preflight: async () => many };
    const reply = preflightReplySchema.parse(await preflight({ ...base, runtime: long }));
    expect(reply.findings[0]!.message).toHaveLength(FINDING_TEXT_MAX);
  });

  it("names the first error as what keeps servers from running", () => {
    expect(troubleOf([ok("a", "A", "fine")])).toBeNull();
    expect(troubleOf([warning("a", "A", "meh", ""), error("b", "B", "B is gone.", "Fix it.")])).toBe("B is gone.");
  });
});
