/** Runs the edge: one stock workerd process, started again when it dies, listening on the same address every time. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { formatEndpoint } from "../protocol/endpoint.ts";
import { endWithParent } from "./end-with-parent.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import { type Supervised, supervise } from "./supervise.ts";

export interface EdgeOptions {
  configPath: string;
  host: string;
  /** 0 takes a free one, which is then kept. */
  port: number;
  /** The Worker's variables and secrets that its configuration reads from the environment. */
  environment: Record<string, string>;
  log(line: string): void;
  /** Called with each new process, to be written down. */
  onStart(identity: ProcessIdentity): void;
}

export interface Edge {
  port: number;
  /** Pid of the process at this moment. */
  pid(): number;
  stop(): Promise<void>;
}

const LISTEN_DEADLINE_MS = 20_000;

/** Starts the edge; resolves when it listens. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  let { port } = options;
  const supervised: Supervised = await supervise({
    name: "workerd",
    log: options.log,
    start: async () => {
      const child = launch(options, port);
      port = await listeningPort(child);
      const identity = identify(child.pid!);
      if (identity) options.onStart(identity);
      return child;
    },
    // It holds nothing that a kill could lose: storage is SQLite, and sockets come back.
    stopSignal: "SIGTERM",
  });
  return { port, pid: () => supervised.pid(), stop: () => supervised.stop() };
}

function launch(options: EdgeOptions, port: number): ChildProcess {
  const address = formatEndpoint(options.host, port);
  const args = ["serve", options.configPath, "--control-fd=3", `--socket-addr=http=${address}`];
  const child = spawn(...endWithParent("SIGTERM", workerdBinary(), args), {
    env: { PATH: process.env.PATH ?? "", ...options.environment, TZ: "UTC" },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // A group of its own: Ctrl-C in a terminal reaches the orchestrator alone, which stops things in order.
    detached: true,
  });
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on("line", (line) => options.log(`workerd: ${line}`));
  }
  return child;
}

/** workerd says on descriptor 3, in a line of JSON each, what it listens on. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      clearTimeout(deadline);
      reject(new Error(`workerd does not start: ${reason}`));
    };
    const deadline = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`it did not listen within ${LISTEN_DEADLINE_MS / 1000} s`);
    }, LISTEN_DEADLINE_MS);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, signal) => fail(`it ended with ${code ?? signal}`));
    createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => {
      const message = JSON.parse(line) as { event?: string; socket?: string; port?: number };
      if (message.event !== "listen" || message.socket !== "http" || message.port === undefined) return;
      clearTimeout(deadline);
      child.removeAllListeners("exit");
      resolve(message.port);
    });
  });
}

/** The binary itself rather than the package's Node wrapper, which would stand between us and its signals. */
function workerdBinary(): string {
  const require = createRequire(import.meta.url);
  const path: unknown = require("workerd").default;
  if (typeof path !== "string") throw new Error("the package workerd names no binary");
  return path;
}
