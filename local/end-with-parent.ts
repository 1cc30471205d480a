import { spawnSync } from "node:child_process";

let isAvailable: boolean | undefined;

/**
 * A command line whose process gets `signal` when its parent dies, however that dies: the kernel sends it.
 *
 * Where the system cannot do that (it takes Linux and util-linux), the command line comes back as it was; then the next
 * start ends what was left.
 */
export function endWithParent(signal: "SIGTERM" | "SIGINT", file: string, args: string[]): [string, string[]] {
  isAvailable ??= process.platform === "linux" && spawnSync("setpriv", ["--pdeathsig", "TERM", "true"]).status === 0;
  return isAvailable ? ["setpriv", ["--pdeathsig", signal.slice(3), "--", file, ...args]] : [file, args];
}
