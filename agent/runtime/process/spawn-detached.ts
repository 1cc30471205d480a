import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { RuntimeError } from "../container-runtime.ts";

/**
 * Starts a shell that is nobody's child when the agent is gone.
 *
 * @param args of `/bin/sh`.
 * @returns when the shell has begun.
 * @throws RuntimeError in words for the owner when it cannot.
 */
export function spawnDetached(args: string[], cwd: string, env: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!existsSync(cwd)) return reject(new RuntimeError("The server's data folder is missing."));
    const child = spawn("/bin/sh", args, { cwd, env, detached: true, stdio: "ignore" });
    child.once("error", (error) => reject(new RuntimeError(`The server cannot be started: ${error.message}`)));
    child.once("spawn", () => {
      child.unref();
      resolve();
    });
  });
}
