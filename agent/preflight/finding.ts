import type { Finding } from "../../protocol/findings.ts";

/** How a check says what it found. `id` is the finding's lasting name, in lower case with hyphens. */
export const ok = (id: string, subject: string, message: string): Finding => ({
  id,
  level: "ok",
  subject,
  message,
  remedy: "",
});

/** Games run, but not as they should. */
export const warning = (id: string, subject: string, message: string, remedy: string): Finding => ({
  id,
  level: "warning",
  subject,
  message,
  remedy,
});

/** Games cannot run, or what they do is not safe. */
export const error = (id: string, subject: string, message: string, remedy: string): Finding => ({
  id,
  level: "error",
  subject,
  message,
  remedy,
});

/** Why this node cannot run servers, in one sentence for people; null when nothing stands against it. */
export function troubleOf(findings: readonly Finding[]): string | null {
  const first = findings.find((finding) => finding.level === "error");
  return first ? first.message : null;
}
