/** Which power actions make sense in which state. Pure. */
import type { PowerAction, ServerState } from "../../../protocol/server-state.ts";

const SETTLED: readonly ServerState[] = ["stopped", "crashed", "error"];

/**
 * Why an action cannot be asked for now, as a sentence; null when it can.
 *
 * @param isWaiting the node is going to start the server again by itself: a stop takes that back.
 * @param isHeld the node is under maintenance: nothing starts.
 */
export function powerObstacle(
  action: PowerAction,
  state: ServerState,
  nodeIsOnline: boolean,
  { isWaiting = false, isHeld = false }: { isWaiting?: boolean; isHeld?: boolean } = {},
): string | null {
  if (!nodeIsOnline) return "The node is offline.";
  if (state === "suspended") return "The server is suspended.";
  if (state === "installing") return "The server is being installed.";
  if (isHeld && (action === "start" || action === "restart")) return "The node is under maintenance.";
  if (isWaiting && action === "stop") return null;
  switch (action) {
    case "start":
      if (SETTLED.includes(state)) return null;
      // Remembered: it starts as soon as it has stopped.
      return state === "stopping" ? null : "The server is running.";
    case "stop":
    case "restart":
      if (SETTLED.includes(state)) return "The server is not running.";
      return state === "stopping" ? "The server is stopping already." : null;
    case "kill":
      return SETTLED.includes(state) ? "The server is not running." : null;
  }
}
