/**
 * One server's console as absolute byte offsets over bounded log files: `[oldest, latest)` can be read, whatever
 * rotated and whoever restarted. Implemented in `segment-log.ts`.
 */
export interface ConsoleChunk {
  /** Absolute offset of the first byte. Greater than asked for when older text is gone: the difference is a gap. */
  offset: number;
  bytes: Buffer;
}

export interface ConsoleLog {
  /** Looks at the files again; resolves with the present bounds. */
  bounds(): Promise<{ oldest: number; latest: number }>;
  /** Reads at most `maxBytes` from `from`; an empty chunk at the end of the log. */
  read(from: number, maxBytes: number): Promise<ConsoleChunk>;
  /** Calls `onGrowth` soon after text was appended, possibly once for many appends. Costs nothing while unused. Returns an unsubscribe function. */
  follow(onGrowth: () => void): () => void;
  close(): Promise<void>;
}
