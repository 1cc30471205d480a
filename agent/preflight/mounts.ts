/** Mounted file systems, from `/proc/self/mountinfo`. */
export interface Mount {
  folder: string;
  type: string;
  isReadOnly: boolean;
}

/** Spaces and such stand in the file as octal escapes. */
const unescaped = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** The mount that holds an absolute path; of several on one folder the last, which hides the others. */
export function mountOf(path: string, mountinfo: string): Mount | null {
  let found: Mount | null = null;
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , , mountPoint, options = ""] = left.split(" ");
    const [type = "", , superOptions = ""] = right.split(" ");
    if (mountPoint === undefined) continue;
    const folder = unescaped(mountPoint);
    const holds = folder === "/" || path === folder || path.startsWith(`${folder}/`);
    if (!holds || (found && folder.length < found.folder.length)) continue;
    const isReadOnly = options.split(",").includes("ro") || superOptions.split(",").includes("ro");
    found = { folder, type, isReadOnly };
  }
  return found;
}
