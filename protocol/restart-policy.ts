import { z } from "zod";

/**
 * What the agent does when a game ends without having been asked to. An end with code 0 is no crash: `always` brings
 * it back too, the others leave it stopped.
 */
export const RESTART_POLICIES = ["always", "on-failure", "never"] as const;
export const restartPolicySchema = z.enum(RESTART_POLICIES);
export type RestartPolicy = z.infer<typeof restartPolicySchema>;

export const RESTART_POLICY_DEFAULT: RestartPolicy = "on-failure";

/** A server that crashes so often within the window is not restarted any more. */
export const MAX_CRASHES_DEFAULT = 5;
export const MAX_CRASHES_LIMIT = 100;
export const CRASH_WINDOW_SECONDS_DEFAULT = 10 * 60;
export const CRASH_WINDOW_SECONDS_MIN = 10;
export const CRASH_WINDOW_SECONDS_MAX = 24 * 60 * 60;

export const maxCrashesSchema = z.number().int().min(1).max(MAX_CRASHES_LIMIT);
export const crashWindowSecondsSchema = z.number().int().min(CRASH_WINDOW_SECONDS_MIN).max(CRASH_WINDOW_SECONDS_MAX);

/** What an owner reads of a game's end. */
export function exitWords(exit: { exitCode: number | null; signal: string | null; oomKilled: boolean }): string {
  if (exit.oomKilled) return "It used more memory than its limit and was ended";
  if (exit.signal) return `It was ended by ${exit.signal}`;
  if (exit.exitCode === null) return "It ended while the agent was away; how is not known";
  return `It exited with code ${exit.exitCode}`;
}
