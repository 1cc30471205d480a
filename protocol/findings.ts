/** What a node's health check found. It comes from the node, which may be anybody's by now: bounded, and shown as plain text. */
import { z } from "zod";

/** Findings of one check, and the length of each of their texts. */
export const FINDINGS_MAX = 64;
export const FINDING_TEXT_MAX = 400;
const SUBJECT_MAX = 60;

export const FINDING_LEVELS = ["ok", "warning", "error"] as const;

export const findingSchema = z.object({
  /** Names what was looked at, the same at every check and in every version: such as `containerd` or `clock`. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/),
  level: z.enum(FINDING_LEVELS),
  subject: z.string().min(1).max(SUBJECT_MAX),
  message: z.string().max(FINDING_TEXT_MAX),
  /** What to do about it; empty when ok. */
  remedy: z.string().max(FINDING_TEXT_MAX),
});
export type Finding = z.infer<typeof findingSchema>;

const mbSchema = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
/** What the machine has, whatever was declared for the node. */
export const machineSchema = z.object({
  memoryMb: mbSchema,
  swapMb: mbSchema,
  cpuCores: z.number().int().nonnegative().max(65_536),
  /** Of the file system that holds the servers. */
  diskMb: mbSchema,
});
export type Machine = z.infer<typeof machineSchema>;

/** One health check. Answer to the operation `preflight`, and what an agent reports by itself after it connected. */
export const preflightReplySchema = z.object({
  findings: z.array(findingSchema).max(FINDINGS_MAX),
  machine: machineSchema,
});
export type PreflightReply = z.infer<typeof preflightReplySchema>;

const LINE_BREAKERS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;
/** Invisible characters, among them those that turn the direction of the text around them. */
const INVISIBLE = /\p{Cf}/gu;

/** Text of a node as one line that shows what it holds. */
export function plainLine(text: string): string {
  return text.toWellFormed().replace(LINE_BREAKERS, " ").replace(INVISIBLE, "").trim();
}
