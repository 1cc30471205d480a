/** Keeps a second agent off the same data folder. The kernel holds the lock, so it ends with the process, however that ends. */
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "./config.ts";

/** Exit code of `flock -n` for a lock that somebody else holds. */
const HELD = 1;

/**
 * @returns lets the lock go.
 * @throws ConfigError when another agent holds it.
 */
export async function lockDataFolder(dataDir: string): Promise<() => void> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const fd = openSync(join(dataDir, "lock"), "a", 0o600);
  // The lock belongs to the open file, which flock(1) shares with this process and this process keeps.
  const { status, error } = spawnSync("flock", ["-n", "-x", "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
  if (status === 0) return () => closeSync(fd);
  closeSync(fd);
  if (error) throw new ConfigError("The program flock (package util-linux) is not installed.");
  if (status === HELD) throw new ConfigError(`Another Catalyst agent is running on ${dataDir}.`);
  throw new ConfigError(`${dataDir} cannot be locked.`);
}
