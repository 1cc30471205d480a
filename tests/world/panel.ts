/** A whole Catalyst on this machine, started as a user starts it, for tests to talk to. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { unmountBelow } from "../../agent/disk/testing/disk-mounts.ts";
import { removeNetworks } from "../../agent/testing/remove-networks.ts";
import { childrenOf } from "./processes.ts";
import { until } from "./until.ts";

/** What `npm start -- --json` prints when ready. */
interface Ready {
  url: string;
  adminEmail: string;
  adminPassword: string;
  dataDir: string;
  databaseUrl: string;
  neonProxyUrl: string;
  nodes: { id: string; pid: number; statsUrl: string }[];
  workerPid: number;
}

export interface PanelOptions {
  runtime?: "process" | "nerdctl";
  nodeCount?: number;
  /** Use this data folder; left out, a new one that `stop` removes. */
  dataDir?: string;
  ownsData?: boolean;
  extraArguments?: string[];
}

export interface AgentStats {
  link: { framesSent: number };
  appliedGeneration: number;
  unacknowledgedEvents: number;
  servers: { serverId: string; name: string; state: string }[];
}

export interface Answer<T = unknown> {
  status: number;
  body: { success: boolean; data: T; code?: string; error?: string; details?: { path: string; message: string }[] };
}

export class Panel {
  readonly ready: Ready;
  readonly token: string;
  /** From the command to its ready line. */
  readonly readyAfterMs: number;
  readonly log: string[];
  #child: ChildProcess;
  #options: PanelOptions;

  private constructor(
    child: ChildProcess,
    started: Pick<Panel, "ready" | "token" | "readyAfterMs" | "log">,
    options: PanelOptions,
  ) {
    this.#child = child;
    this.ready = started.ready;
    this.token = started.token;
    this.readyAfterMs = started.readyAfterMs;
    this.log = started.log;
    this.#options = options;
  }

