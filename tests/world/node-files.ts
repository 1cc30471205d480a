/** What the tests read on the node's disk, behind Catalyst's back. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder of a server on this machine's node. */
export function serverFolder(dataDir: string, serverId: string): string {
  const found = readdirSync(dataDir, { recursive: true, encoding: "utf8" }).find((path) =>
    path.endsWith(`servers/${serverId}`),
  );
  if (!found) throw new Error(`no folder of server ${serverId} below ${dataDir}`);
  return join(dataDir, found);
}

/** Everything in a server's console log files, oldest first: rotated segments by name, then the current one. */
export function consoleFileText(dataDir: string, serverId: string): string {
  const folder = join(serverFolder(dataDir, serverId), "console");
  const segments = readdirSync(folder).filter((name) => name.startsWith("@"));
  return [...segments.sort(), "current"].map((name) => readFileSync(join(folder, name), "utf8")).join("");
}
