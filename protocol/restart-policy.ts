import { z } from "zod";
import { CRASH_WINDOW_SECONDS_MAX, CRASH_WINDOW_SECONDS_MIN, MAX_CRASHES_LIMIT } from "./limits.ts";

/**
 * What the agent does when a game ends without having been asked to. An end with code 0 is no crash: `always` brings
 * it back too, the others leave it stopped.
 */
export const restartPolicySchema = z.enum(["always", "on-failure", "never"]);
export type RestartPolicy = z.infer<typeof restartPolicySchema>;
export const RESTART_POLICY_DEFAULT: RestartPolicy = "on-failure";

/** A server that crashes so often within the window is not restarted any more. */
export const maxCrashesSchema = z.number().int().min(1).max(MAX_CRASHES_LIMIT);
export const crashWindowSecondsSchema = z.number().int().min(CRASH_WINDOW_SECONDS_MIN).max(CRASH_WINDOW_SECONDS_MAX);
