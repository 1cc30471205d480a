/**
 * Holds an install container's own files, which lie on the node's disk until the container is gone, to a limit. It is
 * looked at now and then: a script can pass it by what it writes within one look.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

const LOOK_MS = 2_000;
const KIB = 1024;

/** What a container has written over its image, by the mounts of its first process; null where the node does not use overlays. */
export function upperFolder(mountInfo: string): string | null {
  for (const line of mountInfo.split("\n")) {
    const [fields, rest] = line.split(" - ");
    if (fields?.split(" ")[4] !== "/" || !rest?.startsWith("overlay ")) continue;
    const folder = /(?:^|,)upperdir=([^,]+)/.exec(rest.split(" ")[2] ?? "")?.[1];
    // The kernel writes spaces and the like as octal escapes.
    return (
      folder?.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))) ?? null
    );
  }
  return null;
}

function diskBytes(folder: string): Promise<number> {
  return new Promise((resolve) => {
    // Files that vanish meanwhile make it complain; the sum counts all the same.
    execFile("du", ["-skx", "--", folder], (_error, stdout) => resolve(Number.parseInt(stdout, 10) * KIB || 0));
  });
}

/**
 * @param pid the container's first process.
 * @param onExceeded called once, when more than `maxBytes` are found.
 * @returns ends the watch.
 */
export function watchLayer(pid: number, maxBytes: number, onExceeded: () => void): () => void {
  let timer: NodeJS.Timeout | null = null;
  let isEnded = false;
  const look = async () => {
    const folder = upperFolder(await readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => ""));
    if (folder === null || isEnded) return;
    const bytes = await diskBytes(folder);
    if (isEnded) return;
    if (bytes > maxBytes) onExceeded();
    else timer = setTimeout(() => void look(), LOOK_MS);
  };
  timer = setTimeout(() => void look(), LOOK_MS);
  return () => {
    isEnded = true;
    if (timer) clearTimeout(timer);
  };
}
