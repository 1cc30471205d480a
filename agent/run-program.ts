/** Runs one of the system's programs for disks to its end. */
import { spawn } from "node:child_process";

/** Checking a large disk may take its time; nothing of ours waits for ever. */
const DEADLINE_MS = 30 * 60_000;
const OUTPUT_MAX_CHARS = 16_000;
/** Administration programs are not on every service's PATH. */
const PATH = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;

export interface ProgramResult {
  /** Null when a signal ended it. */
  code: number | null;
  /** What it printed, both streams. */
  output: string;
}

export class ProgramError extends Error {
  override name = "ProgramError";
}

/**
 * @param abort kills it.
 * @throws Error when there is no such program.
 */
export function runProgram(program: string, args: readonly string[], abort?: AbortSignal): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH, LC_ALL: "C" },
      timeout: DEADLINE_MS,
      killSignal: "SIGKILL",
    });
    let output = "";
    const keep = (data: Buffer) => {
      if (output.length < OUTPUT_MAX_CHARS) output += data;
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const kill = () => void child.kill("SIGKILL");
    if (abort?.aborted) kill();
    abort?.addEventListener("abort", kill, { once: true });
    child.on("error", reject);
    child.on("close", (code) => {
      abort?.removeEventListener("abort", kill);
      resolve({ code, output });
    });
  });
}

/** @throws ProgramError with what it printed, unless it ended with 0. */
export async function demandProgram(program: string, args: readonly string[], abort?: AbortSignal): Promise<string> {
  const { code, output } = await runProgram(program, args, abort);
  if (code === 0) return output;
  throw new ProgramError(`${program} ended with ${code ?? "a signal"}: ${output.trim().slice(0, 500)}`);
}
