/** Calls of the nerdctl program: with a deadline, bounded output, and an environment that holds nothing of the agent's. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { programPath } from "../../run-program.ts";
import { RuntimeError } from "../container-runtime.ts";
import { ContainerRests } from "./container-rests.ts";
import { explainFailure, type FailedAction, isRuntimeDown } from "./errors.ts";
import { NAMESPACE_DEFAULT, type NerdctlOptions } from "./options.ts";

/** Output kept of one call; the rest is read and dropped. */
const OUTPUT_MAX_BYTES = 16 * 1024 * 1024;
export const CALL_DEADLINE_MS = 60_000;

export interface CallResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CallOptions {
  deadlineMs?: number;
  abort?: AbortSignal;
  /** Variables besides the usual ones. */
  environment?: Record<string, string>;
  /** Gets the output as it comes, besides the result. */
  onStdout?: (text: string) => void;
}

function collect(stream: Readable | null): () => string {
  const parts: Buffer[] = [];
  let size = 0;
  stream?.on("data", (part: Buffer) => {
    if (size < OUTPUT_MAX_BYTES) parts.push(part);
    size += part.length;
  });
  return () => Buffer.concat(parts).toString("utf8");
}

export class NerdctlCli {
  readonly #binary: string;
  readonly #globalArguments: string[];
  readonly #environment: Record<string, string>;
  readonly #log: NerdctlOptions["log"];
  readonly rests = new ContainerRests();

  constructor(options: NerdctlOptions) {
    this.#log = options.log;
    this.#binary = options.binary ?? "nerdctl";
    const flags = {
      "--address": options.address,
      "--namespace": options.namespace ?? NAMESPACE_DEFAULT,
      "--data-root": options.dataRoot,
      "--cni-path": options.cniPath,
      "--cni-netconfpath": options.cniNetconfPath,
    };
    this.#globalArguments = Object.entries(flags).flatMap(([flag, value]) =>
      value === undefined ? [] : [flag, value],
    );
    // It needs iptables and runc, which are not on every daemon's PATH.
    this.#environment = { PATH: programPath(), HOME: "/root", LC_ALL: "C" };
    const { NERDCTL_TOML } = process.env;
    if (NERDCTL_TOML) this.#environment.NERDCTL_TOML = NERDCTL_TOML;
  }

  /** Starts the program and leaves it to the caller. */
  spawn(callArguments: string[], environment: Record<string, string> = {}): ChildProcess {
    return spawn(this.#binary, [...this.#globalArguments, ...callArguments], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...this.#environment, ...environment },
      cwd: "/",
    });
  }

  /**
   * Runs the program to its end; a code other than 0 is no error here.
   *
   * @throws RuntimeError when it cannot be run, or did not end in time (it is killed then).
   */
  call(callArguments: string[], options: CallOptions = {}): Promise<CallResult> {
    const { deadlineMs = CALL_DEADLINE_MS, abort, environment, onStdout } = options;
    return new Promise((resolve, reject) => {
      const child = this.spawn(callArguments, environment);
      if (onStdout) child.stdout?.on("data", (part: Buffer) => onStdout(part.toString("utf8")));
      const stdout = collect(child.stdout);
      const stderr = collect(child.stderr);
      let isLate = false;
      const kill = () => child.kill("SIGKILL");
      const timer = setTimeout(() => {
        isLate = true;
        kill();
      }, deadlineMs);
      abort?.addEventListener("abort", kill, { once: true });
      if (abort?.aborted) kill();
      const settle = () => {
        clearTimeout(timer);
        abort?.removeEventListener("abort", kill);
      };
      child.on("error", (error) => {
        settle();
        this.#log.error({ err: error }, "nerdctl cannot be run");
        reject(new RuntimeError("nerdctl cannot be run on this node.", { isNodeFault: true }));
      });
      child.on("close", (code) => {
        settle();
        if (isLate)
          reject(new RuntimeError("The node's container runtime did not answer in time.", { isNodeFault: true }));
        else resolve({ code: code ?? 255, stdout: stdout(), stderr: stderr() });
      });
    });
  }

  /** Runs the program and demands that it succeeds. */
  async demand(action: FailedAction, callArguments: string[], options?: CallOptions): Promise<string> {
    const result = await this.call(callArguments, options);
    if (result.code !== 0) throw this.failure(action, result);
    return result.stdout;
  }

  /** The error to throw for a failed call; nerdctl's own words go to the log. */
  failure(action: FailedAction, { code, stderr }: CallResult): RuntimeError {
    this.#log.warn({ action, code, output: stderr.slice(-2_000) }, "nerdctl failed");
    return new RuntimeError(explainFailure(action, stderr), { isNodeFault: isRuntimeDown(stderr) });
  }
}
