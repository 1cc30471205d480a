/** Runs one of the system's programs to its end, with nothing of the agent's own environment. */
import { spawn } from "node:child_process";

/** Administration programs are not on every service's PATH. */
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Where programs are looked for: as the agent is told, then where systems keep theirs. */
export const programPath = (path = process.env.PATH ?? ""): string => `${path}:${SYSTEM_PATH}`;

/** Checking a large disk may take its time; nothing of ours waits for ever. */
const DEADLINE_MS = 30 * 60_000;
const STDOUT_MAX_CHARS = 64 * 1024 * 1024;
const OUTPUT_MAX_CHARS = 16_000;

export interface ProgramOptions {
  /** For its standard input. */
  input?: string;
  /** Past it the program is killed. */
  deadlineMs?: number;
  /** Kills it. */
  abort?: AbortSignal;
}

export interface ProgramResult {
  /** Null when a signal ended it. */
  code: number | null;
  stdout: string;
  /** What it printed first, both streams, for messages. */
  output: string;
}

export class ProgramError extends Error {
  override name = "ProgramError";
}

/** @throws Error when there is no such program. */
export function runProgram(
  program: string,
  args: readonly string[],
  { input = "", deadlineMs = DEADLINE_MS, abort }: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: programPath(), LC_ALL: "C" },
      timeout: deadlineMs,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let output = "";
    const keep = (data: string) => {
      if (output.length < OUTPUT_MAX_CHARS) output += data;
    };
    child.stdout.setEncoding("utf8").on("data", (data: string) => {
      if (stdout.length < STDOUT_MAX_CHARS) stdout += data;
      keep(data);
    });
    child.stderr.setEncoding("utf8").on("data", keep);
    const kill = () => void child.kill("SIGKILL");
    if (abort?.aborted) kill();
    abort?.addEventListener("abort", kill, { once: true });
    child.on("error", reject);
    child.on("close", (code) => {
      abort?.removeEventListener("abort", kill);
      resolve({ code, stdout, output });
    });
    // It may end without reading all of it.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

/**
 * @returns its standard output.
 * @throws ProgramError with what it printed, unless it ended with 0.
 */
export async function demandProgram(
  program: string,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<string> {
  const { code, stdout, output } = await runProgram(program, args, options);
  if (code === 0) return stdout;
  throw new ProgramError(`${program} ended with ${code ?? "a signal"}: ${output.trim().slice(0, 500)}`);
}
