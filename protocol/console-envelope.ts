/**
 * Console text travels from agent to hub in an envelope, so that the hub can route it without parsing the text:
 *
 *     C <serverId> <offset> <bytes> <requestId or ->\n<JSON of a console_output or install_output frame>
 *
 * The hub reads the first line and forwards what follows, the same string to every viewer. A frame with a
 * `requestId` belongs to that replay and goes to one viewer; with `-` it is live text.
 */
export interface ConsoleEnvelope {
  serverId: string;
  /** Absolute byte offset of the text in the server's log. */
  offset: number;
  bytes: number;
  /** Set when the text answers a `console_replay`. */
  requestId: string | null;
  /** The client frame, as JSON text. */
  payload: string;
}

/** Header of the longest ids and numbers; anything longer is not an envelope. */
const HEADER_MAX_CHARS = 256;
const HEADER = /^C ([a-z0-9][a-z0-9-]{0,62}) (\d{1,16}) (\d{1,16}) (-|[A-Za-z0-9._:-]{2,128})$/;

export function isConsoleEnvelope(frame: string): boolean {
  return frame.startsWith("C ");
}

export function encodeConsoleEnvelope(envelope: ConsoleEnvelope): string {
  const { serverId, offset, bytes, requestId, payload } = envelope;
  return `C ${serverId} ${offset} ${bytes} ${requestId ?? "-"}\n${payload}`;
}

/** Returns null for anything that is not an envelope; never throws. */
export function decodeConsoleEnvelope(frame: string): ConsoleEnvelope | null {
  const lineEnd = frame.indexOf("\n");
  if (lineEnd < 0 || lineEnd > HEADER_MAX_CHARS) return null;
  const match = HEADER.exec(frame.slice(0, lineEnd));
  if (!match) return null;
  const offset = Number(match[2]);
  const bytes = Number(match[3]);
  if (!Number.isSafeInteger(offset + bytes)) return null;
  return {
    serverId: match[1]!,
    offset,
    bytes,
    requestId: match[4] === "-" ? null : match[4]!,
    payload: frame.slice(lineEnd + 1),
  };
}
