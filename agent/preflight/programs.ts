/** Programs of this machine. */
import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { programPath } from "../run-program.ts";

export const isExecutable = (file: string) =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Where a program is, on `PATH` or where systems keep theirs. */
export async function findProgram(name: string, path?: string): Promise<string | null> {
  if (isAbsolute(name)) return (await isExecutable(name)) ? name : null;
  for (const folder of programPath(path).split(delimiter)) {
    if (folder !== "" && (await isExecutable(join(folder, name)))) return join(folder, name);
  }
  return null;
}

/** Whether a version such as `v2.3.5` or `1.1.5+ds1` is at least `minimum`. */
export function isAtLeast(version: string, minimum: string): boolean {
  const parts = (text: string) => (/\d+(?:\.\d+)*/.exec(text)?.[0] ?? "0").split(".").map(Number);
  const [have, want] = [parts(version), parts(minimum)];
  for (const [i, part] of want.entries()) {
    if ((have[i] ?? 0) !== part) return (have[i] ?? 0) > part;
  }
  return true;
}
