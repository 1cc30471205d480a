/** Many viewers of one server in a process of their own, so that their work is not the measured viewer's. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { CrowdReport } from "./crowd-process.ts";
import type { Panel } from "./panel.ts";

export class Crowd {
  #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when all have joined. */
  static async join(panel: Panel, serverId: string, count: number): Promise<Crowd> {
    const argv = [panel.url, panel.token, serverId, String(count)];
    const child = fork(new URL("./crowd-process.ts", import.meta.url), argv, { stdio: "inherit" });
    await once(child, "message");
    return new Crowd(child);
  }

  /** What each viewer has seen until now. */
  async report(): Promise<CrowdReport> {
    this.#child.send("report");
    return (await once(this.#child, "message"))[0] as CrowdReport;
  }

  async leave(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.disconnect();
    await once(this.#child, "exit");
  }
}
