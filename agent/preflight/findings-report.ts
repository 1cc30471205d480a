/**
 * Reports what the health check found. What the control plane was told already is noted on disk and not told again, so
 * an agent that comes and goes costs no write.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Finding, PreflightReply } from "../../protocol/findings.ts";
import type { NodeIdentity } from "../config.ts";
import { reportToPanel } from "../panel-client.ts";
import { writeFileAtomic } from "../records/atomic-file.ts";

/** Figures in these change by themselves; only their level is news. */
const MEASURED = new Set(["disk-space", "disk-inodes", "disk-promised", "memory", "clock"]);

/** The same for findings that tell an administrator nothing new. */
export function fingerprint(findings: readonly Finding[], toldTo: string): string {
  const told = findings.map(({ id, level, message }) => [id, level, MEASURED.has(id) ? "" : message]);
  return createHash("sha256")
    .update(JSON.stringify([toldTo, told]))
    .digest("hex");
}

/** @throws PanelError when the panel did not take it */
export async function reportFindings(
  identity: NodeIdentity,
  dataDir: string,
  check: () => Promise<PreflightReply>,
): Promise<void> {
  const noteFile = join(dataDir, "told-findings");
  const preflight = await check();
  const news = fingerprint(preflight.findings, `${identity.panelUrl.href} ${identity.nodeId}`);
  if ((await readFile(noteFile, "utf8").catch(() => "")) === news) return;
  await reportToPanel(identity, { preflight });
  // On a full disk it is told again next time.
  await writeFileAtomic(noteFile, news).catch(() => {});
}
