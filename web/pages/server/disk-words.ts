/** What the server page says of a disk besides its figures. Pure. */
import type { ResourceStats } from "../../../protocol/frames/shared.ts";
import { formatBytes } from "../../components/formatting.ts";

export interface DiskTrouble {
  text: string;
  tone: "danger" | "warning";
}

type DiskStats = Pick<ResourceStats, "diskBytes" | "diskLimitBytes" | "diskLimitKind" | "diskState">;

/** Null while there is room, and of an older node that tells nothing. */
export function diskTrouble({ diskBytes, diskLimitBytes, diskLimitKind, diskState }: DiskStats): DiskTrouble | null {
  const use = `${formatBytes(diskBytes)} of ${formatBytes(diskLimitBytes)} are used.`;
  if (diskState === "nearly_full") return { text: `The disk is nearly full: ${use}`, tone: "warning" };
  if (diskState !== "full") return null;
  const remedy = "until files are deleted or the limit is raised.";
  return diskLimitKind === "soft"
    ? { text: `The disk is over its limit: ${use} The server cannot be started again ${remedy}`, tone: "danger" }
    : { text: `The disk is full: ${use} Nothing more can be written ${remedy}`, tone: "danger" };
}

/** After the figure: which kind of limit that is, where it does not stop the game. */
export const limitWords = (limit: string, { diskLimitKind }: Pick<ResourceStats, "diskLimitKind">): string =>
  diskLimitKind === "soft" ? `of ${limit}, soft limit` : `of ${limit}`;
