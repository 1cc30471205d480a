/**
 * Tells the control plane what the health check found, after the agent connected and whenever it knows better. What it
 * was told already is noted on disk and not told again, so an agent that comes and goes costs no write.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Finding, PreflightReply } from "../../protocol/findings.ts";
import type { NodeIdentity } from "../config.ts";
import { type BackoffLimits, backoffMs } from "../link/backoff.ts";
import type { Log } from "../log.ts";
import { callPanel, PanelError } from "../panel-client.ts";
import { writeFileAtomic } from "../records/atomic-file.ts";

const RETRY: BackoffLimits = { firstMs: 10_000, maxMs: 10 * 60_000 };
/** Figures in these change by themselves; only their level is news. */
const MEASURED = new Set(["disk-space", "disk-inodes", "disk-promised", "memory", "clock"]);

/** The same for findings that tell an administrator nothing new. */
export function fingerprint(findings: readonly Finding[], toldTo: string): string {
  const told = findings.map(({ id, level, message }) => [id, level, MEASURED.has(id) ? "" : message]);
  return createHash("sha256")
    .update(JSON.stringify([toldTo, told]))
    .digest("hex");
}

export interface FindingsReportOptions {
  identity: NodeIdentity;
  dataDir: string;
  check(): Promise<PreflightReply>;
  log: Log;
  retry?: BackoffLimits;
}

export class FindingsReport {
  readonly #options: FindingsReportOptions;
  readonly #noteFile: string;
  #isRunning = false;
  #isWanted = false;
  #attempt = 0;
  #retry: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: FindingsReportOptions) {
    this.#options = options;
    this.#noteFile = join(options.dataDir, "told-findings");
  }

  /** Checks, and tells what is new; tries again until the control plane has it. Never throws. */
  tell(): void {
    this.#isWanted = true;
    this.#attempt = 0;
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#retry) clearTimeout(this.#retry);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#isWanted && !this.#isClosed) {
        this.#isWanted = false;
        await this.#tellOnce();
      }
    } catch (error) {
      const { log, retry = RETRY } = this.#options;
      // A panel from before this request answers 404; a refused secret is the link's affair.
      const isFinal = error instanceof PanelError && [400, 401, 403, 404].includes(error.status);
      log.warn({ err: error }, "the panel cannot be told what the health check found");
      if (isFinal || this.#isClosed) return;
      this.#retry = setTimeout(
        () => {
          this.#isWanted = true;
          void this.#run();
        },
        backoffMs(this.#attempt++, retry),
      );
    } finally {
      this.#isRunning = false;
    }
  }

  async #tellOnce(): Promise<void> {
    const { identity, check } = this.#options;
    const preflight = await check();
    const news = fingerprint(preflight.findings, `${identity.panelUrl.href} ${identity.nodeId}`);
    if ((await readFile(this.#noteFile, "utf8").catch(() => "")) === news) return;
    const headers = { authorization: `Bearer ${identity.secret}`, "x-catalyst-node": identity.nodeId };
    await callPanel(new URL("/api/agent/report", identity.panelUrl), { method: "POST", headers, body: { preflight } });
    // On a full disk it is told again next time.
    await writeFileAtomic(this.#noteFile, news).catch(() => {});
  }
}
