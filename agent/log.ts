/** Structured logs, one JSON object a line. Nothing that is a secret, and no text of a game, gets in here. */
import { destination, type Logger, pino } from "pino";

export type Log = Logger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const SECRETS = ["secret", "token", "password", "authorization", "environment"];

/** @param file where to write; standard output when not given. */
export function createLog(level: LogLevel, file?: string): Log {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "[redacted]" },
  };
  return pino(
    options,
    destination(file ? { dest: file, sync: true, mkdir: true, mode: 0o640 } : { dest: 1, sync: true }),
  );
}
