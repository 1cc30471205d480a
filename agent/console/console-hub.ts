/** What the rest of the agent needs of consoles. Implemented in `console-streams.ts`. */
import type { ConsoleLog } from "./console-log.ts";

export interface ConsoleSink {
  /** Sends one text frame to the hub; false when the link is down (the frame is dropped: offsets mend it). */
  send(frame: string): boolean;
  /** Bytes accepted by `send` and not yet on the wire. */
  bufferedBytes(): number;
}

export interface ConsoleStreams {
  /** `console_open`: live text from the log's present end. Repeating is harmless. */
  open(serverId: string): Promise<void>;
  close(serverId: string): void;
  /** `console_credit`. */
  credit(serverId: string, offset: number): void;
  /** `console_replay`: see the protocol for the joining rule. */
  replay(serverId: string, requestId: string, from: number | null, maxBytes: number): Promise<void>;
  /** The link was lost: every stream ends; the hub opens again what it needs. */
  reset(): void;
}

/** Opens the log of a server; the same object for the same id. */
export type OpenConsoleLog = (serverId: string) => ConsoleLog;
