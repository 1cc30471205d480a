/** How a template says by which signal its game is stopped. */
import { z } from "zod";

export const STOP_SIGNALS = [
  "SIGINT",
  "SIGTERM",
  "SIGQUIT",
  "SIGHUP",
  "SIGABRT",
  "SIGALRM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGCONT",
  "SIGKILL",
] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/** What these keys do on a terminal: the way templates of this field write "the interrupt key". */
const KEYS: Record<string, StopSignal> = { "^C": "SIGINT", "^\\": "SIGQUIT" };
const SIGNAL_LIKE = /^(?:sig[a-z0-9]{2,8}|\^.)$/i;

function named(text: string): StopSignal | null {
  const upper = text.trim().toUpperCase();
  return KEYS[upper] ?? STOP_SIGNALS.find((signal) => signal === upper) ?? null;
}

/** A signal's name in any case, with or without `SIG`, or a key such as `^C`. */
export const stopSignalSchema = z
  .string()
  .max(20)
  .transform((text, context): StopSignal => {
    const signal = named(text) ?? named(`SIG${text.trim()}`);
    if (signal) return signal;
    context.addIssue({ code: "custom", message: `is no signal; use one of ${STOP_SIGNALS.join(", ")}` });
    return z.NEVER;
  });

/** What is wrong with a stop command, or null: something that looks like a signal must be one. */
export const stopCommandDefect = (command: string): string | null =>
  SIGNAL_LIKE.test(command.trim()) && !named(command)
    ? `looks like a signal but is none; use ${STOP_SIGNALS.join(", ")}, ^C or ^\\`
    : null;

/** The signal to stop by, or null when it is a line for the console. */
export function stopSignalOf(template: { stopCommand: string; sendSignalTo?: string | undefined }): StopSignal | null {
  if (template.sendSignalTo) return named(template.sendSignalTo);
  return named(template.stopCommand);
}
