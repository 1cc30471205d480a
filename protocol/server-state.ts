import { z } from "zod";

/** Every state a server can be observed in (design section 10). */
export const SERVER_STATES = [
  "installing",
  "stopped",
  "starting",
  "running",
  "stopping",
  "crashed",
  "suspended",
  "error",
] as const;
export const serverStateSchema = z.enum(SERVER_STATES);
export type ServerState = z.infer<typeof serverStateSchema>;

export const POWER_ACTIONS = ["start", "stop", "restart", "kill"] as const;
export const powerActionSchema = z.enum(POWER_ACTIONS);
export type PowerAction = z.infer<typeof powerActionSchema>;

/** What the owner last asked for; the agent brings a server back to it after any restart. */
export const desiredPowerSchema = z.enum(["running", "stopped"]);
export type DesiredPower = z.infer<typeof desiredPowerSchema>;
