import { constants } from "node:os";
import type { ExitStatus } from "../container-runtime.ts";

/** Shells and tini report the end by signal N as 128 + N. */
const SIGNAL_BASE = 128;
/** How an end by SIGKILL is reported. */
export const KILLED = SIGNAL_BASE + constants.signals.SIGKILL;
/** Told when a container was seen running and containerd lost how it ended. */
export const UNKNOWN_EXIT_CODE = 255;

/**
 * @param sawOom whether the kernel killed for want of memory during this run. It may have been a child of the game:
 *   only an end by SIGKILL makes it the game's own.
 */
export function exitStatus(exitCode: number, exitedAt: number, sawOom: boolean): ExitStatus {
  const number = exitCode - SIGNAL_BASE;
  const signal = Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null;
  return { exitCode, signal, oomKilled: sawOom && exitCode === KILLED, exitedAt };
}
