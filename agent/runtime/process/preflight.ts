/** What the process runtime stands on, and what it cannot do. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { Finding } from "../../../protocol/findings.ts";
import { error, ok, warning } from "../../preflight/finding.ts";

export const TOOLS = ["setsid", "env", "mkfifo", "perl", "flock"] as const;
export type Tool = (typeof TOOLS)[number];

const PACKAGE: Record<Tool, string> = {
  setsid: "util-linux",
  env: "coreutils",
  mkfifo: "coreutils",
  perl: "perl-base",
  flock: "util-linux",
};

export function findTool(name: string, path = process.env.PATH ?? ""): string | null {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (folder !== "") return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

export function processPreflight(): Finding[] {
  const isolation = warning(
    "isolation",
    "Isolation",
    "The process runtime isolates nothing: every game runs as the agent's own user, sees the whole machine, and its memory, CPU and process limits are not enforced.",
    "Use it on your own machine with games you trust. For anything else install containerd and nerdctl.",
  );
  const tools = TOOLS.map((name): Finding => {
    const file = findTool(name);
    if (file) return ok(name, name, file);
    return error(name, name, `${name} is not installed.`, `Install ${PACKAGE[name]}.`);
  });
  return [isolation, ...tools];
}
