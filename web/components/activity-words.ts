/** An entry of the activity as its reader sees it. Pure. */
import type { AuditEntry } from "../../protocol/api/audit.ts";
import { exitWords } from "../../protocol/exit-words.ts";
import { formatDuration } from "./formatting.ts";

/** `server.power.start` as words: what happened to what. */
export function actionWords(action: string): string {
  const words = action.replace(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

interface CrashDetails {
  exitCode: number | null;
  signal: string | null;
  oomKilled: boolean;
  runTimeMs: number | null;
  isRestarted: boolean;
}

function crashWords({ runTimeMs, isRestarted, ...exit }: CrashDetails): string {
  const after = runTimeMs === null || runTimeMs < 1_000 ? "" : ` after ${formatDuration(runTimeMs)}`;
  return `${exitWords(exit)}${after}${isRestarted ? "; it is started again" : ""}.`;
}

/** A sentence for what the panel knows how to tell; null for what is told by its fields. */
export function sentenceOf({ action, details }: Pick<AuditEntry, "action" | "details">): string | null {
  if (action === "server.crashed") return crashWords(details as unknown as CrashDetails);
  if (action === "server.ended") return "It ended by itself, with code 0.";
  if (action === "server.crashes_omitted") return `${details.count} more crashes than are kept one by one.`;
  return null;
}

const fieldWords = (details: AuditEntry["details"]): string =>
  Object.entries(details)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");

/** What the entry says besides. */
export function detailWords(entry: Pick<AuditEntry, "action" | "details">): string {
  return sentenceOf(entry) ?? fieldWords(entry.details);
}
