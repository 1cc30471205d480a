/** A real agent process on a folder of its own, and a world that is cleaned up after a test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { afterAll } from "vitest";
import { bundleAgent } from "../../local/build-agent.ts";
import { bootIdentity } from "../boot-identity.ts";
import { unmountBelow } from "../disk/testing/disk-mounts.ts";
import { createLog } from "../log.ts";
import { ProcessRuntime } from "../runtime/process/process-runtime.ts";
import type { ContainerdPlace } from "./containerd-place.ts";
import { FakeControlPlane } from "./fake-control-plane.ts";
import { removeNetworks } from "./remove-networks.ts";
import { waitUntil } from "./wait-until.ts";

const bundleFolder = mkdtempSync(join(tmpdir(), "catalyst-agent-bundle-"));
afterAll(() => rmSync(bundleFolder, { recursive: true, force: true }));
let bundle: Promise<string> | null = null;

/** The agent as it ships, made once a test file. */
function agentModule(): Promise<string> {
  const file = join(bundleFolder, "catalyst-agent.mjs");
  bundle ??= bundleAgent(file).then(() => file);
  return bundle;
}

export class AgentProcess {
  readonly folder = mkdtempSync(join(tmpdir(), "catalyst-agent-"));
  readonly dataDir = join(this.folder, "data");
  readonly configFile = join(this.folder, "config.toml");
  readonly module: string;
  #child: ChildProcess | null = null;
  #nerdctl: ContainerdPlace | undefined;
  output = "";

  constructor(module: string) {
    this.module = module;
  }

  /** @param nerdctl where containerd is, when it is not the environment's. */
  configure(plane: FakeControlPlane, agent: Record<string, unknown> = {}, nerdctl?: ContainerdPlace): void {
    this.#nerdctl = nerdctl;
    const config = {
      panel: { url: plane.url, node_id: plane.nodeId, secret: plane.secret },
      agent: { data_dir: this.dataDir, runtime: "process", stats_port: 0, log_level: "debug", ...agent },
      ...(nerdctl && { nerdctl }),
    };
    writeFileSync(this.configFile, stringify(config));
    chmodSync(this.configFile, 0o600);
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** @param program runs the agent; by default Node.js with the bundle. */
  start(
    args: string[] = ["run"],
    environment: Record<string, string> = {},
    program: [string, ...string[]] = [process.execPath, this.module],
  ): void {
    const [file, ...first] = program;
    const child = spawn(file, [...first, ...args, "--config", this.configFile], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_ENV: "test", ...environment },
    });
    child.stdout.on("data", (data) => {
      this.output += data;
    });
    child.stderr.on("data", (data) => {
      this.output += data;
    });
    this.#child = child;
  }

  /** Resolves with the exit code. */
  async ended(): Promise<number | null> {
    const child = this.#child!;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode;
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child?.kill(signal);
    return this.ended();
  }

  /** The pid of a server's first process. */
  serverPid(serverId: string): number {
    const runs = join(this.dataDir, "process-runtime", "runs");
    const { runId } = JSON.parse(readFileSync(join(runs, `${serverId}.json`), "utf8")) as { runId: string };
    return Number.parseInt(readFileSync(join(runs, `${serverId}~${runId}.process`), "utf8"), 10);
  }

  /** Ends the agent and every game of it, and deletes the folder. */
  async cleanUp(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) await this.end("SIGKILL");
    const log = createLog("silent");
    const runtime = new ProcessRuntime({ dataDir: this.dataDir, bootIdentity: bootIdentity(), log });
    for (const { serverId } of await runtime.list()) await runtime.remove(serverId);
    await runtime.close();
    await removeNetworks(this.dataDir, this.#nerdctl);
    unmountBelow(this.folder);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

export interface World {
  plane: FakeControlPlane;
  agent: AgentProcess;
  /** Starts the next agent; resolves when it is connected. A killed one's connection may still stand for a moment. */
  back(): Promise<void>;
  close(): Promise<void>;
}

/** A control plane and a configured agent that is not started yet. */
export async function makeWorld(
  nodeId?: string,
  settings: Record<string, unknown> = {},
  nerdctl?: ContainerdPlace,
): Promise<World> {
  const plane = await FakeControlPlane.start(nodeId);
  const agent = new AgentProcess(await agentModule());
  agent.configure(plane, settings, nerdctl);
  const back = async () => {
    const before = plane.connections;
    agent.start();
    await waitUntil("the agent to be back", () => plane.connections > before && plane.isConnected);
  };
  const close = async () => {
    await agent.cleanUp();
    await plane.close();
  };
  return { plane, agent, back, close };
}
