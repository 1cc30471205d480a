/** What the server page says of a disk besides its figures. */
import type { ResourceStats } from "../../../protocol/frames/shared.ts";

export interface DiskWords {
  text: string;
  tone: "danger" | "warning" | "plain";
}

type DiskStats = Pick<ResourceStats, "diskLimitKind" | "diskState" | "diskNotice">;

function stateWords({ diskLimitKind, diskState }: DiskStats): DiskWords | null {
  if (diskState === "nearly_full") return { text: "Nearly full", tone: "warning" };
  if (diskState !== "full") return null;
  const remedy = "until files are deleted or the limit is raised.";
  return diskLimitKind === "soft"
    ? { text: `Over its limit. It cannot be started again ${remedy}`, tone: "danger" }
    : { text: `Full. Nothing more can be written ${remedy}`, tone: "danger" };
}

/** The most pressing first. */
export function diskWords(stats: DiskStats): DiskWords[] {
  const state = stateWords(stats);
  const notice: DiskWords | null = stats.diskNotice ? { text: stats.diskNotice, tone: "plain" } : null;
  return [state, notice].filter((words) => words !== null);
}

/** After the figure: which kind of limit that is, where it does not stop the game. */
export const limitWords = (limit: string, { diskLimitKind }: DiskStats): string =>
  diskLimitKind === "soft" ? `of ${limit}, soft limit` : `of ${limit}`;
