/**
 * What the agent needs of whatever runs game servers. `nerdctl/` is the product; `process/` runs host processes for
 * machines without containerd.
 *
 * Every method may be called again after a crash of the agent at any point: each states what a repetition does.
 * All methods reject with `RuntimeError`; its message is fit for the owner's eyes.
 */
import type { Finding } from "../../protocol/findings.ts";
import type { ServerSpec } from "../../protocol/spec.ts";

/** Places of one server on the node's disk; made by `serverPaths()`. */
export interface ServerPaths {
  /** Everything of this server. */
  root: string;
  /** The game's own folder, the only thing it can write. */
  data: string;
  /** Console log: segments written by the logger, read by the agent. */
  console: string;
  /** FIFO that is the game's standard input. */
  stdin: string;
  /** The agent's own records of this server. */
  records: string;
}

/** All that a start needs; everything is resolved, no placeholder is left. */
export interface LaunchSpec {
  spec: ServerSpec;
  paths: ServerPaths;
  /** Command line for `sh -c`. */
  command: string;
  environment: Record<string, string>;
  /** Calls the start off where it can still be: it rejects, or resolves when it had gone too far. */
  abort?: AbortSignal;
}

export interface InstallSpec {
  spec: ServerSpec;
  paths: ServerPaths;
  environment: Record<string, string>;
  /** Called once, when nothing of an earlier install runs any more and the image is there: right before the script. */
  prepare?: () => Promise<void>;
}

export interface ExitStatus {
  /** 128 + signal number when a signal ended it, as shells say it. */
  exitCode: number;
  /** Name such as SIGSEGV, or null. */
  signal: string | null;
  oomKilled: boolean;
  /** Milliseconds since 1970. */
  exitedAt: number;
}

export interface RuntimeStatus {
  serverId: string;
  isRunning: boolean;
  /** Identifies one run: an exit of an older run is never taken for the present one's. */
  runId: string;
  startedAt: number | null;
  /** Null while running, or when it cannot be known any more. */
  exit: ExitStatus | null;
}

export interface RuntimeUsage {
  /** CPU time used since the start, in microseconds. */
  cpuUsageUs: number;
  memoryBytes: number;
  /** The limit in force, 0 for none; null where nothing is enforced. */
  memoryLimitBytes: number | null;
  networkRxBytes: number;
  networkTxBytes: number;
  processCount: number;
}

/** Limits that can be changed while a server runs, by the API's names. */
export type LiveLimit =
  | "allocatedMemoryMb"
  | "memoryHeadroomMb"
  | "swapMb"
  | "allocatedCpuCores"
  | "cpuPinning"
  | "ioWeight"
  | "pidsLimit";

/** A limit that a running server keeps until its next start, and why, in words for the owner. */
export interface KeptLimit {
  field: LiveLimit;
  reason: string;
}

export type ExitListener = (serverId: string, runId: string, exit: ExitStatus) => void;

export class RuntimeError extends Error {
  override name = "RuntimeError";
  /** Nothing of the server is to blame: the node's own tools fail, and may work again in a moment. */
  readonly isNodeFault: boolean;

  constructor(message: string, { isNodeFault = false, ...options }: ErrorOptions & { isNodeFault?: boolean } = {}) {
    super(message, options);
    this.isNodeFault = isNodeFault;
  }
}

export interface ContainerRuntime {
  readonly name: "nerdctl" | "process";

  /** Checks what the runtime stands on. Changes nothing. */
  preflight(): Promise<Finding[]>;

  /**
   * Begins reporting exits, including those that happened while the agent was away. To be called until it resolves once:
   * what an attempt that was rejected had begun is taken up by the next.
   */
  watch(onExit: ExitListener): Promise<void>;

  /**
   * Starts the server and resolves when its process runs. A server already running is left alone and its status
   * returned. Rests of an earlier run are removed first; console log and data stay.
   */
  start(launch: LaunchSpec): Promise<RuntimeStatus>;

  /**
   * Sends a signal (`SIGINT`, …) to the game. Not running: resolves, nothing happens.
   *
   * @param runId the run that is meant; when another one runs by now, nothing happens. Without it, the present run.
   */
  signal(serverId: string, signal: string, runId?: string): Promise<void>;

  /** Ends every process of the server at once. Not running: resolves, nothing happens. `runId` as for `signal`. */
  kill(serverId: string, runId?: string): Promise<void>;

  /** Runs the install script to its end with its output in the server's console log. Aborting kills it. Not resumable: after a crash of the agent it is run anew. */
  install(install: InstallSpec, abort: AbortSignal): Promise<ExitStatus>;

  /**
   * A start or an install that waits for an image gives up: it rejects soon, and nothing of it comes to life later. No
   * effect on anything else.
   */
  cancelPull(serverId: string): void;

  /** Writes a line of Catalyst's own into the console of a server that is not running. Never rejects: it is a courtesy. */
  say(paths: ServerPaths, text: string): Promise<void>;

  /** Status of one server, or null when the runtime knows nothing of it. */
  inspect(serverId: string): Promise<RuntimeStatus | null>;

  /** Every server of this node that the runtime knows, running or not; never anything that is not Catalyst's. */
  list(): Promise<RuntimeStatus[]>;

  /**
   * Gives a running server the limits of its spec, as far as that can be done without harm to the game. Not running:
   * resolves, nothing happens. Repeating it is harmless.
   *
   * @returns the limits that could not be changed.
   */
  updateLimits(spec: ServerSpec): Promise<KeptLimit[]>;

  /** Present use of a running server, read from the kernel; null when not running. Cheap enough for every 2 s. */
  usage(serverId: string): Promise<RuntimeUsage | null>;

  /** Writes a line of the agent's own into the console of a running server; resolves false when it was not taken. */
  announce(serverId: string, line: string): Promise<boolean>;

  /**
   * Tells which servers this node shall have, all of them, whenever that has changed and at the agent's start: what servers
   * share (networks, firewall) is made to fit. Repeating it mends what others have undone.
   */
  follow(specs: readonly ServerSpec[]): Promise<void>;

  /** Removes what the runtime keeps of the server (container, network, records), killing it if need be. Data folder and log are not touched. Repeating it is harmless. */
  remove(serverId: string): Promise<void>;

  /** Stops watching and lets go of every handle. Servers go on running. */
  close(): Promise<void>;
}
