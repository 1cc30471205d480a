import { CLOSE, type CloseCode } from "../../protocol/close-codes.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { Bye } from "../../protocol/frames/hub-to-agent.ts";
import { refusalOf } from "../middleware/answer-errors.ts";
import type { Socket, SocketPort } from "../ports/sockets.ts";

const CODES: Partial<Record<ErrorCode, CloseCode>> = {
  UNAUTHENTICATED: CLOSE.NOT_AUTHENTICATED,
  AUTH_EXPIRED: CLOSE.NOT_AUTHENTICATED,
  PERMISSION_DENIED: CLOSE.FORBIDDEN,
  NOT_FOUND: CLOSE.NO_SUCH_SERVER,
  SERVER_SUSPENDED: CLOSE.SUSPENDED,
  RATE_LIMITED: CLOSE.TOO_MANY,
};
/** Anything that is not the client's fault passes: it may come back after this. */
const RETRY_AFTER_MS = 3_000;

/** The close code of an error; what has none of its own ends with RESTART, after which clients come back. */
export const closeCodeOf = (code: ErrorCode): CloseCode => CODES[code] ?? CLOSE.RESTART;

/** Says why, then closes. */
export function sayBye(socket: Socket, code: CloseCode, reason: string): void {
  const bye: Bye = {
    type: "bye",
    code,
    reason: reason.slice(0, 200),
    reconnectAfterMs: code === CLOSE.RESTART ? RETRY_AFTER_MS : 0,
  };
  socket.send(JSON.stringify(bye));
  socket.close(code, reason.slice(0, 40));
}

/**
 * Answers an upgrade that is refused by accepting it and closing at once with the reason: a browser cannot read the
 * status of a failed upgrade.
 */
export function refuseUpgrade(sockets: SocketPort, error: unknown): Response {
  const refusal = refusalOf(error);
  const { socket, response } = sockets.accept();
  sayBye(socket, closeCodeOf(refusal.code), refusal.message);
  return response;
}
