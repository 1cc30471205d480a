import { spawnSync } from "node:child_process";

let isAvailable: boolean | undefined;

/** A parent that died before the kernel knew the wish would never be mourned: whoever has another one now ends. */
const UNLESS_ORPHANED = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"';

/**
 * A command line whose process gets `signal` when its parent, this process, dies, however that dies: the kernel sends it.
 *
 * Where the system cannot do that (it takes Linux and util-linux), the command line comes back as it was; then the next
 * start ends what was left.
 */
export function endWithParent(signal: "SIGTERM" | "SIGINT", file: string, args: string[]): [string, string[]] {
  isAvailable ??= process.platform === "linux" && spawnSync("setpriv", ["--pdeathsig", "TERM", "true"]).status === 0;
  if (!isAvailable) return [file, args];
  const guarded = ["/bin/sh", "-c", UNLESS_ORPHANED, "sh", String(process.pid), file, ...args];
  return ["setpriv", ["--pdeathsig", signal.slice(3), "--", ...guarded]];
}
