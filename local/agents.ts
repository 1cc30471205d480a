/** Enrols this machine's agents as any agent is enrolled, and keeps them running as systemd would. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { parse, stringify, type TomlTable } from "smol-toml";
import { launcherSource } from "./build-agent.ts";
import { writeAtomically } from "./data-folder.ts";
import { endWithParent } from "./end-with-parent.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import { type Supervised, supervise } from "./supervise.ts";

export interface AgentOptions {
  nodeId: string;
  /** Everything of this agent and its servers. */
  folder: string;
  /** The bundle, as nodes run it. */
  module: string;
  panelUrl: string;
  runtime: "auto" | "process" | "nerdctl";
  /** Asked for when the agent has no secret yet, or the panel does not know it any more. */
  deploymentToken(): Promise<string>;
  /** Whether the panel still has the node that this agent was enrolled as. */
  isKnown: boolean;
  log(line: string): void;
  onStart(identity: ProcessIdentity): void;
}

export interface RunningAgent {
  nodeId: string;
  pid(): number;
  /** Address of its local figures. */
  statsUrl: string;
  stop(): Promise<void>;
}

const ENROL_DEADLINE_MS = 30_000;
const STATS_DEADLINE_MS = 20_000;

export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const config = join(options.folder, "config.toml");
  mkdirSync(join(options.folder, "data"), { recursive: true, mode: 0o711 });
  const launcher = installProgram(options);
  if (!options.isKnown || !isEnrolled(config)) await enrol(options, config, launcher);
  configure(options, config);
  const statsPort = join(options.folder, "data", "stats-port");
  rmSync(statsPort, { force: true });
  const supervised: Supervised = await supervise({
    name: `the agent of ${options.nodeId}`,
    log: options.log,
    start: async () => launch(options, config, launcher),
    stopSignal: "SIGTERM",
    stopDeadlineMs: 15_000,
  });
  try {
    const port = await untilWritten(statsPort);
    return {
      nodeId: options.nodeId,
      pid: () => supervised.pid(),
      statsUrl: `http://127.0.0.1:${port}/stats`,
      stop: () => supervised.stop(),
    };
  } catch (error) {
    await supervised.stop();
    throw error;
  }
}

function isEnrolled(config: string): boolean {
  if (!existsSync(config)) return false;
  const { panel } = parse(readFileSync(config, "utf8")) as { panel?: { node_id?: unknown } };
  return typeof panel?.node_id === "string";
}

/**
 * Puts the agent where it can replace itself, as the deploy script does on a node. What this checkout built is what
 * runs, whatever an update before brought.
 *
 * @returns the launcher
 */
function installProgram({ folder, module }: AgentOptions): string {
  const home = join(folder, "agent");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(home)) {
    if (name.startsWith("update-") || name === "catalyst-agent.next.mjs") rmSync(join(home, name));
  }
  const launcher = join(home, "catalyst-agent");
  place(module, join(home, "catalyst-agent.mjs"));
  place(launcherSource, launcher);
  return launcher;
}

/** Writes nothing where the same is there already: a start must work on a full disk too. */
function place(source: string, target: string): void {
  if (existsSync(target) && readFileSync(target).equals(readFileSync(source))) return;
  copyFileSync(source, `${target}.new`);
  chmodSync(`${target}.new`, 0o755);
  renameSync(`${target}.new`, target);
}

async function enrol(options: AgentOptions, config: string, launcher: string): Promise<void> {
  configure(options, config);
  const token = await options.deploymentToken();
  const child = spawnAgent(options, launcher, [
    "enroll",
    "--url",
    options.panelUrl,
    "--token",
    token,
    "--config",
    config,
  ]);
  const lines: string[] = [];
  logLines(child, (line) => {
    lines.push(line);
    options.log(line);
  });
  const deadline = setTimeout(() => child.kill("SIGKILL"), ENROL_DEADLINE_MS);
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  clearTimeout(deadline);
  if (code !== 0) throw new Error(`the agent of ${options.nodeId} cannot be enrolled: ${lines.at(-1) ?? "no answer"}`);
}

/** Sets what this machine decides; the node's identity and secret stay as enrolment wrote them. */
function configure(options: AgentOptions, config: string): void {
  const known = (existsSync(config) ? parse(readFileSync(config, "utf8")) : {}) as Record<string, TomlTable>;
  const agent = {
    ...known.agent,
    data_dir: join(options.folder, "data"),
    runtime: options.runtime,
    stats_port: 0,
    allow_process_runtime: true,
  };
  const panel = { ...known.panel, url: options.panelUrl };
  writeAtomically(config, stringify({ ...known, panel, agent }));
}

async function launch(options: AgentOptions, config: string, launcher: string): Promise<ChildProcess> {
  const child = spawnAgent(options, launcher, ["run", "--config", config]);
  logLines(child, options.log);
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  const identity = identify(child.pid!);
  if (identity) options.onStart(identity);
  return child;
}

function spawnAgent(options: AgentOptions, launcher: string, args: string[]): ChildProcess {
  return spawn(...endWithParent("SIGTERM", launcher, args), {
    cwd: options.folder,
    env: {
      ...agentEnvironment(process.env),
      NODE_COMPILE_CACHE: join(options.folder, ".compile-cache"),
      CATALYST_AGENT_SUPERVISOR: "npm-start",
      CATALYST_NODE: process.execPath,
    },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: Ctrl-C in a terminal must not reach it, and through it the games.
    detached: true,
  });
}

/** What an agent gets to see: where its container tools are, and none of Catalyst's own settings and secrets. */
function agentEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "CNI_PATH", "NETCONFPATH"];
  const prefixes = ["CONTAINERD_", "NERDCTL_", "BUILDKIT_", "CATALYST_AGENT_"];
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => passed.includes(name) || prefixes.some((prefix) => name.startsWith(prefix)),
    ),
  );
}

function logLines(child: ChildProcess, log: (line: string) => void): void {
  for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on("line", log);
}

async function untilWritten(path: string): Promise<number> {
  const deadline = performance.now() + STATS_DEADLINE_MS;
  while (performance.now() < deadline) {
    const port = existsSync(path) ? Number(readFileSync(path, "utf8").trim()) : 0;
    if (Number.isInteger(port) && port > 0) return port;
    await delay(20);
  }
  throw new Error("the agent does not start; its log says why");
}
