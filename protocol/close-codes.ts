/** WebSocket close codes that Catalyst sends. A `bye` frame with the reason precedes each intended close. */
export const CLOSE = {
  /** Normal end. */
  NORMAL: 1000,
  /** The control plane restarts or another agent took the slot; come back after `reconnectAfterMs`. */
  RESTART: 1012,
  /** A frame was larger than the socket's limit. */
  TOO_BIG: 1009,
  NOT_AUTHENTICATED: 4401,
  FORBIDDEN: 4403,
  NO_SUCH_SERVER: 4404,
  TOO_SLOW: 4408,
  SUSPENDED: 4409,
  TOO_MANY: 4429,
} as const;

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

/** Codes after which a client must not connect again by itself. */
export const FINAL_CLOSE_CODES: readonly number[] = [
  CLOSE.NOT_AUTHENTICATED,
  CLOSE.FORBIDDEN,
  CLOSE.NO_SUCH_SERVER,
  CLOSE.SUSPENDED,
];
