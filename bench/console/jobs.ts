/** What the measuring process is told to do, and what it answers. */
import type { Verdict } from "./burst-lines.ts";

/** Where the viewers connect: a panel's console, or the bare relay. */
export interface ConsoleTarget {
  socketUrl: string;
  serverId: string;
  /** Null at the relay, which asks nobody who they are and remembers nothing. */
  panel: { url: string; token: string } | null;
}

export type Job =
  | { kind: "connect"; target: ConsoleTarget; viewers: number }
  /** `pauseMs` 0 types the next command as soon as the answer came. */
  | { kind: "echo"; trips: number; pauseMs: number }
  | { kind: "tick"; lines: number; everyMs: number }
  | { kind: "burst"; lines: number }
  | { kind: "disconnect" };

export interface Connected {
  /** What the sockets agreed on, such as `permessage-deflate`; empty for none. */
  extensions: string;
}

/** Latencies in milliseconds. */
export interface Latencies {
  ms: number[];
}

export interface ViewerBurst extends Verdict {
  linesPerSecond: number;
  gaps: number;
  gapBytes: number;
  /** Frames whose offset was not the one expected: text twice, or a hole that no gap names. */
  faults: number;
}

export interface BurstResult {
  viewers: ViewerBurst[];
  /** From the command to the last line at the last viewer, gaps filled. */
  commandToLastMs: number;
}

export interface JobResults {
  connect: Connected;
  echo: Latencies;
  tick: Latencies;
  burst: BurstResult;
  disconnect: null;
}

export interface JobMessage {
  id: number;
  job: Job;
}
export type JobAnswer = { id: number; result: unknown } | { id: number; error: string };
