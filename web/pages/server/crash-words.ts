/** A crash as its owner reads it. Pure. */
import type { ServerCrash } from "../../../protocol/api/servers.ts";
import { exitWords } from "../../../protocol/exit-words.ts";
import { formatDuration } from "../../components/formatting.ts";

/** How it ended and after how long; the exit code too, where the words do not say it. */
export function crashWords(crash: ServerCrash): string {
  const code = (crash.oomKilled || crash.signal) && crash.exitCode !== null ? ` (exit code ${crash.exitCode})` : "";
  const after =
    crash.runTimeMs === null
      ? ""
      : ` after ${crash.runTimeMs < 1000 ? "less than 1 s" : formatDuration(crash.runTimeMs)}`;
  return `${exitWords(crash)}${code}${after}.`;
}

/** What the node did about it. */
export function outcomeWords(crash: ServerCrash): string {
  if (crash.restartAt === null) return "Left crashed";
  const seconds = Math.max(0, Math.round((Date.parse(crash.restartAt) - Date.parse(crash.at)) / 1000));
  return `Restart after ${seconds} s`;
}

/** Console text without the escape sequences that colour it and move the cursor, and without other control characters. */
export function plainText(text: string): string {
  return text
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g, "")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
}