  static async start(options: PanelOptions = {}): Promise<Panel> {
    const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "catalyst-e2e-"));
    const spawnedAt = performance.now();
    const child = spawn(
      "node_modules/.bin/node",
      [
        "local/main.ts",
        "--json",
        "--port=0",
        `--data=${dataDir}`,
        `--runtime=${options.runtime ?? "process"}`,
        `--nodes=${options.nodeCount ?? 1}`,
        "--admin-email=admin@example.com",
        `--admin-password=${PASSWORD}`,
        ...(options.extraArguments ?? []),
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const log: string[] = [];
    createInterface({ input: child.stderr! }).on("line", (line) => log.push(line));
    const line = await firstLine(child, log);
    const readyAfterMs = performance.now() - spawnedAt;
    const ready: Ready = JSON.parse(line);
    const token = await signIn(ready.url);
    return new Panel(child, { ready, token, readyAfterMs, log }, options);
  }

  get url(): string {
    return this.ready.url;
  }

  get nodeId(): string {
    return this.ready.nodes[0]!.id;
  }

  /** Another session of the administrator; returns its token. */
  signIn(): Promise<string> {
    return signIn(this.url);
  }

  api<T = unknown>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    return call<T>(this.url, method, path, body, this.token);
  }

  /** Like `api`, and fails unless the answer is a success. */
  async must<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.api<T>(method, path, body);
    if (!answer.body.success) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body.data;
  }

  async createServer(body: Record<string, unknown> = {}): Promise<string> {
    const server = await this.must<{ id: string }>("POST", "/api/servers", {
      name: "test",
      templateId: "echo",
      nodeId: this.nodeId,
      allocatedMemoryMb: 64,
      allocatedCpuCores: 0.5,
      allocatedDiskMb: 128,
      ...body,
    });
    return server.id;
  }

  async state(serverId: string): Promise<string> {
    return (await this.must<{ status: string }>("GET", `/api/servers/${serverId}`)).status;
  }

  async waitForState(serverId: string, state: string, deadlineMs = 30_000): Promise<void> {
    await until(`server ${serverId} is ${state}`, async () => (await this.state(serverId)) === state, deadlineMs);
  }

  async startServer(serverId: string, deadlineMs = 60_000): Promise<void> {
    await this.must("POST", `/api/servers/${serverId}/start`);
    await this.waitForState(serverId, "running", deadlineMs);
  }

  /** Ends everything, game servers too, and removes the data folder if this call made it. */
  async stop(): Promise<void> {
    const { data } = (await this.api<{ id: string }[]>("GET", "/api/servers?limit=200")).body;
    await Promise.all((data ?? []).map((server) => this.api("DELETE", `/api/servers/${server.id}`)));
    await until(
      "the node's servers are gone",
      async () => {
        const stats = await this.agentStats();
        return stats.servers.length === 0;
      },
      30_000,
    ).catch(() => {});
    await this.interrupt();
    const { dataDir, nodes } = this.ready;
    for (const { id } of nodes) await removeNetworks(join(dataDir, "nodes", id, "data"));
    unmountBelow(dataDir);
    if (this.#options.ownsData ?? this.#options.dataDir === undefined)
      rmSync(this.ready.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** What the first node's agent tells on its local port, which a restart of the agent may change. */
  async agentStats(): Promise<AgentStats> {
    const port = readFileSync(join(this.ready.dataDir, "nodes", this.nodeId, "data", "stats-port"), "utf8").trim();
    return (await fetch(`http://127.0.0.1:${port}/stats`)).json() as Promise<AgentStats>;
  }

  /** The agent's process at this moment; 0 while the supervisor starts a new one. */
  agentPid(): number {
    return childrenOf(this.#child.pid!, "catalyst-agent")[0] ?? 0;
  }

  /** The edge's process at this moment; 0 while the supervisor starts a new one. */
  workerPid(): number {
    return childrenOf(this.#child.pid!, "workerd")[0] ?? 0;
  }

  /** Kills the agent as a power cut would, and waits for the next one. */
  async killAgent(): Promise<void> {
    const pid = this.agentPid();
    process.kill(pid, "SIGKILL");
    await until("the agent is started again", () => ![0, pid].includes(this.agentPid()));
  }

  /** Kills the edge, and waits for the next one to answer. */
  async killWorker(): Promise<void> {
    const pid = this.workerPid();
    process.kill(pid, "SIGKILL");
    await until("the edge is started again", () => ![0, pid].includes(this.workerPid()));
    await until("the edge answers", async () => (await fetch(`${this.url}/health`)).ok);
  }

  /** Waits until the agent answers through the hub. */
  async waitForNode(deadlineMs = 30_000): Promise<void> {
    await until(
      "the node is connected",
      async () => (await this.api("GET", `/api/nodes/${this.nodeId}/stats`)).status === 200,
      deadlineMs,
    );
  }

  /** Ctrl-C, and another start on the same data. */
  async restart(): Promise<Panel> {
    await this.interrupt();
    const ownsData = this.#options.ownsData ?? this.#options.dataDir === undefined;
    return Panel.start({ ...this.#options, dataDir: this.ready.dataDir, ownsData });
  }

  /** Ctrl-C: the control plane and the agents end, game servers go on. */
  async interrupt(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGINT");
    await exited;
  }
}

export const PASSWORD = "correct horse battery";

async function signIn(url: string): Promise<string> {
  const body = { email: "admin@example.com", password: PASSWORD };
  const login = await call<{ token: string }>(url, "POST", "/api/auth/login", body);
  if (login.status !== 200) throw new Error(`signing in failed: ${JSON.stringify(login.body)}`);
  return login.body.data.token;
}

/** Asks a panel's API, as the owner of a token or as nobody; refusals are answers too. */
export async function call<T>(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<Answer<T>> {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer<T>["body"] };
}

function firstLine(child: ChildProcess, log: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (what: string) => reject(new Error(`npm start ${what}:\n${log.slice(-40).join("\n")}`));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail("was not ready in 120 s");
    }, 120_000);
    createInterface({ input: child.stdout! }).once("line", (line) => {
      clearTimeout(timer);
      resolve(line);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
  });
}
