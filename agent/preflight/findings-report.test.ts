import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Finding } from "../../protocol/findings.ts";
import { Teller } from "../link/teller.ts";
import { createLog } from "../log.ts";
import { waitUntil } from "../testing/wait-until.ts";
import { error, ok, warning } from "./finding.ts";
import { fingerprint, reportFindings } from "./findings-report.ts";

const MACHINE = { memoryMb: 1, swapMb: 0, cpuCores: 1, diskMb: 1 };

/** A panel that answers each report with the next of these statuses, the last one for ever. */
async function panel(...statuses: number[]) {
  const reports: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    reports.push(body);
    const status = statuses.length > 1 ? statuses.shift()! : statuses[0]!;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(status === 200 ? { success: true, data: null } : { success: false }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const dataDir = mkdtempSync(join(tmpdir(), "catalyst-findings-"));
  let findings: Finding[] = [ok("kernel", "Kernel", "6.1")];
  const identity = {
    panelUrl: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    nodeId: "node-1",
    secret: "s",
  };
  const report = new Teller({
    tellOnce: () => reportFindings(identity, dataDir, async () => ({ findings, machine: MACHINE })),
    log: createLog("silent"),
    retry: { firstMs: 10, maxMs: 20 },
  });
  onTestFinished(() => {
    report.close();
    server.closeAllConnections();
    server.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return {
    report,
    reports,
    find: (...now: Finding[]) => {
      findings = now;
    },
  };
}

test("what the panel does not take is told again until it does, and then no more", async () => {
  const { report, reports, find } = await panel(503, 429, 200);
  report.tell();
  await waitUntil("three attempts", () => reports.length === 3);
  report.tell();
  find(error("containerd", "containerd", "gone", "Start it."));
  report.tell();
  await waitUntil("the news", () => reports.length === 4);
  expect(reports[3]).toContain("gone");
});

test("a panel that does not know reports is asked once", async () => {
  const { report, reports, find } = await panel(404, 200);
  report.tell();
  await waitUntil("the attempt", () => reports.length === 1);
  find(ok("kernel", "Kernel", "6.2"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(reports).toHaveLength(1);
  report.tell();
  await waitUntil("the next connection's attempt", () => reports.length === 2);
});

test("a figure that moves is no news; its level, another version or another panel is", () => {
  const base = [warning("disk-space", "Disk space", "1 GiB free", "Free some."), ok("nerdctl", "nerdctl", "2.3.5")];
  const told = fingerprint(base, "panel-1");
  const [disk, nerdctl] = base as [Finding, Finding];
  expect(fingerprint([{ ...disk, message: "2 GiB free" }, nerdctl], "panel-1")).toBe(told);
  expect(fingerprint([{ ...disk, level: "ok" }, nerdctl], "panel-1")).not.toBe(told);
  expect(fingerprint([disk, { ...nerdctl, message: "2.4.0" }], "panel-1")).not.toBe(told);
  expect(fingerprint(base, "panel-2")).not.toBe(told);
});
