/** An agent that is installed with its launcher and kept running, as a service is. */
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { launcherSource } from "../../local/build-agent.ts";
import type { AgentBuild } from "../../protocol/agent-update.ts";
import type { AgentProcess } from "./agent-process.ts";

const RESTART_MS = 30;

export class SupervisedAgent {
  readonly agent: AgentProcess;
  readonly home: string;
  /** Exit codes of the processes so far; null for one that was killed. */
  readonly exits: (number | null)[] = [];
  readonly #environment: Record<string, string>;
  #isStopped = false;
  #finished: Promise<void> = Promise.resolve();

  constructor(agent: AgentProcess, environment: Record<string, string> = {}, home = join(agent.folder, "home")) {
    this.agent = agent;
    this.home = home;
    this.#environment = { CATALYST_NODE: process.execPath, CATALYST_AGENT_SUPERVISOR: "test", ...environment };
    mkdirSync(home, { recursive: true });
    copyFileSync(agent.module, join(home, "catalyst-agent.mjs"));
    copyFileSync(launcherSource, join(home, "catalyst-agent"));
    chmodSync(join(home, "catalyst-agent"), 0o755);
  }

  start(): void {
    this.#finished = this.#keepRunning();
  }

  /** The agent's bundle as it shipped. */
  bundle(): string {
    return readFileSync(this.agent.module, "utf8");
  }

  /** What lies in the folder of launcher and agent. */
  files(): string[] {
    return readdirSync(this.home).sort();
  }

  has(name: string): boolean {
    return existsSync(join(this.home, name));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.agent.end("SIGKILL");
    await this.#finished;
  }

  async #keepRunning(): Promise<void> {
    while (!this.#isStopped) {
      this.agent.start(["run"], this.#environment, [join(this.home, "catalyst-agent")]);
      this.exits.push(await this.agent.ended());
      await delay(RESTART_MS);
    }
  }
}

/** What a control plane would say of this bundle. */
export function buildOf(bundle: string): AgentBuild {
  return { version: RELEASE, sha256: createHash("sha256").update(bundle).digest("hex") };
}

/** The release that the bundler writes into the bundle. */
const { version: RELEASE } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

/** The bundle with a statement that is run before anything else of it; the command `version` stays what it is. */
export function withStatement(bundle: string, statement: string): string {
  const [shebang, banner, ...rest] = bundle.split("\n");
  return [shebang, banner, `if (process.argv[2] === "run") { ${statement} }`, ...rest].join("\n");
}
