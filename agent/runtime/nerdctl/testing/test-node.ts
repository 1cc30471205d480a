/** A node for container tests: a runtime of its own on a folder of its own, and nothing left behind. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SegmentLog } from "../../../console/segment-log.ts";
import { segmentIndexFile, serverPaths } from "../../../console/server-paths.ts";
import { createLog } from "../../../log.ts";
import { serverSpec } from "../../../testing/server-spec.ts";
import type { ExitStatus, LaunchSpec } from "../../container-runtime.ts";
import { NerdctlRuntime } from "../nerdctl-runtime.ts";
import { containerName, type NerdctlOptions } from "../options.ts";

/** Built by `tests/setup`; has busybox and a shell. */
export const ECHO_IMAGE = "catalyst-test/echo:1";

export interface ToldExit {
  serverId: string;
  runId: string;
  exit: ExitStatus;
}

export class TestNode {
  readonly nodeId = `test-${randomBytes(6).toString("hex")}`;
  readonly dataDir = mkdtempSync(join(tmpdir(), "catalyst-nerdctl-"));
  readonly exits: ToldExit[] = [];
  readonly #runtimes: NerdctlRuntime[] = [];
  readonly #servers = new Set<string>();

  /** A runtime as a new agent process would make it. */
  runtime(options: Partial<NerdctlOptions> = {}): NerdctlRuntime {
    const { nodeId, dataDir } = this;
    const runtime = new NerdctlRuntime({ nodeId, panel: "test", dataDir, log: createLog("silent"), ...options });
    this.#runtimes.push(runtime);
    return runtime;
  }

  async watchedRuntime(options: Partial<NerdctlOptions> = {}): Promise<NerdctlRuntime> {
    const runtime = this.runtime(options);
    await runtime.watch((serverId, runId, exit) => this.exits.push({ serverId, runId, exit }));
    return runtime;
  }

  serverId(): string {
    return `s-${randomBytes(6).toString("hex")}`;
  }

  launch(
    command: string,
    spec: Partial<LaunchSpec["spec"]> = {},
    environment: Record<string, string> = {},
  ): LaunchSpec {
    const id = this.serverId();
    const base = { id, image: ECHO_IMAGE, installImage: ECHO_IMAGE, networkMode: "bridge" as const, allocations: [] };
    const whole = serverSpec({ ...base, cpuCores: 0.5, ...spec });
    this.#servers.add(whole.id);
    return { spec: whole, paths: serverPaths(this.dataDir, whole.id), command, environment };
  }

  /** All text of a server's console. */
  async consoleText({ paths }: Pick<LaunchSpec, "paths">): Promise<string> {
    const log = new SegmentLog(paths.console, segmentIndexFile(paths));
    const parts: Buffer[] = [];
    for (let at = 0; ; ) {
      const chunk = await log.read(at, 65_536);
      if (chunk.bytes.length === 0) break;
      parts.push(chunk.bytes);
      at = chunk.offset + chunk.bytes.length;
    }
    await log.close();
    return Buffer.concat(parts).toString();
  }

  async cleanUp(): Promise<void> {
    // One that still watches would write its rules anew.
    await Promise.all(this.#runtimes.map((each) => each.close()));
    const runtime = this.runtime();
    await Promise.all([...this.#servers].map((serverId) => runtime.remove(serverId)));
    await runtime.follow([]);
    await runtime.close();
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

export function nerdctl(...args: string[]): string {
  for (let attempt = 1; ; attempt++) {
    try {
      return execFileSync("nerdctl", ["--namespace", "catalyst", ...args], { encoding: "utf8" });
    } catch (error) {
      // `ps` gives up when a container, be it another test's, is removed meanwhile.
      if (args[0] !== "ps" || attempt === 10) throw error;
    }
  }
}

/** Pid of a server's first process, as the node sees it. */
export const pidOf = (serverId: string) =>
  Number(nerdctl("inspect", "--format", "{{.State.Pid}}", containerName(serverId)));

/** A field of `/proc/<pid>/status`. */
export function processStatus(pid: number, field: string): string {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return new RegExp(`^${field}:\\s+(.*)$`, "m").exec(text)?.[1] ?? "";
}
